"""What happens by itself on open pages: typing, many tabs, alerts, reconnecting, and the end of a session."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Request, Route, expect

from tests.browser.conftest import PASSWORD, PageErrors, until
from tests.support.site import Site
from tests.support.size import whole

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


def bubbles(page: Page) -> list[str]:
    """The texts of the messages of people, in order."""
    return page.locator("#messages .message:not(.system) .text").all_inner_texts()


class Streams:
    """The live streams that a browser has begun, and has open."""

    def __init__(self, context: BrowserContext) -> None:
        self.began: list[Request] = []
        self._ended: list[Request] = []
        context.on("request", self._began)
        context.on("requestfailed", lambda request: self._ended.append(request))
        context.on("requestfinished", lambda request: self._ended.append(request))

    def _began(self, request: Request) -> None:
        if request.url.endswith("/api/events/"):
            self.began.append(request)

    @property
    def open(self) -> list[Request]:
        """Those of closed tabs are closed."""
        return [one for one in self.began if one not in self._ended and not one.frame.page.is_closed()]


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
    assert 1 <= len(told) < 6, "one in three seconds, not one a key"
    assert [member.locator(part).bounding_box() for part in ("#scroller", "#peer", BOX)] == before, "nothing moves"
    expect(member.locator("#announcer")).to_be_empty()
    expect(advisor.locator("#typing")).to_be_hidden()
    shot(member, "live-typing")
    advisor.press(BOX, "Enter")
    expect(member.locator(".theirs .text")).to_have_text("您好，我看看")
    expect(member.locator("#typing")).to_be_hidden()
    advisor.clock.install()
    member.locator(BOX).press_sequentially("好")
    expect(advisor.locator("#typing")).to_be_visible()
    advisor.clock.fast_forward(6_500)
    expect(advisor.locator("#typing")).to_be_hidden()  # they stopped


# Many tabs -----------------------------------------------------------------------------------------------


@whole
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
    assert len(streams.open) == len(streams.began) == 1
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


@whole
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


NO_LOCKS = """
if (navigator.locks) navigator.locks.request = () => Promise.reject(new DOMException("forbidden", "SecurityError"));
"""


@whole
def test_where_tabs_cannot_agree_each_has_a_stream(site: Site, sign_in: Open, case: int) -> None:
    first = sign_in(MEMBER, "/messages/new/")
    first.context.add_init_script(NO_LOCKS)
    streams = Streams(first.context)
    first.goto(f"/messages/{case}/")
    second = first.context.new_page()
    second.goto(f"/messages/{case}/")
    is_live(first, second)
    says(site, case, ADVISOR, "两边都有")
    for tab in (first, second):
        expect(tab.locator(".theirs .text")).to_have_text(["两边都有"])
    assert len(streams.open) == 2


@whole
def test_a_page_left_open_from_another_account_shows_nothing_of_the_new_one(
    site: Site, sign_in: Open, case: int
) -> None:
    old, elsewhere = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR)
    is_live(old)
    old.fill(BOX, "会员写的草稿")
    new = old.context.new_page()
    new.context.clear_cookies()  # as when the session ran out and a colleague signs in
    new.context.add_cookies(elsewhere.context.cookies())  # type: ignore[arg-type]
    new.goto(f"/messages/{case}/")
    is_live(new)
    old.evaluate("window.dispatchEvent(new Event('online'))")  # the old stream is still the member's; the next is not
    expect(old.locator("#banner")).to_contain_text("这个浏览器已经换了账号登录")
    says(site, case, MEMBER, "只给顾问看")
    expect(new.locator(".theirs .text")).to_have_text(["只给顾问看"])
    expect(old.locator(".case, .message, #compose")).to_have_count(0)
    assert bubbles(new) == ["只给顾问看"]


# What tells somebody who looks elsewhere -------------------------------------------------------------------

HEARD = """
window.shown = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => Notification.permission;
  constructor(title, options) {
    window.shown.push([title, options.body]);
    window.last = this;
    document.documentElement.dataset.shown = window.shown.length;
  }
  close() {}
};
window.notes = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) { window.notes += 1; return start.call(this, at); };
"""


def test_a_new_message_is_told_once_by_badge_sound_and_notification_without_a_word_of_it(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    page = sign_in(MEMBER, "/messages/new/")
    page.context.add_init_script(HEARD)
    page.goto("/messages/1001/")
    second = page.context.new_page()
    second.goto("/messages/1001/")
    is_live(page, second)
    page.bring_to_front()
    says(site, case, ADVISOR, "没有打开提醒")
    expect(page.locator(f".case[data-number='{case}'] .case-last")).to_have_text("没有打开提醒")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:image/png"))
    # On the page's own timers: what would tell of it has decided before these end.
    page.evaluate("new Promise((done) => setTimeout(() => setTimeout(done, 500), 1100))")
    page.click("[data-menu] summary")
    for name in ("新消息提示音", "桌面通知"):
        switch = page.get_by_role("switch", name=name)
        expect(switch).not_to_be_checked()
        switch.click()
        expect(switch).to_be_checked()
    shot(page, "live-switches")
    until(page, "window.notes === 2")
    told = page.evaluate("[window.shown, window.notes]")
    assert told == [[], 2], "the sound was played to let one know it, nothing else was told"
    page.keyboard.press("Escape")
    says(site, case, ADVISOR, "护照首页", "很清楚")
    expect(page.locator("html")).to_have_attribute("data-shown", "1")
    assert page.evaluate("window.shown") == [["佳忆", f"案件 #{case} 有新消息"]]
    until(page, "window.notes >= 4")
    page.wait_for_timeout(500)
    assert page.evaluate("[window.shown.length, window.notes]") == [1, 4], "once for both"
    assert second.evaluate("[window.shown.length, window.notes]") == [0, 0], "by one tab only"
    page.evaluate("window.last.onclick()")
    page.wait_for_url(f"**/messages/{case}/")
    is_live(page)
    # Nothing while the case is before somebody's eyes, in whichever tab.
    says(site, case, ADVISOR, "看见了吗")
    expect(page.locator(".theirs .text").last).to_have_text("看见了吗")
    page.wait_for_timeout(1_700)
    assert page.evaluate("window.shown") == second.evaluate("window.shown") == []
    # The switches stay as they are in this browser.
    second.click("[data-menu] summary")
    expect(second.locator("[data-switch=sound]")).to_have_attribute("aria-checked", "true")


# Coming back -----------------------------------------------------------------------------------------------


def test_what_both_sides_did_while_a_browser_was_offline_appears_without_a_reload(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    write(member, "一")
    expect(advisor.locator(".theirs .text")).to_have_text(["一"])
    write(advisor, "二")
    expect(member.locator(".theirs .text")).to_have_text(["二"])
    expect(member.locator(".mine .tick")).to_have_text("✓✓")
    second = member.context.new_page()  # it has no stream of its own
    second.goto(f"/messages/{case}/")
    is_live(second)
    member.evaluate("window.sameDocument = true")
    member.context.set_offline(True)
    expect(member.locator("#banner")).to_have_text("连接已断开，正在重连…")
    write(member, "离线时写的")
    expect(member.locator(".pending .foot")).to_contain_text("等待网络，恢复后自动发送")
    advisor.click(".mine .recall")
    expect(advisor.locator(".mine .text")).to_have_text("消息已撤回")
    write(advisor, "三")
    expect(advisor.locator(".mine .tick").last).to_have_text("✓")
    member.context.set_offline(False)
    for tab in (member, second):
        expect(tab.locator(".theirs .text")).to_have_text(["消息已撤回", "三"])
    expect(member.locator("#banner")).to_be_hidden()
    expect(advisor.locator(".mine .tick")).to_have_text("✓✓")
    expect(advisor.locator(".theirs .text")).to_have_text(["一", "离线时写的"])
    expect(member.locator(".pending")).to_have_count(0)
    assert bubbles(member) == ["一", "消息已撤回", "三", "离线时写的"]
    assert member.evaluate("window.sameDocument")


@whole
def test_what_was_written_into_another_case_goes_too_after_a_restart_of_the_browser(
    site: Site, sign_in: Open, visit: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    member.context.set_offline(True)
    for text in ("一", "二", "三"):
        write(member, text)
    expect(member.locator(".pending")).to_have_count(3)
    kept = member.context.storage_state()
    member.context.close()
    says_it = f"print([m.body for m in Message.objects.filter(case__number={case}, kind='text')])"
    assert site.shell(says_it) == "[]"
    restarted = visit("/messages/1001/", storage_state=kept)
    is_live(restarted)
    last = restarted.locator(f".case[data-number='{case}'] .case-last")
    expect(last).to_have_text("您：三")
    assert site.shell(says_it) == "['一', '二', '三']"
    until(restarted, "!Object.keys(localStorage).some((key) => key.includes('outbox'))")


@whole
def test_what_a_tab_left_behind_when_it_was_closed_goes_first_from_the_one_that_stays(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    stays = sign_in(MEMBER, f"/messages/{case}/")
    closed = stays.context.new_page()
    closed.goto(f"/messages/{case}/")
    is_live(stays, closed)
    stays.context.set_offline(True)
    write(closed, "先写的")
    expect(closed.locator(".pending .foot")).to_contain_text("等待网络，恢复后自动发送")
    closed.close()
    write(stays, "后写的")
    stays.context.set_offline(False)
    expect(stays.locator(".message.mine:not(.pending) .text")).to_have_text(["先写的", "后写的"])
    expect(stays.locator(".pending")).to_have_count(0)


@whole
def test_while_the_page_only_asks_what_was_refused_waits_as_long_as_it_was_told(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("429")
    member = sign_in(MEMBER, "/messages/new/")
    member.clock.install()
    member.route("**/api/events/", lambda route: None)
    tries: list[str] = []

    def refuse(route: Route) -> None:
        tries.append(route.request.post_data or "")
        route.fulfill(status=429, json={"detail": "发送得太快了。"}, headers={"Retry-After": "100"})

    member.route(
        "**/api/cases/*/messages/", lambda route: refuse(route) if route.request.method == "POST" else route.continue_()
    )
    member.goto(f"/messages/{case}/")
    for _ in range(8):
        member.clock.run_for(1_500)
    expect(member.locator("body")).to_have_attribute("data-connection", "polling")
    write(member, "一")
    expect(member.locator(".pending .foot")).to_contain_text("发送得太快了。")
    for _ in range(16):  # 72 s of the 100, and the real time that passes meanwhile
        member.clock.run_for(4_500)
        expect(member.locator("body")).to_have_attribute("data-connection", "polling")
    assert len(tries) == 1
    member.clock.run_for(30_000)
    for _ in range(100):
        if len(tries) > 1:
            break
        member.wait_for_timeout(100)
    expect(member.locator(".pending .foot")).to_contain_text("发送得太快了。")
    assert len(tries) == 2


@whole
def test_signing_out_asks_first_when_something_was_not_sent(sign_in: Open, case: int, page_errors: PageErrors) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = sign_in(MEMBER, f"/messages/{case}/", fresh=True)
    is_live(member)
    member.route("**/api/cases/*/messages/", lambda route: route.abort())
    write(member, "还没送出")
    expect(member.locator(".pending .foot")).to_contain_text("等待网络")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    member.once("dialog", stay)
    member.click("[data-menu] summary")
    member.get_by_role("button", name="退出登录").click()
    assert asked == ["还有 1 条没有送出的内容，退出后会从这台设备上删除。仍要退出吗？"]
    member.unroute("**/api/cases/*/messages/")
    member.reload()
    expect(member.locator(".message.mine:not(.pending) .text")).to_have_text(["还没送出"])


@whole
def test_a_refusal_stays_in_words_and_does_not_hold_up_what_follows(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("400", "503")
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)

    def refuse(route: Route) -> None:
        answer = {"busy": (503, "网站正忙，请稍后再试。"), "never": (400, "这条消息不能发送。")}
        status, detail = next(answer[word] for word in answer if word in (route.request.post_data or ""))
        route.fulfill(status=status, json={"detail": detail}, headers={"Retry-After": "5"})

    member.route("**/api/cases/*/messages/", refuse, times=2)
    write(member, "never")
    failed = member.locator(".failed .foot")
    expect(failed).to_contain_text("发送失败 · 这条消息不能发送。")
    expect(member.locator("#announcer")).to_have_text("发送失败 · 这条消息不能发送。")
    write(member, "busy")
    expect(member.locator(".pending:not(.failed) .foot")).to_contain_text("网站正忙，请稍后再试。 稍后自动发送。")
    write(member, "后面的")
    expect(member.locator(".message.mine:not(.pending) .text")).to_have_text(["busy", "后面的"])
    expect(failed).to_be_visible()


@whole
def test_where_a_proxy_holds_the_stream_back_the_page_asks(site: Site, sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, "/messages/new/")
    member.clock.install()
    member.route("**/api/events/", lambda route: None)  # never a byte of an answer
    member.goto(f"/messages/{case}/")
    says(site, case, ADVISOR, "一")
    for _ in range(8):
        member.clock.run_for(1_500)
    expect(member.locator("body")).to_have_attribute("data-connection", "polling")
    expect(member.locator(".theirs .text")).to_have_text(["一"])
    says(site, case, ADVISOR, "二")
    member.clock.run_for(4_500)
    expect(member.locator(".theirs .text")).to_have_text(["一", "二"])
    expect(member.locator("#banner")).to_be_hidden()


# The end of a session, and of a case -----------------------------------------------------------------------


@pytest.fixture
def leaver(site: Site) -> str:
    """The address of a member of their own with one case: what ends their sessions ends nobody else's."""
    return site.shell(
        "from jiayi.announcing import unannounced\n"
        "from members.actions import register_member\n"
        "with unannounced():\n"
        f"  member = register_member(email=f'{{uuid4().hex}}@example.com', name='孙离', password={PASSWORD!r})\n"
        f"  case = open_case(member, '学签', advisor=Advisor.objects.get(user__email={ADVISOR!r}))\n"
        "post_message(case, case.advisor.user, '护照号 E12345678', client_id='a')\n"
        "print(member.user.email)"
    )


