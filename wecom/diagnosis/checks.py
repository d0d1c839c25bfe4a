"""Django's system checks of the WeCom settings: which belong together, and their form. No value is ever printed."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

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
