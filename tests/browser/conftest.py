"""A real site for real browsers: gunicorn, the delivery worker and the WeCom sandbox, on a database of their own.

site        .url, .restart() (kill -9 and start again), .kill(), .start(), .shell(code)
calm_wecom  for tests that wait for WeCom to be told: what other tests caused there neither waits nor counts
sign_in     sign_in("member@example.com", phone=True, locale="en") -> a page in a browser of its own
visit       visit("/register/") -> the same, signed out
page_errors .allow("text"): an error on the console that this test expects; any other one fails the test
shot        shot(page, "name"): a picture in var/screenshots/, if the tests were started with SCREENSHOTS=1
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "var" / "screenshots"
PASSWORD = "jiayi-demo-2026"
START_TIMEOUT = 40  # seconds
expect.set_options(timeout=10_000)  # ms; a machine that runs other tests at the same time is slow
# Debian's Chromium without a window: a new page costs a sixth of what it costs in the whole one, which does as well.
CHROMIUM = next(filter(os.path.exists, ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")), "")
# No sandbox: tests run as root in CI. The rest keeps Chromium from talking to anyone but us.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and a person who allows it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
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
# As if all that the site told WeCom had been long ago: nothing waits, and the limits of a minute are free.
CALM = """
from wecom.models import Attempt, Channel, Notification
from wecom.sandbox.models import SandboxMessage
long_ago = timezone.now() - timedelta(minutes=5)
Notification.objects.filter(state="waiting").update(state="cancelled")
Attempt.objects.exclude(finished_at=None).update(started_at=long_ago, finished_at=long_ago)
SandboxMessage.objects.update(created_at=long_ago)
Channel.objects.update(paused_until=None)
"""


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_us() -> None:
    """In a program about to start: end it when the tests are killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
        "REGISTRATIONS_PER_HOUR": "1000",
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
        subprocess.run([sys.executable, "-c", PREPARE], env=self.env, cwd=ROOT, check=True, timeout=120)
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
        with (self.folder / f"{name}.log").open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, *command],
                env=self.env,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_us,
            )
        self._programs.append(program)
        return program

    def _start_web(self) -> subprocess.Popen[bytes]:
        web = self._run("web", "-m", "gunicorn", "-c", "gunicorn.conf.py", "jiayi.asgi:application")
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


def end(program: subprocess.Popen[Any]) -> None:
    """Kill a program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


class PageErrors:
    """What the consoles of this test's pages complained about; a violation of the content policy is among it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.allowed: list[str] = []

    def allow(self, *texts: str) -> None:
        """Expect complaints that contain one of these texts."""
        self.allowed += texts

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._said)
        context.on("weberror", lambda error: self.seen.append(f"{error.error}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"{message.text} ({message.location.get('url')})")

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self.seen if not any(text in one for text in self.allowed)]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def calm_wecom(site: Site) -> None:
    site.shell(CALM)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def page_errors() -> Iterator[PageErrors]:
    errors = PageErrors()
    yield errors
    assert not errors.unexpected


@pytest.fixture
def visit(site: Site, browser: Browser, page_errors: PageErrors) -> Iterator[Callable[..., Page]]:
    """Open a path in a browser of its own: signed out, unless `storage_state` says otherwise."""
    contexts = []

    def open_page(path: str = "/", *, phone: bool = False, locale: str = "zh-CN", **more: Any) -> Page:
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 800}
        options: dict[str, Any] = {
            "viewport": size,
            "has_touch": phone,
            "is_mobile": phone,
            "timezone_id": "Asia/Shanghai",
        } | more
        context = browser.new_context(locale=locale, base_url=site.url, **options)
        context.set_default_timeout(10_000)
        page_errors.watch(context)
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def sessions() -> dict[str, Any]:
    """The cookies of who signed in before: signing in is limited, and takes time."""
    return {}


@pytest.fixture
def sign_in(visit: Callable[..., Page], sessions: dict[str, Any]) -> Callable[..., Page]:
    """Sign a demo account in and open a path; `fresh=True` makes a session of its own, to sign out of, say."""

    def enter(email: str, path: str = "/messages/", *, fresh: bool = False, **options: Any) -> Page:
        if fresh or email not in sessions:
            page = visit("/accounts/login/", **options)
            page.fill("[name=login]", email)
            page.fill("[name=password]", PASSWORD)
            page.click("main button.primary")
            page.wait_for_url("**/messages/**")
            if fresh:
                page.goto(path)
                return page
            sessions[email] = page.context.storage_state()
            page.context.close()
        return visit(path, storage_state=sessions[email], **options)

    return enter


def until(page: Page, condition: str) -> None:
    """Wait until the expression is true in the page; Playwright's own way would be stopped by the content policy."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(30)


@pytest.fixture
def shot() -> Callable[..., None]:
    """Keep a picture of a page in var/screenshots/, for people to look at; it takes time, so only when asked."""

    def take(page: Page, name: str) -> None:
        if not os.environ.get("SCREENSHOTS"):
            return
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take
