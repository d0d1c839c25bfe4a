"""WeCom's side of the callback: encrypted requests over real HTTP, and how it reads the response.

The one module beside wecom/api/client.py that speaks HTTP, because here we are WeCom and call the site. http.client
follows no redirects and knows no proxies, as little as WeCom does.
"""

import contextlib
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection  # noqa: TID251 - see above
from urllib.parse import urlencode, urlsplit

from defusedxml import ElementTree
from django.conf import settings

from wecom.inbound.crypto import InvalidCallback, Keys, decrypt, encrypt

PATH = "/api/wechat/receive"
SECONDS = 5.0  # for the whole exchange (DOC 90930)
ECHO_SECONDS = 1.0
DELIVERIES = 4  # the first one and three more (DOC 90930)
_BODY_BYTES = 256 * 1024


@dataclass(frozen=True)
class Result:
    """The result of a callback: `status` is None without a response, `problem` names what WeCom would not accept.

    `reply` is the text of the passive reply: the receipt.
    """

    status: int | None
    ms: int
    deliveries: int = 1
    reply: str = ""
    problem: str = ""
    body: str = ""


class InvalidPassiveReply(Exception):
    """A passive reply that WeCom would not show; the text says why."""


def keys() -> Keys:
    """Give the callback's keys from the settings. Raises ValueError when they are missing or ill-formed."""
    return Keys(settings.WECHAT_CALLBACK_TOKEN, settings.WECHAT_ENCODING_AES_KEY, settings.WECHAT_CORP_ID)


def call_back(plaintext: str, userid: str, agent_id: str, *, forged: bool = False) -> Result:
    """Post a message to the site as WeCom does, again up to three times when no answer comes (DOC 90930).

    `forged` spoils the signature. Raises ValueError when the callback is not configured.
    """
    for delivery in range(1, DELIVERIES + 1):
        query, body = _sealed(plaintext, agent_id, forged=forged)
        began = time.monotonic()
        try:
            status, answer = _exchange("POST", query, body, SECONDS)
        except (OSError, HTTPException) as error:
            problem = "timeout" if time.monotonic() - began >= SECONDS else type(error).__name__
            continue
        return _read(status, answer, userid, _ms(began), delivery)
    return Result(None, _ms(began), DELIVERIES, problem=problem)


def verify() -> Result:
    """Check the URL as WeCom does when it is saved: a GET whose answer must be exactly the decrypted echostr.

    Raises ValueError when the callback is not configured.
    """
    echo = str(secrets.randbelow(9 * 10**18) + 10**18)
    sealed = encrypt(keys(), echo.encode(), timestamp=str(int(time.time())), nonce=_nonce())
    query = {"msg_signature": sealed.msg_signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
    began = time.monotonic()
    try:
        status, answer = _exchange("GET", query | {"echostr": sealed.encrypt}, None, ECHO_SECONDS)
    except (OSError, HTTPException) as error:
        problem = "timeout" if time.monotonic() - began >= ECHO_SECONDS else type(error).__name__
        return Result(None, _ms(began), problem=problem)
    right = status == HTTPStatus.OK and answer == echo.encode()
    return Result(status, _ms(began), reply=echo if right else "", problem="" if right else "echo", body=_head(answer))


def _sealed(plaintext: str, agent_id: str, *, forged: bool) -> tuple[dict[str, str], bytes]:
    """Give query and body. Each delivery is encrypted anew; the message inside stays the same."""
    own = keys()
    sealed = encrypt(own, plaintext.encode(), timestamp=str(int(time.time())), nonce=_nonce())
    signature = sealed.msg_signature[::-1] if forged else sealed.msg_signature
    body = (
        f"<xml><ToUserName><![CDATA[{own.receiveid}]]></ToUserName><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt>"
        f"<AgentID><![CDATA[{agent_id}]]></AgentID></xml>"
    )
    return {"msg_signature": signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}, body.encode()


def _nonce() -> str:
    return str(secrets.randbelow(9 * 10**8) + 10**8)


def _exchange(method: str, query: dict[str, str], post: bytes | None, seconds: float) -> tuple[int, bytes]:
    """Give status and body. Raises OSError or HTTPException, after `seconds` at the latest."""
    site = urlsplit(settings.SITE_URL)
    kind = HTTPSConnection if site.scheme == "https" else HTTPConnection
    connection = kind(site.hostname or "", site.port, timeout=seconds)
    end = time.monotonic() + seconds
    cut = None
    try:
        connection.connect()
        # The socket's own timeout starts anew with every byte; this one cuts the line.
        cut = threading.Timer(max(0.0, end - time.monotonic()), _cut, [connection.sock])
        cut.start()
        headers = {"User-Agent": "Mozilla/4.0", "Connection": "close"}
        if post is not None:
            headers["Content-Type"] = "text/xml"
        connection.request(method, f"{PATH}?{urlencode(query)}", post, headers)
        answer = connection.getresponse()
        body = answer.read(_BODY_BYTES)
        if time.monotonic() >= end:
            raise TimeoutError  # the body is incomplete: the line was cut
        return answer.status, body
    finally:
        if cut:
            cut.cancel()
        connection.close()


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _read(status: int, answer: bytes, userid: str, ms: int, deliveries: int) -> Result:
    if status != HTTPStatus.OK:
        return Result(status, ms, deliveries, problem="refused", body=_head(answer))
    if not answer.strip():
        return Result(status, ms, deliveries)
    try:
        return Result(status, ms, deliveries, reply=_passive_reply(answer, userid))
    except InvalidPassiveReply as invalid:
        return Result(status, ms, deliveries, problem=f"reply: {invalid}", body=_head(answer))


def _passive_reply(answer: bytes, userid: str) -> str:
    """Decrypt a passive reply and give its text (DOC 90241). Raises InvalidPassiveReply."""
    outer = _children(answer)
    try:
        plaintext = decrypt(
            keys(),
            msg_signature=outer.get("MsgSignature", ""),
            timestamp=outer.get("TimeStamp", ""),
            nonce=outer.get("Nonce", ""),
            encrypted=outer.get("Encrypt", ""),
        )
    except InvalidCallback as invalid:
        raise InvalidPassiveReply(str(invalid)) from None
    inner = _children(plaintext)
    if inner.get("ToUserName", "").lower() != userid.lower() or inner.get("FromUserName") != settings.WECHAT_CORP_ID:
        raise InvalidPassiveReply("ToUserName or FromUserName")
    kind = inner.get("MsgType", "")
    return inner.get("Content", "") if kind == "text" else f"[{kind}]"


def _children(xml: bytes) -> dict[str, str]:
    try:
        root = ElementTree.fromstring(xml.decode("utf-8"), forbid_dtd=True)
    except (ElementTree.ParseError, ValueError):
        raise InvalidPassiveReply("XML") from None
    return {child.tag: child.text or "" for child in root}


def _head(body: bytes) -> str:
    return body[:300].decode("utf-8", "replace")


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
