"""A probe of WeCom's API: whether it can be reached, gives a token, and trusts this machine. Changes nothing there."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from wecom.api.addresses import base_url
from wecom.api.client import WeComError, fetch_app
from wecom.api.errcodes import Verdict
from wecom.api.tokens import app_token, with_token
from wecom.diagnosis.findings import Finding
from wecom.outbound.channels import app_is_configured

UNTRUSTED_IP = 60020  # DOC 90313


def ask() -> list[Finding]:
    """Return what WeCom answers now. Stops at the first step that fails, because the next ones need it.

    A secret that WeCom refused is not tried again (tokens.py): WeCom bans an address that keeps asking.
    """
    found = [_reach()]
    if found[-1].level == "ok" and app_is_configured():
        found.append(_token())
    if found[-1].level == "ok" and app_is_configured():
        found.append(_trust())
    return found


def _reach() -> Finding:
    """Call without a token: WeCom refuses by an errcode, which proves that it is WeCom and can be reached."""
    title = _("企业微信接口")
    try:
        host = base_url()
        fetch_app("", settings.WECHAT_AGENT_ID)
    except ImproperlyConfigured as error:
        return Finding(title, "bad", str(error), _("清空 WECHAT_API_BASE_URL（默认就是官方地址），然后重启。"))
    except WeComError as error:
        if error.errcode is None:
            fix = _("检查服务器能否访问外网的 %s（DNS、防火墙、代理、系统时间），以及 WECHAT_API_BASE_URL。") % host
            return Finding(title, "bad", error.reason, fix)
    return Finding(title, "ok", _("可以访问 %s。") % host)


def _token() -> Finding:
    title = "access_token"
    try:
        app_token()
    except WeComError as error:
        if error.verdict is not Verdict.CONFIGURATION:
            return Finding(title, "warn", error.reason, _("过几分钟再检查一次。"))
        fix = _(
            "在应用详情页核对 Secret 和企业 ID，改正 .env 后重启网站和发送进程。"
            "同一个 Secret 被拒绝后一小时内不会再试，以免企业微信封锁本机 IP。"
        )
        return Finding(title, "bad", error.reason, fix)
    return Finding(title, "ok", _("可以获取。"))


def _trust() -> Finding:
    title = _("应用与可信 IP")
    try:
        answer = with_token(lambda token: fetch_app(token, settings.WECHAT_AGENT_ID))
    except WeComError as error:
        if error.errcode == UNTRUSTED_IP:
            fix = _("在应用详情页的「企业可信 IP」中填入说明里的 IP，等约 1 分钟后再检查。")
        elif error.verdict is Verdict.CONFIGURATION:
            fix = _("照说明在企业微信管理后台或 .env 里改正，再检查一次。")
        else:
            return Finding(title, "warn", error.reason, _("过几分钟再检查一次。"))
        return Finding(title, "bad", error.reason, fix)
    if answer.data.get("close") == 1:
        return Finding(title, "bad", _("应用已停用。"), _("在企业微信管理后台的应用详情页启用它。"))
    return Finding(title, "ok", _("企业微信接受本机的 IP、AgentId 和 Secret。"))
