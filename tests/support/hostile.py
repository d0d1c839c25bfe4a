"""A scripted HTTP server on loopback that stands in for WeCom and misbehaves as told.

    with ScriptedServer([http_answer(500), answer(45009), answer()]) as wecom:
        ... settings.WECHAT_WEBHOOK_URL = wecom.webhook_url("demo") ...
        wecom.wait_for(3)
        assert wecom.requests[2].json["msgtype"] == "text"

A script is a list of responses (one each request, the last one repeats, an empty list always says errcode 0) or a
function from the request to its response. A response is any function that writes to the Wire it is given.
"""

import gzip
import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One request as it arrived. Header names are lower-cased; `time` is time.time() when it was complete."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


class Wire:
    """The server's end of one connection, as a response sees it."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock = sock
        self.stopping = stopping
        self.sent = 0

    def send(self, data: bytes) -> None:
        """Send all the data. Raises OSError when the client has gone."""
        self.sock.sendall(data)
        self.sent += len(data)

    def hang(self) -> None:
        """Keep silent until the client goes away or the server stops."""
        self.sock.settimeout(0.05)
        while not self.stopping.is_set():
            with suppress(TimeoutError):
                if not self.sock.recv(4096):
                    return

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Response = Callable[[Wire], None]
Script = Sequence[Response] | Callable[[Received], Response]


def raw(*chunks: bytes, every: float = 0.0, then_hang: bool = False) -> Response:
    """Send the chunks as they are, `every` seconds apart, and close (or stay silent)."""

    def respond(wire: Wire) -> None:
        for chunk in chunks:
            wire.send(chunk)
            if every and wire.stopping.wait(every):
                return
        if then_hang:
            wire.hang()

    return respond


def http_bytes(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> bytes:
    """Return a whole HTTP/1.1 response; header names are given with _ for -."""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    head = f"HTTP/1.1 {status} {http.client.responses.get(status, 'Odd')}\r\n"
    return (head + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode() + body


def http_answer(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> Response:
    """Answer with this status and body."""
    return raw(http_bytes(status, body, content_type, **headers))


def answer(errcode: int = 0, errmsg: str = "ok", status: int = 200, **data: Any) -> Response:
    """Answer as WeCom does: JSON with an errcode."""
    body = json.dumps({"errcode": errcode, "errmsg": errmsg, **data}, ensure_ascii=False).encode()
    return http_answer(status, body, "application/json; charset=UTF-8")


def redirect(status: int, location: str, body: bytes = b"") -> Response:
    """Answer with a redirect."""
    return http_answer(status, body, Location=location)


def hang() -> Response:
    """Take the request and never answer."""
    return Wire.hang


def reset() -> Response:
    """Take the request and reset the connection."""
    return Wire.reset


def drip(data: bytes, every: float = 0.05, head: bytes = b"") -> Response:
    """Send the head at once, then the data byte by byte."""
    return raw(*([head] if head else []), *(data[i : i + 1] for i in range(len(data))), every=every)


def flood(size: int, head: bytes = b"", block: bytes = b"x" * 65536) -> Response:
    """Send the head and `size` bytes, never held in memory; stops when the client cuts."""

    def respond(wire: Wire) -> None:
        wire.send(head or http_bytes(200, content_type="application/json", Content_Length=str(size)))
        while wire.sent < size and not wire.stopping.is_set():
            wire.send(block)

    return respond


def gzip_bomb(size: int) -> Response:
    """Answer with a small compressed body that unpacks to about `size` bytes of valid JSON with errcode 0."""
    packed = gzip.compress(b'{"errcode": 0, "errmsg": "' + b"a" * size + b'"}')
    return http_answer(200, packed, "application/json", Content_Encoding="gzip")


class ScriptedServer:
    """The server; use it as a context manager. It records every complete request."""

    def __init__(self, script: Script = (), tls: ssl.SSLContext | None = None) -> None:
        self.play(script)
        self.requests: list[Received] = []
        self.connections = 0
        self.bytes_sent = 0
        self._tls = tls
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def play(self, script: Script) -> None:
        """Answer what comes from now on by this script, from its start."""
        self._script, self._position = script, 0

    def webhook_url(self, key: str) -> str:
        """Return what WECHAT_WEBHOOK_URL has to be to reach this server."""
        return f"{self.url}/cgi-bin/webhook/send?key={key}"

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Received]:
        """Return the requests as soon as there are `count`. Raises AssertionError after `timeout` seconds."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests) >= count, timeout)
        assert arrived, f"{len(self.requests)} of {count} requests after {timeout} s"
        return self.requests

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._shut(self._listener)
        with self._changed:
            for sock in self._open:
                self._shut(sock)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name="scripted-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _shut(sock: socket.socket) -> None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._stopping.is_set():
                sock, _ = self._listener.accept()
                self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError, http.client.HTTPException), sock:
            with self._changed:
                self.connections += 1
                self._open.add(sock)
            try:
                if self._tls:
                    with self._tls.wrap_socket(sock, server_side=True) as wrapped:
                        self._converse(wrapped)
                else:
                    self._converse(sock)
            finally:
                with self._changed:
                    self._open.discard(sock)

    def _converse(self, sock: socket.socket) -> None:
        """Read one request, record it, give its response."""
        with sock.makefile("rb") as stream:
            start = stream.readline().decode("latin-1").split()
            if len(start) != 3:
                return  # the client left before it asked anything
            headers = {name.lower(): value for name, value in http.client.parse_headers(stream).items()}
            body = stream.read(int(headers.get("content-length", "0")))
        target = urlsplit(start[1])
        received = Received(start[0], target.path, dict(parse_qsl(target.query)), headers, body, time.time())
        with self._changed:
            self.requests.append(received)
            response = self._response(received)
            self._changed.notify_all()
        wire = Wire(sock, self._stopping)
        try:
            response(wire)
        finally:
            with self._changed:
                self.bytes_sent += wire.sent

    def _response(self, received: Received) -> Response:
        if callable(self._script):
            return self._script(received)
        if not self._script:
            return answer()
        response = self._script[min(self._position, len(self._script) - 1)]
        self._position += 1
        return response


@contextmanager
def unreachable_port() -> Iterator[int]:
    """Give a loopback port where connecting neither succeeds nor fails: its accept queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(3):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        try:
            yield address[1]
        finally:
            for sock in waiting:
                sock.close()
