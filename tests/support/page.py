"""One open live stream of the site, as a page of the message page has it, read from a raw socket."""

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

Event = tuple[str, dict[str, Any]]

PATIENCE = 15.0  # seconds; on a busy machine, what takes milliseconds may take one


class Page:
    """The stream: its events one by one, and whether it ended."""

    def __init__(self, port: int, session: str, headers: dict[str, str], method: str = "GET", buffer: int = 0) -> None:
        self.ended = False
        self.complete = False  # ended by the server itself, not cut off
        self.body = b""  # decoded and not yet taken
        self._raw = b""  # as it came
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", port))
        given = {"Host": "127.0.0.1", "Cookie": f"session={session}", **headers}
        lines = [f"{method} /api/events/ HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        while b"\r\n\r\n" not in self._raw:
            assert self._receive(PATIENCE), f"no answer but {self._raw!r}"
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        first, *others = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in others)}

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def _receive(self, seconds: float) -> bool:
        """Take what the socket has, waiting at most so long; False when nothing came."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError:
            return False
        except ConnectionResetError:
            data = b""
        self.ended = self.ended or not data
        self._raw += data
        return bool(data)

    def _decode(self) -> None:
        """Undo the chunked transfer encoding, as far as whole chunks have come."""
        while found := re.match(rb"([0-9A-Fa-f]+)\r\n", self._raw):
            size = int(found[1], 16)
            end = found.end() + size + 2
            if len(self._raw) < end:
                return
            self.body += self._raw[found.end() : end - 2]
            self._raw = self._raw[end:]
            self.complete = size == 0
            self.ended = self.ended or self.complete

    def _frames(self) -> Iterator[bytes]:
        self._decode()
        while b"\n\n" in self.body:
            frame, _, self.body = self.body.partition(b"\n\n")
            yield frame

    def events(self, seconds: float = PATIENCE, until: str = "", count: int = 0) -> list[Event]:
        """Return what arrives: until the stream ends, an event called `until`, `count` events, or time is up.

        Without comments, and without what every stream says at first (`hello`, `retry`).
        """
        deadline, found = time.monotonic() + seconds, list[Event]()
        while True:
            for frame in self._frames():
                event = _event(frame)
                if event is None or event[0] == "hello" or (event[0] == "resync" and until != "resync"):
                    continue
                found.append(event)
                if event[0] == until or len(found) == count:
                    return found
            left = deadline - time.monotonic()
            if self.ended or left <= 0:
                return found
            self._receive(left)

    def next(self) -> Event:
        """Return the next event; an AssertionError when none comes."""
        found = self.events(count=1)
        assert found, f"no event came, the stream {'ended' if self.ended else 'is open'}"
        return found[0]

    def at_rest(self, seconds: float = 0.25) -> list[Event]:
        """Return what still comes within a moment in which everything that is under way has come."""
        return self.events(seconds)

    def to_the_end(self, seconds: float = 5.0) -> list[Event]:
        """Return what comes until the server ends the stream, which it must do within that time."""
        found = self.events(seconds)
        assert self.ended, f"the stream is still open after {seconds} s"
        return found

    def wait_for_comment(self, seconds: float) -> None:
        """Wait for a comment line, which keeps an idle stream alive."""
        deadline = time.monotonic() + seconds
        while not any(frame.startswith(b":") for frame in self._frames()):
            assert not self.ended, "the stream ended"
            assert time.monotonic() < deadline, "no comment came"
            self._receive(deadline - time.monotonic())


def _event(frame: bytes) -> Event | None:
    """Read one server-sent event strictly: one name, one line of JSON."""
    lines = [line for line in frame.decode().split("\n") if not line.startswith((":", "retry:"))]
    if not lines:
        return None
    name, data = lines
    assert name.startswith("event: ")
    assert data.startswith("data: ")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))
