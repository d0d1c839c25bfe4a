"""The site as it really runs: gunicorn in a process of its own, on the tests' database, and pages open at it."""

import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

from tests.support.page import PATIENCE, Page
from tests.support.processes import GUNICORN, end, environment, eventually, free_port, start

CSRF_TOKEN = "t" * 32


class Server:
    """A real server process; `more` goes into its environment."""

    def __init__(self, **more: str) -> None:
        self.more = more
        self.port = free_port()
        self.log = Path(tempfile.mkstemp(suffix=".log")[1])
        self.process = self._start()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        env = environment(**({"PORT": str(self.port), "WEB_CONCURRENCY": "1"} | self.more))
        process = start(*GUNICORN, env=env, log=self.log)
        eventually(lambda: process.poll() is not None or self._answers(), self.said)
        assert process.poll() is None, self.said()
        return process

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def said(self) -> str:
        """What the server wrote to its log."""
        return self.log.read_text()

    def kill(self) -> None:
        """kill -9, master and worker at once."""
        end(self.process)

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
        self.log.unlink(missing_ok=True)

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

    def open(self, who: Client, **headers: str) -> Page:
        """Open the message page of somebody signed in: its live stream."""
        return Page(self.port, session_of(who), headers)


def session_of(who: Client) -> str:
    return str(who.cookies[settings.SESSION_COOKIE_NAME].value)
