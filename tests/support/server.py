"""The site as it really runs: gunicorn in a process of its own, on the tests' database, and pages open at it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.test import Client

Event = tuple[str, dict[str, Any]]

PATIENCE = 15.0  # seconds; on a busy machine, what takes milliseconds may take one
CSRF_TOKEN = "t" * 32


def database_url() -> str:
    """Where the database of this test run is, for another process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    user, password = quote(database["USER"] or "", safe=""), quote(database["PASSWORD"] or "", safe="")
    host = f"{database['HOST']}:{database['PORT'] or 5432}"
    return f"postgres://{user}{':' if password else ''}{password}@{host}/{database['NAME']}"


def environment(**more: str) -> dict[str, str]:
    """The environment in which another process serves this test run's database."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", settings.SETTINGS_MODULE),
        **more,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A real server process; `more` goes into its environment."""

    def __init__(self, **more: str) -> None:
        self.more = more
        self.port = free_port()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  open for as long as the server
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "jiayi.asgi:application"]
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment(PORT=str(self.port), WEB_CONCURRENCY="1", **self.more),
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return process

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def said(self) -> str:
        """What the server wrote to its log."""
        self.log.seek(0)
        return self.log.read().decode()

    def kill(self) -> None:
        """kill -9, master and worker at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.process = self._start()

    def terminate(self) -> float:
        """SIGTERM; return the seconds until the process was gone."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=30)
        return time.monotonic() - began

    def close(self) -> None:
        self.kill()
        self.log.close()

    @property
    def worker(self) -> int:
        """The process id of the worker, which does everything."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    @property
    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.worker}/task").iterdir()))

    def request(
        self, method: str, path: str, body: str = "", content_type: str = "application/json", session: str = ""
    ) -> tuple[int, str]:
        """Send one request, signed in by the session and with a CSRF token; return the status and the answer."""
        headers = {
            "Content-Type": content_type,
            "Cookie": f"session={session}; csrftoken={CSRF_TOKEN}",
            "X-CSRFToken": CSRF_TOKEN,
        }
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            asking.request(method, path, body=body.encode(), headers=headers)
            answer = asking.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as broken:  # killed while it answered
            raise ConnectionError(str(broken)) from None
        finally:
            asking.close()

    def begin(
        self,
        method: str,
        path: str,
        session: str = "",
        body: bytes = b"",
        more: Mapping[str, str] = {},
        buffer: int = 0,
    ) -> socket.socket:
        """Send one request and do not wait for its answer, of which only `buffer` bytes are taken in, if that is given.

        `more` are headers.
        """
        asking = socket.socket()
        if buffer:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        asking.settimeout(PATIENCE)
        asking.connect(("127.0.0.1", self.port))
        headers = {
            "Host": "testserver",
            "Cookie": f"session={session}; csrftoken={CSRF_TOKEN}",
            "X-CSRFToken": CSRF_TOKEN,
            "Content-Length": str(len(body)),
            **more,
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        asking.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return asking

    def send(self, who: Client, path: str, data: dict[str, Any]) -> tuple[int, Any]:
        """Send JSON as somebody signed in; return the status and the answer."""
        status, said = self.request("POST", path, json.dumps(data), session=session_of(who))
        return status, json.loads(said) if said else None

    def get(self, who: Client, path: str) -> Any:
        """Return the JSON that somebody signed in gets."""
        return json.loads(self.request("GET", path, session=session_of(who))[1])

    def open(self, who: Client, **headers: str) -> "Page":
        """Open the message page of somebody signed in: its live stream."""
        return Page(self.port, session_of(who), headers)


def session_of(who: Client) -> str:
    return str(who.cookies[settings.SESSION_COOKIE_NAME].value)


class Page:
    """One open live stream, read from a raw socket."""

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
