"""Checks of the WeCom settings: what must be set together, has a wrong form, or must not be on. Prints no value."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from jiayi.checks import unwritable
from wecom.api.addresses import check_base_url, robot_address
from wecom.inbound.callback import configured_keys

CALLBACK = ("WECHAT_CORP_ID", "WECHAT_CALLBACK_TOKEN", "WECHAT_ENCODING_AES_KEY")
HELP = "docs/wecom-setup.md says where each value stands in WeCom's console."


@register()
def check_callback(**kwargs: Any) -> list[CheckMessage]:
    """Check that the three settings of the callback are set together, and have the right form (E001, E002)."""
    unset = [name for name in CALLBACK if not getattr(settings, name)]
    if unset and len(unset) < len(CALLBACK):
        return [Error(f"The WeCom callback also needs {', '.join(unset)}.", hint=HELP, id="wecom.E001")]
    if unset:
        return []
    try:
        configured_keys()
    except ImproperlyConfigured as error:
        return [Error(f"The WeCom callback's settings are wrong: {error}.", hint=HELP, id="wecom.E002")]
    return []


@register()
def check_addresses(**kwargs: Any) -> list[CheckMessage]:
    """Check that the addresses of the robot and of the API are allowed ones (E003, E004)."""
    found: list[CheckMessage] = []
    try:
        if settings.WECHAT_WEBHOOK_URL:
            robot_address(settings.WECHAT_WEBHOOK_URL)
    except ValueError as error:
        found.append(Error(str(error), hint=HELP, id="wecom.E003"))
    try:
        check_base_url(settings.WECHAT_API_BASE_URL)
    except (ValueError, ImproperlyConfigured) as error:
        found.append(Error(str(error), hint=HELP, id="wecom.E004"))
    return found


@register()
def check_app(**kwargs: Any) -> list[CheckMessage]:
    """Check that the app's secret has its AgentId and CorpID beside it, and the AgentId is a number (E005, E006)."""
    found: list[CheckMessage] = []
    if settings.WECHAT_APP_SECRET and not (settings.WECHAT_AGENT_ID and settings.WECHAT_CORP_ID):
        message = "WECHAT_APP_SECRET also needs WECHAT_AGENT_ID and WECHAT_CORP_ID."
        found.append(Error(message, hint=HELP, id="wecom.E005"))
    agent_id = settings.WECHAT_AGENT_ID
    if agent_id and not (agent_id.isascii() and agent_id.isdigit()):
        found.append(Error("WECHAT_AGENT_ID must be a number, like 1000002.", hint=HELP, id="wecom.E006"))
    return found


@register(deploy=True)
def check_connected(**kwargs: Any) -> list[CheckMessage]:
    """Check that both ways to WeCom are configured in production (W001, W002)."""
    found: list[CheckMessage] = []
    if not settings.WECHAT_WEBHOOK_URL:
        message = "WECHAT_WEBHOOK_URL is not set: notifications wait until it is."
        found.append(Warning(message, hint=HELP, id="wecom.W001"))
    if not settings.WECHAT_CORP_ID:
        message = "The WeCom callback is not configured: advisors cannot answer from WeCom."
        found.append(Warning(message, hint=HELP, id="wecom.W002"))
    return found


@register()
def check_sandbox(**kwargs: Any) -> list[CheckMessage]:
    if settings.WECOM_SANDBOX and not settings.DEBUG and "wecom.sandbox" not in settings.INSTALLED_APPS:
        hint = "Unset WECOM_SANDBOX: it answers in WeCom's place and lets anybody write as any colleague."
        return [Error("WECOM_SANDBOX is on although DEBUG is off.", hint=hint, id="jiayi.E002")]
    return []


@register(deploy=True)
def check_spool(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    var = Path(settings.VAR_DIR)
    spool = var / "spool"
    # What is not there yet is made when it is needed, if what it will be in can be written.
    places = {next(place for place in (folder, *folder.parents) if place.exists()) for folder in (var, spool)}
    for place in sorted(places):
        if problem := unwritable(place):
            hint = (
                "Callbacks that wait are kept in var/spool: chown it to the user that Jiayi runs as, and free the disk."
            )
            found.append(Error(f"{place} cannot be written: {problem}.", hint=hint, id="jiayi.E007"))
    return found
