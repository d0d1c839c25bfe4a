"""The HTTP client for WeCom's API, and the only module that speaks HTTP.

Every request: no redirects, no proxies and nothing else from the environment, TLS verified, a deadline over the whole
exchange, a cap on the body, no compression. Every failure leaves as WeComError, without a secret.
"""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError

from jiayi.database import let_go_of_the_database
from jiayi.redact import RedactSecrets
from wecom.api.addresses import OFFICIAL, WEBHOOK_PATH, RobotAddress, base_url, check_base_url, robot_address
from wecom.api.answers import (
    JSON_BYTES,
    Answer,
    Media,
    Response,
    Token,
    WeComError,
    read_answer,
    read_media,
    read_token,
    undelivered,
)
from wecom.api.errcodes import Verdict

__all__ = [
    "OFFICIAL",
    "Answer",
    "Media",
    "RobotAddress",
    "Token",
    "WeComError",
    "base_url",
    "check_base_url",
    "fetch_app",
    "fetch_media",
    "fetch_token",
    "robot_address",
    "send_to_group",
    "send_to_member",
    "undelivered",
    "update_card",
]

DEADLINE_SECONDS = 10.0  # from looking up the name to the last byte of the answer
CONNECT_SECONDS = 4.0  # for each address of the host: a dead IPv6 route leaves time for IPv4
_CHUNK_BYTES = 64 * 1024
_HEADERS = {"User-Agent": "Jiayi", "Accept-Encoding": "identity", "Connection": "close"}

logger = logging.getLogger("jiayi.wecom")
# urllib3 prints whole URLs at DEBUG and, when a header is malformed, at WARNING. Masked where the lines are made, so
# that no handler has to remember the filter; all its loggers exist once it is imported.
for _name in list(logging.root.manager.loggerDict):
    if _name.partition(".")[0] == "urllib3":
        logging.getLogger(_name).addFilter(RedactSecrets())


def send_to_group(address: RobotAddress, payload: dict[str, Any]) -> Answer:
    """Post a message into the robot's group (DOC 99110). Raises WeComError."""
    return _request(_Call("POST", address.base, WEBHOOK_PATH, {"key": address.key}, payload))


def fetch_token(corp_id: str, secret: str) -> Token:
    """Return a new access token of the app whose secret it is (DOC 91039). Raises WeComError.

    WeCom bans the caller's address for an hour after several wrong secrets: after CONFIGURATION, stop asking.
    """
    call = _Call("GET", base_url(), "/cgi-bin/gettoken", {"corpid": corp_id, "corpsecret": secret})
    return read_token(_request(call, proof="access_token"))


def send_to_member(token: str, payload: dict[str, Any]) -> Answer:
    """Send an application message (DOC 90236). Raises WeComError.

    A success does not mean that every recipient got it: see undelivered.
    """
    call = _Call("POST", base_url(), "/cgi-bin/message/send", {"access_token": token}, payload)
    return _request(call, proof="msgid")


def update_card(token: str, payload: dict[str, Any]) -> Answer:
    """Change a template card by its response_code, good once and for 72 hours (DOC 94888). Raises WeComError."""
    path = "/cgi-bin/message/update_template_card"
    return _request(_Call("POST", base_url(), path, {"access_token": token}, payload))


def fetch_app(token: str, agent_id: str) -> Answer:
    """Return what WeCom knows of the app; `data["close"]` is 1 when it is switched off (DOC 90227). Raises WeComError.

    Changes nothing. With an empty token WeCom answers 41001, which proves that it can be reached.
    """
    params = {"access_token": token, "agentid": agent_id}
    return _request(_Call("GET", base_url(), "/cgi-bin/agent/get", params), proof="agentid")


def fetch_media(token: str, media_id: str, max_bytes: int) -> Media:
    """Return a temporary file, good for three days (DOC 90254). Raises WeComError, also when it is over max_bytes."""
    call = _Call("GET", base_url(), "/cgi-bin/media/get", {"access_token": token, "media_id": media_id})
    with _logged(call):
        return read_media(_exchange(call, max(max_bytes, JSON_BYTES)), max_bytes)


@dataclass(frozen=True)
class _Call:
    method: str
    base: str
    path: str
    params: dict[str, str] = field(repr=False)
    payload: dict[str, Any] | None = field(default=None, repr=False)

    def prepare(self) -> requests.PreparedRequest:
        body, headers = None, _HEADERS
        if self.payload is not None:
            # WeCom refuses \uXXXX (40033), so UTF-8 it is; half a surrogate pair has none and becomes "?".
            body = json.dumps(self.payload, ensure_ascii=False).encode("utf-8", "replace")
            headers = {**_HEADERS, "Content-Type": "application/json; charset=utf-8"}
        # A byte of the environment that is not UTF-8 arrives as a lone surrogate and would raise, showing the secret.
        params = {name: value.encode("utf-8", "replace") for name, value in self.params.items()}
        return requests.Request(self.method, self.base + self.path, headers, params=params, data=body).prepare()


