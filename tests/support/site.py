"""The site that browsers look at: gunicorn, the delivery worker and the WeCom sandbox, on a database of their own."""

import ctypes
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import GUNICORN, ROOT, end, free_port, run, start

START_TIMEOUT = 40  # seconds
PREPARE = """
import django; django.setup()
from django.core.management import call_command
for command in (["migrate"], ["createcachetable"], ["seed_demo", "--empty"]): call_command(*command, verbosity=0)
"""
# Runs pieces of code on the site's database, one JSON string a line, and answers with what they printed. The models
# and actions that tests need are imported for them.
SHELL = """
import contextlib, io, json, sys, traceback
import django; django.setup()
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from django.db import close_old_connections
from django.utils import timezone
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, post_message, recall_message
from cases.models import Case, Message, ReadMark
from members.models import Member, User
for line in sys.stdin:
    said, failed = io.StringIO(), ""
    close_old_connections()
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), {**globals()})
    except Exception:
        failed = traceback.format_exc()
    print(json.dumps([said.getvalue().strip(), failed]), flush=True)
"""
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_us() -> None:
    """In a program about to start: end it when the tests are killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def site_environment(folder: Path, port: int) -> dict[str, str]:
    """What the programs of the site are told; nothing of what the tests' own settings put into the environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    url = f"http://127.0.0.1:{port}"
    sandbox = importlib.util.find_spec("wecom.sandbox") is not None
    return kept | {
        "DJANGO_SETTINGS_MODULE": "jiayi.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "JIAYI_ENV_FILE": os.devnull,
        "DEBUG": "true",
        "SECRET_KEY": "only-for-browser-tests",
        "SITE_URL": url,
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder / 'site.sqlite3'}",
        "MEDIA_ROOT": str(folder / "files"),
        # The tests of a file act faster than a person, and those of the next one for the same person.
        "REGISTRATIONS_PER_HOUR": "1000",
        "POSTS_PER_MINUTE": "1000",
        "SEARCHES_PER_MINUTE": "1000",
        "WECOM_SANDBOX": "true" if sandbox else "false",
        "WECHAT_WEBHOOK_URL": f"{url}/sandbox/cgi-bin/webhook/send?key=browser-test-robot-key" if sandbox else "",
        "WECHAT_CORP_ID": "wwdemo0000000000",
        "WECHAT_CALLBACK_TOKEN": "browsertesttoken",
        "WECHAT_ENCODING_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        "WECHAT_AGENT_ID": "1000002",
        "WECHAT_APP_SECRET": "browser-test-secret" if sandbox else "",
        "WECHAT_APP_NAME": "佳忆顾问",
        "WECHAT_API_BASE_URL": f"{url}/sandbox" if sandbox else "https://qyapi.weixin.qq.com",
    }


class Site:
    """The running product."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env = site_environment(folder, port)
        prepared = run("-c", PREPARE, env=self.env, timeout=120)
        assert prepared.returncode == 0, prepared.stderr
        self._programs: list[subprocess.Popen[Any]] = []
        self._web = self._start_web()
        if importlib.util.find_spec("wecom.management.commands.deliver"):
            self._run("worker", "manage.py", "deliver")
        self._shell = subprocess.Popen(
            [sys.executable, "-c", SHELL],
            env=self.env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_us,
        )
        self._programs.append(self._shell)

    def _run(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{name}.log"
        program = start(*command, env=self.env, log=log, preexec_fn=die_with_us)
        self._programs.append(program)
        return program

    def _start_web(self) -> subprocess.Popen[bytes]:
        web = self._run("web", *GUNICORN)
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            if web.poll() is not None or time.monotonic() > deadline:
                pytest.fail((self.folder / "web.log").read_text()[-5000:])
            time.sleep(0.1)
        return web

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def kill(self) -> None:
        """Kill the web server with -9; its programs get no chance to say goodbye."""
        end(self._web)

    def start(self) -> None:
        """Start the web server again after `kill`."""
        self._web = self._start_web()

    def restart(self) -> None:
        """Kill the web server with -9 and start it again."""
        self.kill()
        self.start()

    def shell(self, code: str) -> str:
        """Run Python code on the site's database, in another process; return what it printed."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(json.dumps(code) + "\n")
        self._shell.stdin.flush()
        said, failed = json.loads(self._shell.stdout.readline())
        assert not failed, failed
        return str(said)

    def stop(self) -> None:
        for program in self._programs:
            end(program)
        for pipe in (self._shell.stdin, self._shell.stdout):
            if pipe:
                pipe.close()