def open_tabs(sign_in: Open, email: str) -> tuple[Page, Page]:
    first = sign_in(email, fresh=True)
    first.locator(".case").click()
    expect(first.locator(".theirs .text")).to_have_text(["护照号 E12345678"])
    second = first.context.new_page()
    second.goto(first.url)
    is_live(first, second)
    first.fill(BOX, "草稿里的秘密")
    return first, second


@whole
def test_an_open_page_whose_account_was_switched_off_says_so_and_shows_nothing_more(
    site: Site, sign_in: Open, leaver: str, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("status of 401")
    tabs = open_tabs(sign_in, leaver)
    site.shell(f"user = User.objects.get(email={leaver!r}); user.is_active = False; user.save()")
    for tab in tabs:
        expect(tab.locator("#banner")).to_contain_text("您已退出登录")
        expect(tab.locator(".case, .message")).to_have_count(0)
        assert "E12345678" not in tab.content()
    shot(tabs[0], "live-signed-out")
    site.shell(f"User.objects.filter(email={leaver!r}).update(is_active=True)")
    assert tabs[0].request.get("/api/cases/").status == 401, "switched on again, and still signed out"


def test_signing_out_in_one_tab_clears_the_others(sign_in: Open, leaver: str, page_errors: PageErrors) -> None:
    page_errors.allow("status of 401")
    first, second = open_tabs(sign_in, leaver)
    second.click("[data-menu] summary")
    second.get_by_role("button", name="退出登录").click()
    first.wait_for_url("**/accounts/login/**")
    assert "秘密" not in first.evaluate("JSON.stringify(localStorage)")


def test_a_suspended_advisor_sees_no_case_any_more(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("status of 404")
    says(site, case, MEMBER, "停用前写的")
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    by = "User.objects.get(email='admin@example.com')"
    who = f"Advisor.objects.get(user__email={ADVISOR!r})"
    site.shell(f"from advisors.actions import suspend_advisor; suspend_advisor({who}, by={by})")
    try:
        expect(advisor.get_by_text("您已不能查看这个案件。")).to_be_visible()
        expect(advisor.locator(".case, .message")).to_have_count(0)
        assert "停用前写的" not in advisor.content()
    finally:
        site.shell(f"from advisors.actions import approve_advisor; approve_advisor({who}, by={by})")


# On the home screen ----------------------------------------------------------------------------------------


def test_the_site_can_be_installed(visit: Open) -> None:
    page = visit("/accounts/login/")
    browser = page.context.new_cdp_session(page)
    read = browser.send("Page.getAppManifest")
    assert read["errors"] == []
    manifest = json.loads(read["data"])
    assert (manifest["start_url"], manifest["display"]) == ("/messages/", "standalone")
    icons = {(icon["sizes"], icon.get("purpose", "any")) for icon in manifest["icons"]}
    assert {(size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")} <= icons
    for icon in manifest["icons"]:
        assert page.request.get(f"/static/{icon['src']}").headers["content-type"] == icon["type"]
    errors = {error["errorId"] for error in browser.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert errors <= {"in-incognito"}, "which every browser of a test is"
