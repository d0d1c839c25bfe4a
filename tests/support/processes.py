"""The one starter of programs for tests: other processes, on the test database unless a test says otherwise."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
GUNICORN = ("-m", "gunicorn", "-c", "gunicorn.conf.py", "jiayi.asgi:application")


def database_url() -> str:
    """Return where the database of this test run is, for another process."""
    made = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{made['NAME']}"
    user, password = quote(made["USER"] or "", safe=""), quote(made["PASSWORD"] or "", safe="")
    return f"postgres://{user}{':' if password else ''}{password}@{made['HOST']}:{made['PORT'] or 5432}/{made['NAME']}"


def environment(**more: str) -> dict[str, str]:
    """Return the environment in which a process works on the database of the running test, with its settings."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", settings.SETTINGS_MODULE),
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url(),
        "TEST_WEBHOOK_URL": settings.WECHAT_WEBHOOK_URL,
        **more,
    }


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    *arguments: str, env: Mapping[str, str] | None = None, log: Path = Path(os.devnull), **options: Any
) -> subprocess.Popen[bytes]:
    """Start Python with these arguments, in a process group of its own, its output appended to `log`.

    Whoever starts a program ends it (`end`, or by a signal).
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment() if env is None else env,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )


def end(program: subprocess.Popen[Any]) -> None:
    """Kill a program with -9, and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


def run(*arguments: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and return how it ended and what it said."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment() if env is None else env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def manage(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` in another process and return how it ended."""
    return run("manage.py", *arguments, env=environment(**more))


def patched(constant: str, value: float) -> tuple[str, str]:
    """Return the arguments of Python that are `manage.py` with one of the product's constants smaller than it is.

    For a test that would only wait for it. What follows are the arguments of `manage.py`.
    """
    module, _dot, name = constant.rpartition(".")
    code = f"""
import django, sys
from django.core.management import execute_from_command_line
django.setup()
import {module} as module
assert module.{name} > {value}
module.{name} = {value}
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
    return "-c", code


def start_manage(*arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """Start `manage.py` in another process; the caller ends it."""
    return start("manage.py", *arguments, env=environment(**more))


def eventually(holds: Callable[[], bool], said: Callable[[], str] = str, seconds: float = 30) -> None:
    """Wait until it is so. Raises AssertionError with what was `said` when it is not so in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, said() or f"not so after {seconds:g} s"
        time.sleep(0.05)
