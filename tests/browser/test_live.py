"""What happens by itself on open pages: typing, many tabs, alerts, reconnecting, and the end of a session."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.conftest import PASSWORD, PageErrors, Site

pytestmark = pytest.mark.browser

MEMBER, ADVISOR = "member@example.com", "advisor@example.com"
GONE_OFFLINE = ("net::ERR_", "Failed to fetch", "Failed to load resource")
BOX = "#compose textarea"

Open = Callable[..., Page]


@pytest.fixture
def case(site: Site) -> int:
    """A new case of the demo member, followed by 李明; its number."""
    member, advisor = f"Member.objects.get(user__email={MEMBER!r})", f"Advisor.objects.get(user__email={ADVISOR!r})"
    return int(site.shell(f"print(open_case({member}, '工签延期', advisor={advisor}).number)"))


def says(site: Site, number: int, email: str, *texts: str) -> None:
    """Have somebody write into a case on another device."""
    site.shell(
        f"case, who = Case.objects.get(number={number}), User.objects.get(email={email!r})\n"
        f"for text in {texts!r}: post_message(case, who, text, client_id=uuid4().hex)"
    )


def write(page: Page, text: str) -> None:
    page.fill(BOX, text)
    page.press(BOX, "Enter")


def is_live(*pages: Page) -> None:
    for page in pages:
        expect(page.locator("body")).to_have_attribute("data-connection", "live")


class Streams:
    """The live streams that a browser has open."""

    def __init__(self, context: BrowserContext) -> None:
        self.open: set[Request] = set()
        self.began = 0
        context.on("request", self._began)
        context.on("requestfailed", self.open.discard)
        context.on("requestfinished", self.open.discard)

    def _began(self, request: Request) -> None:
        if request.url.endswith("/api/events/"):
            self.open.add(request)
            self.began += 1


# Typing --------------------------------------------------------------------------------------------------


def test_each_side_sees_the_other_type_until_the_message_is_there(sign_in: Open, case: int, shot: Any) -> None:
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    advisor.mouse.move(200, 200)
    expect(member.locator("#peer")).to_contain_text("· 在线")
    told: list[str] = []
    advisor.on("request", lambda request: told.append(request.url) if request.url.endswith("/typing/") else None)
    before = [member.locator(part).bounding_box() for part in ("#scroller", "#peer", BOX)]
    advisor.fill(BOX, "   ")
    assert told == []
    advisor.locator(BOX).press_sequentially("您好，我看看", delay=20)
    expect(member.locator("#typing")).to_be_visible()
    assert len(told) == 1, "not at every key"
    assert [member.locator(part).bounding_box() for part in ("#scroller", "#peer", BOX)] == before, "nothing moves"
    expect(member.locator("#announcer")).to_be_empty()
    expect(advisor.locator("#typing")).to_be_hidden()
    shot(member, "live-typing")
    advisor.press(BOX, "Enter")
    expect(member.locator(".theirs .text")).to_have_text("您好，我看看")
    expect(member.locator("#typing")).to_be_hidden()
    member.locator(BOX).press_sequentially("好")
    expect(advisor.locator("#typing")).to_be_visible()
    expect(advisor.locator("#typing")).to_be_hidden(timeout=9_000)  # they stopped


# Many tabs -----------------------------------------------------------------------------------------------


def test_eight_tabs_share_one_stream_and_outlive_the_one_that_holds_it(site: Site, sign_in: Open, case: int) -> None:
    first = sign_in(MEMBER, "/messages/new/")
    streams = Streams(first.context)
    first.goto(f"/messages/{case}/")
    is_live(first)
    tabs = [first]
    for _ in range(7):
        tabs.append(first.context.new_page())
        tabs[-1].goto(f"/messages/{case}/")
    is_live(*tabs)
    assert len(streams.open) == 1
    assert streams.began == 1
    says(site, case, ADVISOR, "一")
    for tab in tabs:
        expect(tab.locator(".theirs .text")).to_have_text(["一"])
    first.close()
    says(site, case, ADVISOR, "二")
    for tab in tabs[1:]:
        expect(tab.locator(".theirs .text")).to_have_text(["一", "二"])
    says(site, case, ADVISOR, "三")
    for tab in tabs[1:]:
        expect(tab.locator(".theirs .text")).to_have_text(["一", "二", "三"])
    assert len(streams.open) == 1


def test_a_tab_that_the_browser_froze_loses_the_stream_to_the_one_in_front(
    site: Site, sign_in: Open, case: int
) -> None:
    first = sign_in(MEMBER, f"/messages/{case}/")
    is_live(first)
    second = first.context.new_page()
    # As long as the script of the first tab stands still, it answers nothing and passes nothing on.
    frozen = first.context.new_cdp_session(first)
    frozen.send("Debugger.enable")
    frozen.send("Debugger.pause")
    second.goto(f"/messages/{case}/")
    is_live(second)
    says(site, case, ADVISOR, "还在吗")
    expect(second.locator(".theirs .text")).to_have_text(["还在吗"])
    frozen.send("Debugger.resume")
    expect(first.locator(".theirs .text")).to_have_text(["还在吗"])
