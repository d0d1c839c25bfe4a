"""The pages, in real browsers: what members and advisors see and do, on a real server that can be killed."""

import gettext
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, FilePayload, Locator, Page, Route, expect

from tests.browser.conftest import PASSWORD, PageErrors
from tests.support.site import Site
from tests.support.size import whole

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
MEMBER, ADVISOR = "member@example.com", "advisor@example.com"
GONE_OFFLINE = ("net::ERR_", "Failed to fetch", "Failed to load resource")
BOX = "#compose textarea"

Open = Callable[..., Page]


@pytest.fixture
def case(site: Site) -> int:
    """A new case of the demo member, followed by 李明; its number."""
    member, advisor = f"Member.objects.get(user__email={MEMBER!r})", f"Advisor.objects.get(user__email={ADVISOR!r})"
    return int(site.shell(f"print(open_case({member}, '工签延期', advisor={advisor}).number)"))


def says(site: Site, number: int, email: str, *texts: str, source: str = "web") -> None:
    """Have somebody write into a case elsewhere: on another device, or in WeCom."""
    site.shell(
        f"case, who = Case.objects.get(number={number}), User.objects.get(email={email!r})\n"
        f"for text in {texts!r}: post_message(case, who, text, client_id=uuid4().hex, source={source!r})"
    )


def goes_away(site: Site) -> None:
    """Have 李明 not be seen on the website for long."""
    site.shell(f"Advisor.objects.filter(user__email={ADVISOR!r}).update(last_active_at=None)")


def write(page: Page, text: str) -> None:
    page.fill(BOX, text)
    page.press(BOX, "Enter")


def height_of(element: Locator) -> float:
    """How far down the screen it stands, in pixels."""
    box = element.bounding_box()
    assert box is not None
    return box["y"]


def bubbles(page: Page) -> list[str]:
    """The texts of the messages of people, in order."""
    return page.locator("#messages .message:not(.system) .text").all_inner_texts()


def is_live(*pages: Page) -> None:
    """Wait until the pages' streams have said hello: what happens elsewhere arrives by itself from here on."""
    for page in pages:
        expect(page.locator("body")).to_have_attribute("data-connection", "live")