def _request(call: _Call, proof: str = "") -> Answer:
    with _logged(call):
        return read_answer(_exchange(call, JSON_BYTES), call.params.values(), proof)


@contextlib.contextmanager
def _logged(call: _Call) -> Iterator[None]:
    """Write one line about the call: host, path without query, errcode, duration."""
    started = time.monotonic()
    outcome = "errcode=0"
    try:
        yield
    except WeComError as error:
        outcome = "failed" if error.errcode is None else f"errcode={error.errcode}"
        raise
    finally:
        duration_ms = (time.monotonic() - started) * 1000
        logger.info("%s %s %s %d ms", urlsplit(call.base).netloc, call.path, outcome, duration_ms)


def _exchange(call: _Call, max_bytes: int) -> Response:
    """Send the call and return what came back within DEADLINE_SECONDS. Raises WeComError (RETRY)."""
    exchange = _Exchange(call.prepare(), max_bytes)
    let_go_of_the_database()
    exchange.start()
    try:
        exchange.join(DEADLINE_SECONDS)
    finally:
        exchange.cut()
    if exchange.response is None:
        raise WeComError(exchange.problem, Verdict.RETRY)
    return exchange.response


class _Exchange(threading.Thread):
    """One HTTP exchange on a thread of its own, so that the caller goes on at the deadline whatever happens here.

    The timeouts of requests are for each read: a drip of bytes, in the headers or in the body, outlasts them. Cutting
    shuts the socket, which ends this thread at once; a thread still looking up a name or connecting ends by the
    resolver's or the connection's own timeout, finds itself cut, and sends nothing.
    """

    def __init__(self, request: requests.PreparedRequest, max_bytes: int) -> None:
        super().__init__(name="wecom-http", daemon=True)
        self.response: Response | None = None
        self.problem = f"企业微信在 {DEADLINE_SECONDS:g} 秒内没有答复完，稍后自动重试。"
        self._request, self._max_bytes = request, max_bytes
        self._lock = threading.Lock()
        self._is_cut = False
        self._socket: socket.socket | None = None  # a duplicate, which survives the TLS layer and which only we close

    def run(self) -> None:
        response, problem = None, ""
        try:
            response = self._perform()
        except Exception as error:  # of any kind: none may print itself, because its text holds the URL
            problem = _plain_words(error)
        with self._lock:
            # After a cut, a body without a length looks complete, and any error is only the cut's.
            if not self._is_cut:
                self.response, self.problem = response, problem
            if self._socket:
                self._socket.close()
                self._socket = None

    def _perform(self) -> Response:
        started = time.monotonic()
        # The bare adapter: a Session would read the environment, and the whole body of a redirect.
        with contextlib.closing(HTTPAdapter()) as adapter:
            adapter.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
            timeout = (min(CONNECT_SECONDS, DEADLINE_SECONDS), DEADLINE_SECONDS)
            with adapter.send(self._request, stream=True, timeout=timeout, verify=True) as received:
                body = bytearray()
                while chunk := received.raw.read(min(_CHUNK_BYTES, self._max_bytes + 1 - len(body))):
                    body += chunk
                if received.headers.get("Content-Encoding", "identity").lower() != "identity":
                    body.clear()  # not asked for, and unpacking is how a small body becomes a large one
        headers = received.headers
        return Response(
            status=received.status_code,
            content_type=headers.get("Content-Type", ""),
            disposition=headers.get("Content-Disposition", ""),
            body=bytes(body),
            duration_ms=int((time.monotonic() - started) * 1000),
        )

    def hold(self, connection: HTTPConnection) -> None:
        """Take a duplicate of the socket just connected. Raises ConnectionError when the exchange is cut already."""
        with self._lock:
            if self._is_cut or connection.sock is None:
                raise ConnectionError("cut")
            sock = connection.sock
            self._socket = socket.fromfd(sock.fileno(), sock.family, sock.type)

    def cut(self) -> None:
        """End the exchange if it is still going on; what it still receives does not count."""
        with self._lock:
            self._is_cut = True
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def _hold(connection: HTTPConnection) -> None:
    exchange = threading.current_thread()
    assert isinstance(exchange, _Exchange)
    exchange.hold(connection)


class _HTTPConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _hold(self)


class _HTTPSConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _hold(self)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def _plain_words(error: Exception) -> str:
    """Return what went wrong in Chinese, taking nothing from the error's own text, which holds the URL."""
    if isinstance(error, requests.exceptions.SSLError):
        return "与企业微信的加密连接未通过验证（证书、系统时间或网络代理有误），稍后自动重试。"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "连接企业微信超时，稍后自动重试。"
    if isinstance(error, requests.exceptions.ConnectionError):
        if isinstance(getattr(error.args[0], "reason", None), NameResolutionError):
            return "企业微信的域名解析失败，请检查服务器的 DNS，稍后自动重试。"
        return "与企业微信的连接失败或中断，稍后自动重试。"
    return "企业微信的答复无法识别，稍后自动重试。"
