"""Reading of WeCom's HTTP responses: which are a success, and what an error means. wecom.api.client does the I/O."""

import contextlib
import http
import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.http import parse_header_parameters

from wecom.api.errcodes import Verdict, explain

JSON_BYTES = 64 * 1024
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1  # what a database's integer column holds
_TOKEN_LENGTH = 512  # bytes (DOC 91039)
_DAY = 24 * 3600  # seconds


class WeComError(Exception):
    """A request to WeCom that did not succeed; the only exception type that leaves wecom.api.client.

    `reason` is for people (Chinese, no secret), `wait` the seconds to wait at least before the next try.
    """

    def __init__(self, reason: str, verdict: Verdict, errcode: int | None = None, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.verdict = verdict
        self.errcode = errcode
        self.wait = wait

    @property
    def permanent(self) -> bool:
        """Return whether the same request can only succeed after a person has changed something."""
        return self.verdict in {Verdict.PAYLOAD, Verdict.CONFIGURATION}


@dataclass(frozen=True)
class Answer:
    """WeCom's answer to a request that succeeded. `data` is the whole JSON object and may hold secrets."""

    errcode: int
    errmsg: str
    data: dict[str, Any] = field(repr=False)
    duration_ms: int


@dataclass(frozen=True)
class Token:
    """An access token and for how many seconds it is good (DOC 91039)."""

    value: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True)
class Media:
    """A downloaded file. `content_type` and `filename` are what WeCom says, not to be trusted."""

    content: bytes = field(repr=False)
    content_type: str
    filename: str


@dataclass(frozen=True)
class Response:
    """An HTTP response, its body uncompressed. Of a body that is too long, one byte more than allowed is kept."""

    status: int
    content_type: str
    disposition: str
    body: bytes = field(repr=False)
    duration_ms: int


def read_answer(response: Response, secrets: Iterable[str] = (), proof: str = "") -> Answer:
    """Return the answer when it is a success: HTTP 200 and errcode 0. Raises WeComError.

    Some of WeCom's answers leave errcode out on success (DOC 90664). That counts only with `proof`, the field the
    request was made for: `{}` from a portal in between must not pass for a delivered message. `secrets` are masked in
    errmsg, in case the other side repeats what it was sent.
    """
    data = _json_object(response)
    errcode = _errcode(data, proof)
    if response.status == http.HTTPStatus.OK and errcode == 0:
        errmsg = str(data.get("errmsg", ""))
        for secret in secrets:
            errmsg = errmsg.replace(secret, "***")
        return Answer(0, storable(errmsg)[:200], data, response.duration_ms)
    if errcode and response.status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
        known = explain(errcode)
        raise WeComError(known.text + _refused_ip(errcode, data), known.verdict, errcode, known.wait)
    raise _unreadable() if response.status == http.HTTPStatus.OK else _status_error(response.status)


def read_token(answer: Answer) -> Token:
    """Return the token in gettoken's answer (DOC 91039). Raises WeComError when there is none."""
    value, expires_in = answer.data.get("access_token"), answer.data.get("expires_in")
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_LENGTH or storable(value) != value:
        raise _unreadable()
    if type(expires_in) is not int or expires_in <= 0:
        raise _unreadable()
    return Token(value, min(expires_in, _DAY))


def read_media(response: Response, max_bytes: int) -> Media:
    """Return the file in media/get's response (DOC 90254). Raises WeComError, also when it is over max_bytes.

    WeCom reports errors as JSON in place of the file and does not say with which status, so the content decides.
    """
    content_type, _ = _header(response.content_type)
    if response.status != http.HTTPStatus.OK or "json" in content_type or response.body.lstrip()[:1] == b"{":
        read_answer(response)  # raises what the errcode says
        raise _unreadable()
    if len(response.body) > max_bytes:
        raise WeComError(f"文件超过 {max_bytes // 1024} KB，未取回，请改用网站上传。", Verdict.PAYLOAD)
    if content_type == "text/html" or not response.body:  # a portal in between, not WeCom
        raise _unreadable()
    _, parameters = _header(response.disposition)
    return Media(response.body, content_type, _last_part(parameters.get("filename", "")))


def undelivered(answer: Answer) -> set[str]:
    """Return the accounts, lower-cased, that an application message did not reach although errcode is 0 (DOC 90236)."""
    listed = [answer.data.get("invaliduser"), answer.data.get("unlicenseduser")]
    names = "|".join(part for part in listed if isinstance(part, str)).split("|")
    return {name.strip().lower() for name in names if name.strip()}


def storable(text: str) -> str:
    """Return the text without what a database refuses: half a surrogate pair, and NUL (PostgreSQL)."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _json_object(response: Response) -> dict[str, Any]:
    """Return the JSON object in the body, or an empty one when there is none (too long, not JSON, not an object)."""
    if len(response.body) > JSON_BYTES:
        return {}
    try:
        data = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _errcode(data: dict[str, Any], proof: str) -> int | None:
    value = data.get("errcode", 0 if proof and data.get(proof) else None)
    # An integer alone: no documented answer has a bool or "0" here.
    return value if type(value) is int and _SMALLEST <= value <= _LARGEST else None


def _unreadable() -> WeComError:
    return WeComError("企业微信的答复无法识别，稍后自动重试。", Verdict.RETRY)


def _status_error(status: int) -> WeComError:
    """Return the error for an HTTP status other than 200 that came without a readable errcode.

    WeCom's API says what is wrong by errcode with status 200. A 4xx without one therefore comes from something on the
    way (a gateway, a wrong WECHAT_API_BASE_URL), and only a person mends that: CONFIGURATION keeps everything waiting,
    where PAYLOAD would give up message after message. 413 is about this payload alone; 408, 425 and 429 pass.
    """
    if 300 <= status < 400:
        return WeComError(f"企业微信的答复要求转到别的地址（HTTP {status}），已拒绝，稍后自动重试。", Verdict.RETRY)
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return WeComError("请求过于频繁（HTTP 429），至少等待 60 秒后自动重试。", Verdict.RETRY, wait=60.0)
    if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return WeComError("请求内容过大（HTTP 413），请缩短内容后重发。", Verdict.PAYLOAD)
    if 400 <= status < 500 and status not in {http.HTTPStatus.REQUEST_TIMEOUT, http.HTTPStatus.TOO_EARLY}:
        text = f"请求在到达企业微信之前被拒绝（HTTP {status}），请检查 WECHAT_API_BASE_URL 和网络出口。"
        return WeComError(text, Verdict.CONFIGURATION)
    return WeComError(f"企业微信暂时不可用（HTTP {status}），稍后自动重试。", Verdict.RETRY)


def _refused_ip(errcode: int, data: dict[str, Any]) -> str:
    """Return, for 60020, the address that WeCom refused: only its errmsg tells which one to enter."""
    found = re.search(r"from ip: ?([0-9A-Fa-f.:]{3,45})", str(data.get("errmsg", ""))) if errcode == 60020 else None
    try:
        return f"需要添加的 IP：{ipaddress.ip_address(found[1])}。" if found else ""
    except ValueError:
        return ""


def _header(value: str) -> tuple[str, dict[str, str]]:
    try:
        return parse_header_parameters(value)
    except (ValueError, LookupError):
        return "", {}


def _last_part(filename: str) -> str:
    """Return a file name without folders; http.client reads headers as Latin-1, WeCom writes UTF-8."""
    with contextlib.suppress(UnicodeError):  # then it was Latin-1 indeed
        filename = filename.encode("latin-1").decode("utf-8")
    return filename.replace("\\", "/").rpartition("/")[2]
