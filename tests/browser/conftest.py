"""A real site for real browsers: gunicorn, the delivery worker and the WeCom sandbox, on a database of their own.

site        .url, .restart() (kill -9 and start again), .kill(), .start(), .shell(code)
calm_wecom  for tests that wait for WeCom to be told: what other tests caused there neither waits nor counts
sign_in     sign_in("member@example.com", phone=True, locale="en") -> a page in a browser of its own; `fresh=True`
            signs in by the form
visit       visit("/register/") -> the same, signed out
page_errors .allow("text"): an error on the console that this test expects; any other one fails the test
shot        shot(page, "name"): a picture in var/screenshots/, if the tests were started with SCREENSHOTS=1
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.support.processes import ROOT
from tests.support.site import Site

SCREENSHOTS = ROOT / "var" / "screenshots"
PASSWORD = "jiayi-demo-2026"
expect.set_options(timeout=10_000)  # ms; a machine that runs other tests at the same time is slow
# Debian's Chromium without a window: a new page costs a sixth of what it costs in the whole one, which does as well.
CHROMIUM = next(filter(os.path.exists, ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")), "")
# No sandbox: tests run as root in CI. The rest keeps Chromium from talking to anyone but us.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    # One process less that every request passes through: a page costs a tenth less.
    "--enable-features=NetworkServiceInProcess2",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and a person who allows it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
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

# A session as signing in by the form leaves it, without the two pages and the slow hash of a password.
SESSION = """
import time
from django.test import Client
client = Client()
client.force_login(User.objects.get(email={email!r}))
session = client.session
session["account_authentication_methods"] = [{{"method": "password", "at": time.time()}}]
session.save()
print(session.session_key)
"""


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
    """The cookies of who was signed in before."""
    return {}


@pytest.fixture
def sign_in(site: Site, visit: Callable[..., Page], sessions: dict[str, Any]) -> Callable[..., Page]:
    """Open a path signed in to a demo account; `fresh=True` makes a session of its own, to sign out of, by the form."""

    def enter(email: str, path: str = "/messages/", *, fresh: bool = False, **options: Any) -> Page:
        if fresh:
            page = visit("/accounts/login/", **options)
            page.fill("[name=login]", email)
            page.fill("[name=password]", PASSWORD)
            page.click("main button.primary")
            page.wait_for_url("**/messages/**")
            page.goto(path)
            return page
        if email not in sessions:
            cookie = {"name": "session", "value": site.shell(SESSION.format(email=email)), "url": site.url}
            sessions[email] = {"cookies": [cookie], "origins": []}
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
