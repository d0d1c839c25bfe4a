"""Checks of the addresses that Jiayi calls as WeCom: the official host over https, or loopback, and no other."""

import ipaddress
import re
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

OFFICIAL = "https://qyapi.weixin.qq.com"
WEBHOOK_PATH = "/cgi-bin/webhook/send"

# Anything not of this shape (userinfo, backslash, query, fragment, "..", control characters) is refused unparsed.
_BASE = re.compile(
    r"(?P<scheme>https?)://(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<prefix>(?:/[0-9A-Za-z_~-][0-9A-Za-z._~-]*)*)/?",
    re.IGNORECASE,
)
_KEY = re.compile(r"[0-9A-Za-z_-]{1,128}")
_QUOTES_AND_SPACE = " \t\r\n\"'“”‘’"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host == "[::1]":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def _checked(base: str) -> str:
    """Return the base URL in its plain form, without a slash at its end. Raises ValueError naming the problem."""
    match = _BASE.fullmatch(base)
    if not match:
        raise ValueError("地址格式不正确，或含有不允许的部分（用户名、参数、特殊字符）。")
    scheme, host, port, prefix = match["scheme"].lower(), match["host"].lower(), match["port"], match["prefix"]
    if _is_loopback(host):
        if port is not None and not 1 <= int(port) <= 65535:
            raise ValueError("端口不正确。")
        return f"{scheme}://{host}{f':{int(port)}' if port else ''}{prefix}"
    if f"https://{host}" != OFFICIAL:
        raise ValueError("主机不允许：只能是企业微信官方地址 qyapi.weixin.qq.com，或本机回环地址。")
    if scheme != "https":
        raise ValueError("企业微信官方地址必须使用 https。")
    if port is not None or prefix:
        raise ValueError("企业微信官方地址不能带端口或其他路径。")
    return OFFICIAL


def check_base_url(value: str) -> str:
    """Return WECHAT_API_BASE_URL in its plain form: the official host over https, or loopback (with a path prefix).

    Raises ImproperlyConfigured, naming the variable and the problem but not the value.
    """
    try:
        return _checked(value)
    except ValueError as problem:
        raise ImproperlyConfigured(f"WECHAT_API_BASE_URL：{problem}") from None


def base_url() -> str:
    """Return the checked base URL of WeCom's API from the settings, read at each call.

    Raises ImproperlyConfigured, see check_base_url.
    """
    return check_base_url(settings.WECHAT_API_BASE_URL)


@dataclass(frozen=True)
class RobotAddress:
    """The address of a group robot: base URL and key (DOC 99110). Raises ValueError for a host that is not allowed.

    The key is the robot's only secret, so it is not in the repr.
    """

    base: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        if _checked(self.base) != self.base:
            raise ValueError("地址不是规范形式。")
        if not _KEY.fullmatch(self.key):
            raise ValueError("key 缺失，或含有字母、数字、- 和 _ 以外的字符。")


def robot_address(value: str) -> RobotAddress:
    """Return the robot that WECHAT_WEBHOOK_URL names: the whole URL, or only its key (DOC 99110).

    Space and quotes around it are tolerated. A key alone goes to base_url(); a URL says its host itself, loopback ones
    with any path before /cgi-bin/webhook/send. Raises ValueError, naming the problem and never the key, and
    ImproperlyConfigured when a key alone meets a wrong WECHAT_API_BASE_URL.
    """
    value = value.strip(_QUOTES_AND_SPACE)
    if not value:
        raise ValueError("WECHAT_WEBHOOK_URL 是空的。")
    if _KEY.fullmatch(value):
        return RobotAddress(base_url(), value)
    address, _, query = value.partition("?")
    if "://" not in address:
        raise ValueError("WECHAT_WEBHOOK_URL 既不是完整的 Webhook 地址，也不是 key。")
    if not address.endswith(WEBHOOK_PATH):
        raise ValueError(f"WECHAT_WEBHOOK_URL 的路径应为 {WEBHOOK_PATH}。")
    if not query.startswith("key="):
        raise ValueError("WECHAT_WEBHOOK_URL 缺少 key 参数。")
    try:
        return RobotAddress(_checked(address.removesuffix(WEBHOOK_PATH)), query.removeprefix("key="))
    except ValueError as problem:
        raise ValueError(f"WECHAT_WEBHOOK_URL：{problem}") from None