def test_a_message_goes_both_ways_at_once(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    goes_away(site)
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    expect(member.get_by_text("顾问暂时不在线")).to_be_visible()

    write(member, "您好，我的工签\n下个月到期。")
    expect(advisor.locator(".theirs .text")).to_have_text("您好，我的工签\n下个月到期。")
    expect(advisor.locator(".theirs .meta")).to_have_text("王小明 会员")
    expect(member.locator(".mine .tick")).to_have_text("✓✓")

    write(advisor, "收到，我先看材料。")
    expect(member.locator(".theirs .text")).to_have_text("收到，我先看材料。")
    expect(member.locator("#announcer")).to_have_text("李明：收到，我先看材料。")  # for 5 s: looked at first
    expect(member.locator(".theirs .meta")).to_have_text("李明 顾问")
    expect(member.get_by_text("顾问暂时不在线")).to_be_hidden()
    expect(member.locator("#peer")).to_have_text("顾问 李明 · 在线")
    expect(advisor.locator(".mine .tick")).to_have_text("✓✓")
    says(site, case, ADVISOR, "请把护照首页准备好。", source="wecom")
    expect(member.locator(".theirs .wecom")).to_have_text("企业微信")
    shot(member, "messages-member")
    shot(advisor, "messages-advisor")


@whole
def test_a_message_is_not_read_while_nobody_looks_at_it(site: Site, sign_in: Open, case: int) -> None:
    says(site, case, ADVISOR, *(f"第 {n} 条" for n in range(40)))
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    member.locator("#scroller").evaluate("element => element.scrollTop = -600")
    mark = member.locator(".theirs .text", has_text="第 25 条")
    before = height_of(mark)
    write(advisor, "新的一条")
    expect(member.locator("#jump")).to_be_visible()
    assert abs(height_of(mark) - before) < 2, "what one reads stays in place"
    expect(advisor.locator(".mine .tick").last).to_have_text("✓")
    member.click("#jump")
    expect(advisor.locator(".mine .tick").last).to_have_text("✓✓")
    expect(member.locator("#jump")).to_be_hidden()


@whole
@pytest.mark.usefixtures("calm_wecom")
def test_a_tab_left_open_reads_nothing_and_the_advisor_is_told_in_wecom(
    site: Site, sign_in: Open, visit: Open, case: int
) -> None:
    """What an idle tab marked as read was neither told in WeCom nor reminded of, and nobody had seen it."""
    advisor = sign_in(ADVISOR, "/profile/")
    advisor.clock.install()
    advisor.goto(f"{site.url}/messages/{case}/")
    is_live(advisor)
    advisor.clock.fast_forward(61_000)
    is_live(advisor)
    goes_away(site)
    member, sandbox = sign_in(MEMBER, f"/messages/{case}/"), visit("/sandbox/")
    is_live(member)
    write(member, "在吗？")
    expect(advisor.locator(".theirs .text")).to_have_text("在吗？")
    expect(
        sandbox.locator("#group-lines").get_by_text(re.compile(f"^#{case} .\\*：[0-9]+ 条消息，")).last
    ).to_be_visible()
    expect(member.locator(".mine .tick")).not_to_have_attribute("data-state", "read")
    advisor.mouse.move(200, 200)
    expect(member.locator(".mine .tick")).to_have_attribute("data-state", "read")


def test_an_answer_asked_for_before_a_recall_does_not_bring_the_words_back(
    site: Site, sign_in: Open, case: int
) -> None:
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    write(member, "写错了")
    expect(advisor.locator(".theirs .text")).to_have_text("写错了")
    held: list[tuple[Route, APIResponse]] = []
    # What the site itself says is asked for: this answer was read before the recall, and is late.
    asks = re.compile("messages/[?]limit=")
    advisor.route(asks, lambda route: held.append((route, route.fetch())), times=1)
    with advisor.expect_request(asks):
        site.shell(f"from cases.actions import close_case\nclose_case(Case.objects.get(number={case}))")
    member.click(".mine .recall")
    expect(advisor.locator(".theirs .text")).to_have_text("消息已撤回")
    ((route, answer),) = held
    assert "写错了" in answer.text()
    route.fulfill(response=answer)
    expect(advisor.locator(".message.system").last).to_contain_text("结案")
    expect(advisor.locator(".theirs .text")).to_have_text("消息已撤回")


@whole
def test_other_cases_count_what_is_unread(site: Site, sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, "/messages/1001/")
    is_live(member)
    entry = member.locator(f".case[data-number='{case}']")
    expect(entry.locator(".badge")).to_have_text(re.compile("^1 "))  # who follows it
    says(site, case, ADVISOR, "请看一下")
    expect(entry.locator(".case-last")).to_have_text("请看一下")
    expect(entry.locator(".badge")).to_have_text(re.compile("^2 "))
    expect(member).to_have_title(re.compile(r"^\(\d+\) "))
    expect(member.locator(".case").first).to_have_attribute("data-number", str(case))
    # On another device, where the last message is not there yet: how many remain, the server is asked.
    held: list[Route] = []
    member.route("**/api/cases/", lambda route: held.append(route))
    with member.expect_request("**/api/cases/"):
        site.shell(
            f"from cases.actions import mark_read\ncase = Case.objects.get(number={case})\n"
            "mark_read(case, case.member.user, case.last_seq - 1)"
        )
    expect(entry.locator(".badge")).to_have_text(re.compile("^2 "))
    member.unroute("**/api/cases/")  # lets go what is held
    expect(entry.locator(".badge")).to_have_text(re.compile("^1 "))


@whole
def test_a_second_tab_does_not_bring_a_sent_draft_back(sign_in: Open, case: int) -> None:
    first = sign_in(MEMBER, "/messages/new/")
    first.goto(f"/messages/{case}/")
    first.fill(BOX, "写了一半")
    first.reload()
    expect(first.locator(BOX)).to_have_value("写了一半")
    second = first.context.new_page()
    second.goto(f"/messages/{case}/")
    expect(second.locator(BOX)).to_have_value("写了一半")
    first.press(BOX, "Enter")
    expect(first.locator(".mine .tick")).to_be_visible()
    second.reload()
    is_live(second)
    expect(second.locator(BOX)).to_have_value("")


def test_enter_of_a_chinese_input_method_does_not_send(sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/")
    member.focus(BOX)
    keyboard = member.context.new_cdp_session(member)
    keyboard.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    # While composing, browsers report the key as 229, the input method's own.
    for kind in ("rawKeyDown", "keyUp"):
        keyboard.send("Input.dispatchKeyEvent", {"type": kind, "key": "Enter", "windowsVirtualKeyCode": 229})
    keyboard.send("Input.insertText", {"text": "你好"})
    expect(member.locator(BOX)).to_have_value("你好")
    # Safari: composing has ended when its Enter arrives, only the code tells.
    safari = "{key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}"
    member.eval_on_selector(BOX, f"box => box.dispatchEvent(new KeyboardEvent('keydown', {safari}))")
    expect(member.locator(BOX)).to_have_value("你好")
    member.press(BOX, "Shift+Enter")
    member.keyboard.insert_text("请问")
    expect(member.locator(BOX)).to_have_value("你好\n请问")
    assert bubbles(member) == []
    member.press(BOX, "Enter")
    expect(member.locator(".mine .tick")).to_be_visible()
    assert bubbles(member) == ["你好\n请问"]


def test_what_was_written_offline_survives_a_reload_and_is_sent_once(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = sign_in(MEMBER, "/messages/new/")
    taken: list[str] = []

    def lose_the_answer(route: Route) -> None:
        url = route.request.url
        if url.endswith("/messages/") and not taken:
            taken.append(url)
            route.fetch()
        route.abort()

    # The server takes the first message, but its answer is lost: the worst moment to lose a connection.
    member.route("**/api/**", lose_the_answer)
    member.goto(f"/messages/{case}/")
    write(member, "在隧道里写的")
    expect(member.locator(".pending .foot")).to_contain_text("等待网络，恢复后自动发送")
    expect(member.locator("#announcer")).to_have_text("等待网络，恢复后自动发送")
    write(member, "没有网络")
    expect(member.locator(".pending")).to_have_count(2)
    shot(member, "messages-waiting-for-the-network")
    member.unroute_all()
    member.reload()
    expect(member.locator(".pending")).to_have_count(0)
    assert bubbles(member) == ["在隧道里写的", "没有网络"]
    member.reload()
    assert bubbles(member) == ["在隧道里写的", "没有网络"]


@whole
def test_a_message_under_way_when_the_page_is_closed_still_goes_out_once(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = sign_in(MEMBER, f"/messages/{case}/")
    member.route("**/messages/", lambda route: None if route.request.method == "POST" else route.fallback())
    write(member, "刚按下发送")
    expect(member.locator(".pending .foot")).to_have_text("发送中")
    again = member.context.new_page()
    again.goto(f"/messages/{case}/")
    expect(again.locator(".mine .tick")).to_be_visible()
    member.close()
    again.reload()
    assert bubbles(again) == ["刚按下发送"]


@whole
def test_a_message_that_waits_can_be_thrown_away(sign_in: Open, case: int, page_errors: PageErrors) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    member.context.set_offline(True)
    write(member, "算了")
    expect(member.locator(".pending .foot")).to_contain_text("等待网络")
    member.click(".pending .discard")
    member.context.set_offline(False)
    member.reload()
    is_live(member)
    assert bubbles(member) == []


def test_a_recall_is_seen_at_once_and_the_text_can_be_edited_again(sign_in: Open, case: int) -> None:
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    write(member, "写错了")
    expect(advisor.locator(".theirs .text")).to_have_text("写错了")
    member.click(".mine .recall")
    expect(member.locator(".mine .text")).to_have_text("消息已撤回")
    expect(advisor.locator(".theirs .text")).to_have_text("消息已撤回")
    expect(advisor.locator(f".case[data-number='{case}'] .case-last")).to_have_text("消息已撤回")
    member.click(".mine .edit-again")
    expect(member.locator(BOX)).to_have_value("写错了")
    assert "写错了" not in advisor.content()


@whole
def test_what_happened_while_the_server_was_down_appears_once_it_is_back(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    says(site, case, ADVISOR, "一")
    expect(member.locator(".theirs .text")).to_have_text(["一"])
    site.kill()
    expect(member.get_by_text("连接已断开，正在重连…")).to_be_visible()
    shot(member, "messages-reconnecting")
    says(site, case, ADVISOR, "二", "三")
    write(member, "停机时写的")
    write(member, "停机时写的第二条")
    expect(member.locator(".pending .foot")).to_contain_text(["等待网络，恢复后自动发送", "发送中"])
    site.start()
    # Between two of its own tries the page waits up to 22 s.
    expect(member.locator(".theirs .text")).to_have_text(["一", "二", "三"], timeout=45_000)
    expect(member.locator("#banner")).to_be_hidden(timeout=45_000)
    expect(member.locator(".mine .tick")).to_have_count(2)
    says(site, case, ADVISOR, "四")
    in_order = ["一", "二", "三", "停机时写的", "停机时写的第二条", "四"]
    expect(member.locator(".message:not(.system) .text")).to_have_text(in_order)


@whole
def test_where_the_stream_cannot_be_had_the_page_asks_by_itself(
    site: Site, sign_in: Open, visit: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("501")
    member = sign_in(MEMBER, "/messages/new/")
    member.route("**/api/events/", lambda route: route.fulfill(status=501, json={"detail": "no stream here"}))
    member.goto(f"/messages/{case}/")
    says(site, case, ADVISOR, "轮询也能收到")
    expect(member.locator(".theirs .text")).to_have_text(["轮询也能收到"])
    says(site, case, ADVISOR, "再来一条")
    expect(member.locator(".theirs .text")).to_have_text(["轮询也能收到", "再来一条"])
    expect(member.locator("body")).to_have_attribute("data-connection", "polling")
    expect(member.locator("#banner")).to_be_hidden()


@whole
def test_signing_out_elsewhere_is_said_and_nothing_is_lost(
    sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("401")
    member = sign_in(MEMBER, f"/messages/{case}/", fresh=True)
    is_live(member)
    token = member.context.cookies()
    member.context.request.post(
        "/accounts/logout/", headers={"X-CSRFToken": next(c["value"] for c in token if c["name"] == "csrftoken")}
    )
    write(member, "还没退出的时候写的")
    expect(member.get_by_text("您已退出登录")).to_be_visible()
    expect(member.locator(".pending .text")).to_have_text("还没退出的时候写的")
    expect(member.locator(".pending .foot")).to_contain_text("重新登录后自动发送")
    shot(member, "messages-signed-out")
    member.get_by_role("link", name="重新登录").click()
    member.fill("[name=login]", MEMBER)
    member.fill("[name=password]", PASSWORD)
    member.click("main button.primary")
    member.wait_for_url(f"**/messages/{case}/")
    expect(member.locator(".mine .tick")).to_be_visible()
    assert bubbles(member) == ["还没退出的时候写的"]


def test_signing_out_leaves_no_words_on_the_device(sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/", fresh=True)
    member.fill(BOX, "护照号 E12345678")
    member.goto("/messages/1001/")
    expect(member.locator(BOX)).to_have_value("")
    member.goto(f"/messages/{case}/")
    expect(member.locator(BOX)).to_have_value("护照号 E12345678")
    member.click("[data-menu] summary")
    member.get_by_role("button", name="退出登录").click()
    member.wait_for_url("**/")
    expect(member.get_by_text("您已退出登录。")).to_be_visible()
    assert "E12345678" not in member.evaluate("JSON.stringify(localStorage)")


@whole
def test_an_advisor_who_loses_the_case_sees_nothing_of_it_any_more(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("status of 404", "net::ERR_FAILED")  # a request for the case that was under way
    says(site, case, MEMBER, "只给跟进人看")
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    expect(advisor.locator(".theirs .text")).to_have_text("只给跟进人看")
    advisor.route("**/api/cases/*/messages/", lambda route: route.abort())
    write(advisor, "没有送出的")
    expect(advisor.locator(".pending .foot")).to_contain_text("等待网络")
    other = "Advisor.objects.get(user__email='advisor2@example.com')"
    site.shell(f"assign_advisor(Case.objects.get(number={case}), {other}, by=None)")
    expect(advisor.get_by_text("您已不能查看这个案件。 有 1 条内容没有送出。")).to_be_visible()
    expect(advisor.locator(f".case[data-number='{case}']")).to_have_count(0)
    assert "只给跟进人看" not in advisor.content()


@whole
def test_the_advisor_is_shown_as_present_when_they_move(site: Site, sign_in: Open, case: int) -> None:
    goes_away(site)
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    expect(member.locator("#peer")).to_have_text("顾问 李明 · 暂时不在线")
    advisor.mouse.move(200, 200)
    expect(member.locator("#peer")).to_have_text("顾问 李明 · 在线")


@whole
def test_a_closed_case_can_be_read_but_not_written(site: Site, sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    site.shell(f"close_case(Case.objects.get(number={case}))")
    expect(member.get_by_text("案件已结案，不能再发送消息")).to_be_visible()
    expect(member.locator("#compose")).to_be_hidden()


PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "javascript:alert(1)",
    'https://example.com/"onmouseover="alert(1)',
    "http://example.com/<b>粗</b>",
    "{{ 7*7 }} {% debug %} ${7*7}",
    "</script><script>alert(1)</script>",
    "data:text/html,<script>alert(1)</script>",
    "&lt;b&gt; &#60;i&#62;",
]


def test_markup_stays_text_and_only_web_addresses_become_links(
    site: Site, sign_in: Open, visit: Open, case: int
) -> None:
    site.shell(f"Case.objects.filter(number={case}).update(title='<img src=x onerror=alert(1)>')")
    says(site, case, MEMBER, *PAYLOADS)
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    advisor.on("dialog", lambda dialog: pytest.fail(f"executed: {dialog.message}"))
    is_live(advisor)
    assert bubbles(advisor) == PAYLOADS, "as the server renders them, and the script takes them over"
    says(site, case, MEMBER, *PAYLOADS, "见 https://www.canada.ca/a_(b)?x=1&y=2。谢谢（https://example.com）")
    expect(advisor.locator(".theirs")).to_have_count(2 * len(PAYLOADS) + 1)
    assert bubbles(advisor)[len(PAYLOADS) : -1] == PAYLOADS, "as they arrive live"
    links = advisor.locator(".theirs .text a")
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer nofollow"}
    hrefs = [link.get_attribute("href") or "" for link in links.all()]
    assert all(href.startswith(("http://", "https://")) for href in hrefs)
    assert hrefs[-2:] == ["https://www.canada.ca/a_(b)?x=1&y=2", "https://example.com/"]
    assert advisor.locator("#messages script, #messages img, #messages svg, #cases img").count() == 0
    expect(advisor.locator(".conversation-head h1")).to_contain_text("<img src=x onerror=alert(1)>")


def test_older_messages_come_on_scrolling_up_and_nothing_jumps(site: Site, sign_in: Open, case: int) -> None:
    says(site, case, ADVISOR, *(f"第 {n} 条" for n in range(1, 131)))
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    scroller = member.locator("#scroller")
    newest = member.locator(".theirs .text", has_text="第 130 条")
    expect(newest).to_be_in_viewport()
    count = member.locator(".theirs").count()
    mark = member.locator(f"[data-seq='{member.locator('.theirs').first.get_attribute('data-seq')}']")
    scroller.evaluate("element => element.scrollTop = -element.scrollHeight")
    before = height_of(mark)
    expect(member.locator(".theirs").nth(count)).to_be_attached()
    assert abs(height_of(mark) - before) < 40, "what one reads stays where it is"
    for _ in range(60):  # a page comes as one scrolls up, on a busy machine after a while
        if member.locator(".theirs").count() == 130:
            break
        scroller.evaluate("element => element.scrollTop = -element.scrollHeight")
        member.wait_for_timeout(150)
    expect(member.locator(".theirs")).to_have_count(130)
    expect(member.locator("#older")).to_be_hidden()
    assert bubbles(member) == [f"第 {n} 条" for n in range(1, 131)]


@whole
def test_times_are_those_of_the_reader(site: Site, sign_in: Open, case: int) -> None:
    says(site, case, ADVISOR, "早上好")
    site.shell(
        f"Message.objects.filter(case__number={case}).update(created_at=datetime(2026, 3, 1, 16, 5, tzinfo=UTC))"
    )
    for zone, time, day in (("Asia/Shanghai", "00:05", "3月2日"), ("America/Toronto", "11:05", "3月1日")):
        page = sign_in(MEMBER, f"/messages/{case}/", timezone_id=zone)
        expect(page.locator(".theirs time")).to_have_text(time)
        expect(page.locator(".day").last).to_have_text(re.compile(re.escape(day)))


def test_reading_and_writing_work_without_javascript(site: Site, sign_in: Open, case: int) -> None:
    says(site, case, ADVISOR, *(f"第 {n} 条" for n in range(1, 61)))
    member = sign_in(MEMBER, f"/messages/{case}/", java_script_enabled=False)
    assert bubbles(member)[-1] == "第 60 条"
    member.fill(BOX, "没有脚本\n也能写")
    with member.expect_navigation():  # to the same address: with its style sheets, which keep the lines apart
        member.click("#compose button.send")
    assert bubbles(member)[-1] == "没有脚本\n也能写"
    with member.expect_navigation():
        member.get_by_role("link", name="更早的消息").click()
    assert "第 1 条" in bubbles(member)
    with member.expect_navigation():
        member.get_by_role("link", name="回到最新的消息").click()
    assert bubbles(member)[-1] == "没有脚本\n也能写"


@whole
def test_on_a_phone_there_is_the_list_and_then_the_conversation(sign_in: Open, case: int, shot: Any) -> None:
    member = sign_in(MEMBER, phone=True)
    expect(member.locator("#cases")).to_be_visible()
    shot(member, "phone-cases")
    member.locator(f".case[data-number='{case}']").click()
    member.wait_for_url(f"**/messages/{case}/")
    expect(member.locator("#cases")).to_be_hidden()
    member.fill(BOX, "在手机上写")
    member.click("#compose button.send")
    expect(member.locator(".mine .tick")).to_be_visible()
    shot(member, "phone-conversation")
    member.get_by_role("link", name="回到案件列表").click()
    expect(member.locator("#cases")).to_be_visible()
    expect(member.locator(f".case[data-number='{case}'] .case-last")).to_have_text("您：在手机上写")


def test_a_new_member_is_led_from_signing_up_to_a_first_message(
    visit: Open, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("status of 400")  # the form that is shown again
    page = visit("/register/", phone=True)
    page.fill("[name=name]", "赵新")
    page.fill("[name=email]", MEMBER)
    page.fill("[name=password]", "a-long-enough-one")
    page.click("main button.primary")
    expect(page.locator(".errorlist")).to_have_text("该邮箱已注册，请直接登录。")
    expect(page.locator("[name=email]")).to_be_focused()
    shot(page, "phone-register-error")
    page.fill("[name=email]", "zhao@example.com")
    page.fill("[name=password]", "a-long-enough-one")
    page.click("main button.primary")
    page.fill("[name=title]", "配偶团聚")
    page.fill("[name=body]", "我想为太太申请团聚。")
    page.click("main button.primary")
    # Once the team was told in WeCom, it says so in the same place.
    expect(page.locator("#unassigned:visible, #team-notified:visible")).to_contain_text("正在为您安排顾问")
    assert bubbles(page) == ["我想为太太申请团聚。"]


@whole
@pytest.mark.parametrize(
    ("status", "says"),
    [("pending", "您的申请正在审核"), ("rejected", "您的申请没有通过"), ("suspended", "您的顾问资格已停用")],
)
def test_an_advisor_who_may_not_work_is_told_why(site: Site, sign_in: Open, status: str, says: str) -> None:
    change = "Advisor.objects.filter(user__email='pending@example.com').update(status={!r}, reviewed_at=timezone.now())"
    site.shell(change.format(status))
    try:
        page = sign_in("pending@example.com")
        expect(page.get_by_role("heading", level=1)).to_have_text(says)
        expect(page.locator(".messenger")).to_have_count(0)
    finally:
        site.shell(change.format("pending"))


PUBLIC = ["/", "/accounts/login/", "/register/", "/register/advisor/", "/accounts/password/reset/"]


def serious(page: Page) -> list[str]:
    found = Axe().run(page, options={"reporter": "no-passes"}).response["violations"]
    return [json.dumps(one, ensure_ascii=False)[:600] for one in found if one["impact"] in ("serious", "critical")]


def test_english_is_complete_and_the_switch_is_remembered(
    site: Site, visit: Open, sign_in: Open, case: int, shot: Any
) -> None:
    page = visit("/", locale="en")
    # What stays Chinese: the brand, the name of the other language, and what people wrote.
    chinese = "() => document.body.innerText.replaceAll('佳忆', '').replaceAll('中文', '').match(/[\\u3400-\\u9fff]+/g)"
    for path in PUBLIC:
        page.goto(path)
        assert page.evaluate(chinese) is None, path
    shot(page, "password-reset-en")
    member = sign_in(MEMBER, "/messages/new/", locale="en")
    # Private pages name the account 王小明.
    member.evaluate("document.querySelector('.menu-name').textContent = ''")
    assert member.evaluate(chinese) is None
    goes_away(site)
    says(site, case, ADVISOR, "hello")
    member.goto(f"/messages/{case}/")
    expect(member.locator("#away")).to_have_text(re.compile("Your advisor is away"))
    expect(member.locator(".theirs .role")).to_have_text("Advisor")
    expect(member.locator(".day").last).to_have_text("Today")
    shot(member, "messages-en")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.goto("/accounts/login/")
    expect(page.get_by_role("heading", level=1)).to_have_text("登录")


def test_every_text_has_its_english() -> None:
    """scripts/messages.sh brings locale/en up to date; then translate what is new and compile."""
    folder = ROOT / "locale/en/LC_MESSAGES"
    source = (folder / "django.po").read_text(encoding="utf-8")
    assert "fuzzy" not in source
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    entries = re.findall(r'^(?:msgctxt "(.+)"\n)?msgid "(.+)"$', source, re.M)
    texts = [text.replace('\\"', '"') for context, text in entries if not context]
    assert not [text for context, text in entries if context and compiled.pgettext(context, text) == text != "PDF"]
    for template in (ROOT / "templates").rglob("*.html"):
        texts += re.findall(r"{% translate [\"'](.+?)[\"'] %}", template.read_text(encoding="utf-8"))
    for module in ("jiayi", "members", "advisors", "cases", "wecom"):
        for path in (ROOT / module).rglob("*.py"):
            texts += re.findall(r'\b_\(\s*"([^"]+)"\s*[,)]', path.read_text(encoding="utf-8"))
    untranslated = [text for text in texts if compiled.gettext(text) == text and not compiled.ngettext(text, "", 2)]
    assert not [text for text in untranslated if not text.isascii()]


# Shared computers ----------------------------------------------------------------------------------------

KEPT = """async () => {
  const names = Object.keys(localStorage).filter((key) => /^jiayi:[a-z]+:[0-9]+:/.test(key));
  const known = (await indexedDB.databases()).some((one) => one.name === "jiayi");
  if (!known) return names;
  const database = await new Promise((done) => {
    indexedDB.open("jiayi").onsuccess = ({ target }) => done(target.result);
  });
  const blobs = await new Promise((done) => {
    const asked = database.transaction("files").objectStore("files").getAllKeys();
    asked.onsuccess = () => done(asked.result);
  });
  database.close();
  return [...names, ...blobs];
}"""


def sign_in_here(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", PASSWORD)
    page.click("main button.primary")
    page.wait_for_url("**/messages/**")


@whole
def test_who_signs_in_after_somebody_else_finds_nothing_of_theirs_on_the_device(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("401", *GONE_OFFLINE)
    page = sign_in(MEMBER, f"/messages/{case}/", fresh=True)
    is_live(page)
    page.route("**/api/cases/*/messages/", lambda route: route.abort())
    passport: FilePayload = {"name": "护照.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 x"}
    page.set_input_files("#picker", passport)
    write(page, "我的护照号")
    expect(page.locator(".pending")).to_have_count(2)
    page.fill(BOX, "一份草稿")
    page.goto("/profile/")
    page.unroute_all()
    page.context.clear_cookies()  # the session ends, and nobody signs out
    mine = page.evaluate(KEPT)
    assert len(mine) == 4, mine  # draft, text, file, and the file's bytes
    sign_in_here(page, "member2@example.com")
    is_live(page)
    page.wait_for_function(f"async () => (await ({KEPT})()).length === 0")
    page.context.clear_cookies()
    sign_in_here(page, MEMBER)
    page.goto(f"/messages/{case}/")
    is_live(page)
    expect(page.locator(BOX)).to_have_value("")
    assert bubbles(page) == []


@whole
def test_what_a_session_that_ended_left_unsent_is_sent_when_the_same_person_is_back(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("401", *GONE_OFFLINE)
    page = sign_in(MEMBER, f"/messages/{case}/", fresh=True)
    is_live(page)
    page.route("**/api/cases/*/messages/", lambda route: route.abort())
    write(page, "还没发出的")
    expect(page.locator(".pending")).to_have_count(1)
    page.goto("/profile/")
    page.unroute_all()
    page.context.clear_cookies()
    sign_in_here(page, MEMBER)
    page.goto(f"/messages/{case}/")
    expect(page.locator(".mine .tick")).to_be_visible()
    assert bubbles(page) == ["还没发出的"]
