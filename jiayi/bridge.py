"""Bridge from ASGI to WSGI: one request, received on the event loop, answered by ordinary Django in a thread.

A library did this before (a2wsgi). It lost its thread for good when a client left in the middle of a long answer,
forgot what had arrived when a client left before its turn, and could not skip requests whose client had left
(docs/decisions/0012).
"""

import asyncio
import io
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from jiayi.scope import Scope

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Any], Iterable[bytes]]

# Of a body, so much is taken on the event loop, before there is a thread: every form, and what WeCom sends.
BUFFER = 128 * 1024  # bytes
PIECE = 64 * 1024  # bytes of an answer that are sent at once
BEGAN = "jiayi.began"  # in WSGI's description: time.monotonic() when the request came, before it waited for its turn
SEND_SECONDS = 30  # for one piece; a client that takes nothing for so long is given up


class Left(ConnectionError):
    """The client has gone."""


class Request:
    """One request: its body up to BUFFER, its answer piece by piece."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.began = time.monotonic()
        self.is_long = False  # more of its body is to come than was taken before
        self.has_left = False
        self._receive, self._send = receive, send
        self._loop = asyncio.get_running_loop()
        self._body = bytearray()
        self._start: Message | None = None
        self._ready = bytearray()
        self._sending: asyncio.Task[Any] | None = None

    # On the event loop --------------------------------------------------------------------------------

    async def arrive(self) -> None:
        """Take the body, or its beginning. Raises Left when the client goes before that."""
        self.is_long = True
        while self.is_long and len(self._body) < BUFFER:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Left
            self._body += message.get("body", b"")
            self.is_long = message.get("more_body", False)

    async def gone(self) -> None:
        """Return when the client has gone. Only for a request whose body is here."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def leave(self) -> None:
        """Have the thread stop as soon as it has something to send: the client has left."""
        self.has_left = True
        if self._sending is not None:
            self._sending.cancel()

    async def answer(self, messages: list[Message]) -> None:
        """Send a part of the answer. Raises Left when the client does not take it."""
        self._sending = asyncio.current_task()
        if self.has_left:
            raise Left
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for message in messages:
                    await self._send(message)
        except (OSError, TimeoutError, asyncio.CancelledError):
            self.has_left = True
            raise Left from None

    async def _more(self) -> bytes:
        while self.is_long:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Left
            self.is_long = message.get("more_body", False)
            if body := message.get("body", b""):
                return bytes(body)
        return b""

    # In the thread ------------------------------------------------------------------------------------

    def serve(self, app: App) -> None:
        """Have the WSGI application answer."""
        try:
            said = environ(self.scope, io.BufferedReader(_Body(self), PIECE)) | {BEGAN: self.began}
            answer = app(said, self._start_response)
            try:
                for piece in answer:
                    self._ready += piece
                    if len(self._ready) >= PIECE:
                        self._flush(more=True)
                self._flush(more=False)
            finally:
                getattr(answer, "close", lambda: None)()
        except Left:
            pass

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        encoded = [(name.strip().lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in headers]
        self._start = {"type": "http.response.start", "status": int(status.split(" ", 1)[0]), "headers": encoded}
        return self._ready.extend

    def _flush(self, *, more: bool) -> None:
        messages = [self._start] if self._start else []
        messages.append({"type": "http.response.body", "body": bytes(self._ready), "more_body": more})
        self._start = None
        self._ready.clear()
        self._on_loop(self.answer(messages))

    def _on_loop(self, doing: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result()

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes of the body, none at its end. Raises Left when the client went before that."""
        if not self._body and self.is_long:
            self._body += self._on_loop(self._more())
        piece = bytes(self._body[:size])
        del self._body[:size]
        return piece


class _Body(io.RawIOBase):
    """The stream from which WSGI reads the body."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._request.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def environ(scope: Scope, body: io.BufferedReader) -> dict[str, Any]:
    """Return WSGI's description of a request."""
    host, port = scope.get("server") or ("localhost", 80)
    made: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.get("client"):
        made["REMOTE_ADDR"], made["REMOTE_PORT"] = scope["client"][0], str(scope["client"][1])
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").upper().replace("-", "_")
        name = name if name in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{name}"
        text = value.decode("latin-1")
        between = "; " if name == "HTTP_COOKIE" else ","
        made[name] = f"{made[name]}{between}{text}" if name in made else text
    return made
