"""Other processes on the same test database: a worker that can be killed, a second web process."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which a process works on the database of the running test."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url(),
        "TEST_WEBHOOK_URL": settings.WECHAT_WEBHOOK_URL,
        **more,
    }


def database_url() -> str:
    made = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{made['NAME']}"
    return f"postgres://{made['USER']}:{made['PASSWORD']}@{made['HOST']}:{made['PORT'] or 5432}/{made['NAME']}"


def manage(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` in another process and return how it ended."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(
        command, env=environment(**more), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def start_manage(*arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start `manage.py` in another process; the caller ends it."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.Popen(command, env=environment(**more), cwd=ROOT, stdout=subprocess.DEVNULL, text=True)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web_server(**more: str) -> Iterator[str]:
    """Run the web server on the test database, ready to answer; yields its address, ends it afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "jiayi.asgi:application"]
    server = subprocess.Popen(
        command, env=environment(PORT=str(port), **more), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_ready(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as probe:
                probe.request("GET", "/healthz", headers={"Host": "testserver"})
                if probe.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the web server did not come up")
