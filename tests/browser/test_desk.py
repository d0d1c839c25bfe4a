"""The advisor's desk in real browsers: what the advisor does there, and what the member sees of it, and what not."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PageErrors
from tests.browser.test_pages import ADVISOR, BOX, MEMBER, bubbles, is_live, says, serious
from tests.support.site import Site
from tests.support.size import whole

pytestmark = pytest.mark.browser

OTHER = "advisor2@example.com"
NOTE = "#note-form textarea"
SEARCH = ".cases [type=search]"
POPUP = ".reply-popup"
OPTIONS = "#reply-list [role=option]"

Open = Callable[..., Page]


def new_case(site: Site, title: str = "工签延期", email: str = MEMBER) -> int:
    member, advisor = f"Member.objects.get(user__email={email!r})", f"Advisor.objects.get(user__email={ADVISOR!r})"
    return int(site.shell(f"print(open_case({member}, {title!r}, advisor={advisor}).number)"))


@pytest.fixture
def case(site: Site) -> int:
    return new_case(site)


@pytest.fixture
def empty_desk(site: Site) -> Iterator[None]:
    """李明 follows nothing yet, for tests that look at the whole list; afterwards, what he followed."""
    followed = site.shell("print(list(Case.objects.exclude(advisor=None).values_list('pk', 'advisor')))")
    site.shell("Case.objects.update(advisor=None)")
    yield
    site.shell(f"for pk, advisor in {followed}: Case.objects.filter(pk=pk).update(advisor=advisor)")


def in_list(page: Page) -> list[str]:
    return page.locator("#cases .case-title").all_inner_texts()


def test_notes_stay_with_the_advisors_and_are_live_there(
    site: Site, sign_in: Open, case: int, shot: Any, page_errors: PageErrors
) -> None:
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    second = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor, second)
    for page in (advisor, second):
        expect(page.locator("#canned")).to_be_visible()  # js/desk/desk.js, which keeps the notes too, has come
    advisor.fill(NOTE, "电话请打给他太太。\n<b>下周一前</b>要学校的信。")
    advisor.get_by_role("button", name="保存备注").click()
    expect(second.locator(".note .text")).to_have_text("电话请打给他太太。\n<b>下周一前</b>要学校的信。")
    expect(advisor.locator(".note")).to_have_count(1)
    expect(advisor.locator(NOTE)).to_have_value("")
    # What could not be saved stays in the box, and is saved once.
    page_errors.allow("net::ERR_", "Failed to load resource")
    advisor.context.set_offline(True)
    advisor.fill(NOTE, "在电梯里写的")
    advisor.click(".note-save")
    expect(advisor.locator("#note-error")).to_have_text("没能保存，请再试一次。")
    expect(advisor.locator(NOTE)).to_have_value("在电梯里写的")
    advisor.context.set_offline(False)
    advisor.click(".note-save")
    expect(second.locator(".note .text").first).to_have_text("在电梯里写的")
    expect(advisor.locator(".note")).to_have_count(2)
    shot(advisor, "desk")
    assert bubbles(advisor) == []
    assert "电梯" not in member.content()
    member.reload()
    assert "电话请打给" not in member.content()
    assert member.locator("#desk, .case-link, #filters").count() == 0
    assert not serious(advisor)


@whole
def test_a_note_changed_after_a_save_that_timed_out_is_not_lost(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("net::ERR_")
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    expect(advisor.locator("#canned")).to_be_visible()  # js/desk/desk.js, which keeps the note too, has come

    def written_but_not_answered(route: Route) -> None:
        route.fetch()
        route.abort()

    advisor.route("**/notes/", written_but_not_answered, times=1)
    advisor.fill(NOTE, "周一打电话")
    advisor.click(".note-save")
    expect(advisor.locator("#note-error")).to_have_text("没能保存，请再试一次。")
    advisor.fill(NOTE, "周一打电话，下午三点")
    advisor.click(".note-save")
    expect(advisor.locator(NOTE)).to_have_value("")
    expect(advisor.locator(".note .text")).to_have_text(["周一打电话，下午三点", "周一打电话"])


@whole
def test_an_advisor_who_left_the_page_open_does_not_read_their_first_case(
    site: Site, sign_in: Open, empty_desk: None
) -> None:
    advisor = sign_in(ADVISOR)
    advisor.clock.install()
    with advisor.expect_response("**/api/events/"):
        advisor.goto("/messages/")
    nothing = advisor.get_by_role("heading", name="目前没有由您跟进的案件")
    expect(nothing).to_be_visible()
    advisor.clock.fast_forward(61_000)
    with advisor.expect_response("**/api/cases/"):
        case = new_case(site)
    advisor.wait_for_timeout(300)
    expect(nothing).to_be_visible()  # nobody is there to see the case
    advisor.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })")
    says(site, case, MEMBER, "在吗？")
    expect(advisor.locator(".theirs .text")).to_have_text(["在吗？"])
    is_live(advisor)
    advisor.wait_for_timeout(300)
    read = f"print(ReadMark.objects.filter(case__number={case}, user__email={ADVISOR!r}).exists())"
    assert site.shell(read) == "False", "the page opened itself"
    with advisor.expect_response("**/read/"):
        advisor.mouse.move(200, 200)
    assert site.shell(read) == "True"


def test_a_slash_inserts_a_canned_reply_and_never_sends(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    box, popup = advisor.locator(BOX), advisor.locator(POPUP)
    box.focus()
    with advisor.expect_response("**/replies/"):
        advisor.reload()
    box.focus()
    for text in ("1/2", "https://a", "和/或"):  # only at the beginning or after a space
        box.fill("")
        advisor.keyboard.type(text)
        expect(popup).to_be_hidden()
    box.fill("")
    advisor.keyboard.type("请看 /")
    expect(popup).to_be_visible()
    expect(box).to_have_attribute("role", "combobox")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(box).to_have_attribute("aria-activedescendant", "reply-0")
    advisor.keyboard.press("ArrowUp")
    last = advisor.locator(OPTIONS).last
    expect(last).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == last.get_attribute("id")
    assert not serious(advisor)
    shot(advisor, "desk-canned-replies")
    advisor.keyboard.press("Escape")
    expect(popup).to_be_hidden()
    expect(box).not_to_have_attribute("role", "combobox")
    advisor.keyboard.type("he")
    expect(popup).to_be_hidden()  # closed is closed, until another `/`
    box.fill("")
    advisor.keyboard.type("/HEL")
    expect(advisor.locator(f"{OPTIONS} .reply-word")).to_have_text(["/hello"])
    advisor.keyboard.press("Enter")
    expect(box).to_have_value(
        "Hello 王小明, thank you for your message. I am looking into it and will answer you here."
    )
    advisor.keyboard.press("Control+z")
    expect(box).to_have_value("/HEL")
    box.fill("")
    advisor.keyboard.type("/docs")
    advisor.keyboard.press("Tab")
    expect(box).to_have_value(re.compile(f"^Hello 王小明, for case #{case} please"))
    expect(box).to_be_focused()
    assert bubbles(advisor) == []
    advisor.keyboard.press("Enter")
    expect(advisor.locator(".mine .tick")).to_have_count(1)


@whole
def test_the_enter_of_an_input_method_never_picks_a_reply(site: Site, sign_in: Open, case: int) -> None:
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    box, popup = advisor.locator(BOX), advisor.locator(POPUP)
    box.focus()
    advisor.keyboard.type("/")
    expect(popup).to_be_visible()
    keyboard = advisor.context.new_cdp_session(advisor)
    keyboard.send("Input.imeSetComposition", {"text": "cai liao", "selectionStart": 8, "selectionEnd": 8})
    for kind in ("rawKeyDown", "keyUp"):
        keyboard.send("Input.dispatchKeyEvent", {"type": kind, "key": "Enter", "windowsVirtualKeyCode": 229})
    keyboard.send("Input.insertText", {"text": "材"})
    expect(box).to_have_value("/材")
    expect(advisor.locator(OPTIONS).first).to_contain_text("/材料")
    # Safari's Enter, which ends the word after composing has ended.
    safari = "{key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}"
    advisor.eval_on_selector(BOX, f"box => box.dispatchEvent(new KeyboardEvent('keydown', {safari}))")
    expect(box).to_have_value("/材")
    assert bubbles(advisor) == []
    advisor.keyboard.press("Enter")
    expect(box).to_have_value(re.compile(f"^王小明，关于案件 #{case}，请您准备"))
    # A Chinese keyboard writes 、 for the same key.
    box.fill("")
    advisor.keyboard.insert_text("、")
    advisor.keyboard.insert_text("材")
    expect(popup).to_be_visible()
    advisor.locator(OPTIONS).first.click()
    expect(box).to_have_value(re.compile("^王小明"))
    expect(box).to_be_focused()


def test_a_hand_over_is_seen_live_by_the_member_and_the_new_advisor(
    site: Site, sign_in: Open, case: int, shot: Any, page_errors: PageErrors
) -> None:
    page_errors.allow("status of 404")
    says(site, case, MEMBER, "请问进度如何？")
    member, new = sign_in(MEMBER, f"/messages/{case}/"), sign_in(OTHER)
    old, elsewhere = sign_in(ADVISOR, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, old, elsewhere)
    old.fill(NOTE, "客户很急")
    old.click(".note-save")
    expect(old.locator(".note")).to_have_count(1)
    old.get_by_text("移交给其他顾问").click()
    old.select_option("#hand_over_advisor", label="张伟")
    old.fill("#hand_over_reason", "我下周休假")
    old.get_by_role("button", name="下一步：确认移交").click()
    expect(old.get_by_role("heading", level=1)).to_have_text(f"把案件 #{case} 移交给 张伟？")
    shot(old, "desk-hand-over")
    assert not serious(old)
    expect(member.locator("#peer")).to_contain_text("李明")  # nothing has happened yet
    old.get_by_role("button", name="确认移交").click()
    expect(old.get_by_text(f"案件 #{case} 已移交给 张伟。")).to_be_visible()
    expect(member.locator(".system .text").last).to_have_text("本案件的跟进人现在是 张伟。")
    expect(member.locator("#peer")).to_contain_text("张伟")
    assert "休假" not in member.content()
    expect(elsewhere.get_by_text("您已不能查看这个案件。")).to_be_visible()
    expect(elsewhere.locator("#desk")).to_have_count(0)
    assert "客户很急" not in elsewhere.content()
    expect(new.locator(f".case[data-number='{case}']")).to_be_visible()
    expect(new).to_have_url(re.compile(r"/messages/\d+/$"))
    new.goto(f"/messages/{case}/")
    expect(new.locator(".note .text")).to_have_text(["我下周休假", "客户很急"])
    expect(new.locator(".note-kind")).to_have_text("移交给 张伟")


def test_closing_and_reopening_is_seen_at_once_by_both(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    says(site, case, MEMBER, "谢谢")
    member, advisor = sign_in(MEMBER, f"/messages/{case}/"), sign_in(ADVISOR, f"/messages/{case}/")
    is_live(member, advisor)
    entry = advisor.locator(f".case[data-number='{case}']")
    expect(entry.locator(".waiting")).to_be_visible()
    advisor.get_by_text("结案", exact=True).click()
    expect(advisor.get_by_text("结案后双方都不能再发消息")).to_be_visible()
    advisor.get_by_role("button", name="确认结案").click()
    advisor.wait_for_url(f"**/messages/{case}/")
    expect(member.locator("#compose")).to_be_hidden()
    expect(member.locator(".system .text").last).to_have_text("案件已结案。")
    expect(advisor.locator("#compose")).to_be_hidden()
    expect(entry.locator(".waiting")).to_have_count(0)
    shot(advisor, "desk-closed")
    advisor.get_by_text("重新打开案件", exact=True).click()
    advisor.get_by_role("button", name="确认重新打开").click()
    expect(member.locator("#compose")).to_be_visible()
    expect(entry.locator(".waiting")).to_be_visible()


def test_the_list_is_ordered_and_filtered_without_loading_it_anew(
    site: Site, sign_in: Open, empty_desk: None, shot: Any
) -> None:
    first, second, third, closed = (new_case(site, title) for title in ("甲", "乙", "丙", "丁"))
    site.shell(
        f"close_case(Case.objects.get(number={closed}))\n"
        "from cases.actions import mark_read\n"
        f"for case in Case.objects.filter(number__gte={first}): mark_read(case, case.advisor.user, 99)"
    )
    advisor = sign_in(ADVISOR, f"/messages/{third}/")
    is_live(advisor)
    expect(advisor.locator("#cases .case-title")).to_have_text(["丙", "乙", "甲"])
    says(site, first, MEMBER, "一")
    expect(advisor.locator("#cases .case-title")).to_have_text(["甲", "丙", "乙"])
    says(site, second, MEMBER, "二")
    expect(advisor.locator(f".case[data-number='{second}'] .case-last")).to_have_text("二")
    assert in_list(advisor) == ["甲", "乙", "丙"], "who waits longest stays first"
    says(site, first, MEMBER, "三")
    expect(advisor.locator(f".case[data-number='{first}'] .case-last")).to_have_text("三")
    assert in_list(advisor) == ["甲", "乙", "丙"]
    live = in_list(advisor)
    advisor.reload()
    assert in_list(advisor) == live, "the server orders as the page does"
    advisor.locator("#filters").get_by_text("待回复").press("Enter")
    expect(advisor).to_have_url(re.compile(rf"/messages/{third}/\?show=waiting$"))
    expect(advisor.locator("#cases .case-title")).to_have_text(["甲", "乙", "丙"])  # 丙 is on the page
    expect(advisor.locator("#filters [data-show=waiting] .count")).to_have_text("2")
    advisor.locator(".case-title", has_text="甲").click()
    expect(advisor).to_have_url(re.compile(rf"/messages/{first}/\?show=waiting$"))
    expect(advisor.locator("#cases .case-title")).to_have_text(["甲", "乙"])
    advisor.click("#filters [data-show=closed]")
    expect(advisor.locator("#cases .case-title")).to_have_text(["甲", "丁"])
    advisor.fill(SEARCH, f"丁 王小 #{closed}")
    expect(advisor.locator("#cases .case-title")).to_have_text(["丁"])
    advisor.fill(SEARCH, "乙")
    expect(advisor.locator("#no-cases")).to_be_visible()
    shot(advisor, "desk-nothing-found")
    advisor.get_by_text("在全部案件里看").click()
    expect(advisor.locator("#cases .case-title")).to_have_text(["乙"])
    advisor.press(SEARCH, "Escape")
    expect(advisor.locator("#cases .case-title")).to_have_text(["甲", "乙", "丙", "丁"])  # 丁 is folded
    expect(advisor.locator(".case-title", has_text="丁")).to_be_hidden()
    advisor.goto("/messages/?show=unread")
    expect(advisor).to_have_url(re.compile(r"/messages/\d+/\?show=unread$"))
    shot(advisor, "desk-filters")


@whole
def test_one_box_filters_the_cases_and_searches_the_messages(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    closed = new_case(site, "旧案")
    says(site, closed, MEMBER, "雅思七分半")
    site.shell(
        f"case = Case.objects.get(number={closed}); close_case(case)\n"
        f"from cases.actions import mark_read; mark_read(case, case.advisor.user, 99)"
    )
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    advisor.fill(SEARCH, "七分半")
    found = advisor.locator(".cases .found")
    expect(found).to_have_count(1)
    expect(found).to_contain_text(f"旧案 #{closed}")
    expect(advisor.locator("#no-cases")).to_be_visible()
    shot(advisor, "desk-search")
    advisor.press(SEARCH, "ArrowDown")
    expect(found).to_be_focused()
    says(site, case, MEMBER, "在吗")
    expect(advisor.locator(".theirs .text")).to_have_text("在吗")
    expect(found).to_have_count(1)  # a closed case is not in the list, and still the advisor's
    other = f"Advisor.objects.get(user__email={OTHER!r})"
    site.shell(f"assign_advisor(Case.objects.get(number={closed}), {other}, by=None)")
    expect(found).to_have_count(0)
    advisor.fill(SEARCH, f"{case} 王小明")
    listed = advisor.locator("#cases .case")
    expect(listed).to_have_count(1)
    expect(advisor.locator(".cases .found-status")).to_have_text("消息里没有找到。撤回的消息搜索不到。")
    advisor.press(SEARCH, "ArrowDown")
    expect(listed).to_be_focused()
    listed.press("Escape")
    expect(advisor.locator(SEARCH)).to_be_focused()
    expect(advisor.locator(".cases .found-panel")).to_be_hidden()


@whole
def test_the_list_is_filtered_by_email_kind_and_name_and_the_number_however_written(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    site.shell(f"Case.objects.filter(number={case}).update(kind='family', title='材料')")
    advisor = sign_in(ADVISOR, f"/messages/{case}/?show=all")
    is_live(advisor)
    row = advisor.locator(f"#cases .case[data-number='{case}']")
    for query in (MEMBER, "家庭团聚 王小明", f"＃{case}", f"# {case} 王"):
        advisor.fill(SEARCH, query)
        expect(row).to_be_visible()
        expect(advisor.locator("#no-cases")).to_be_hidden()
    shot(advisor, "desk-by-kind")
    for query in ("入籍 王小明 材料", f"nobody@example.com {case}", ADVISOR):
        advisor.fill(SEARCH, query)
        expect(row).to_have_count(0)


@whole
def test_away_is_switched_on_the_desk_without_javascript_too(site: Site, sign_in: Open, case: int) -> None:
    for script in (True, False):
        advisor = sign_in(ADVISOR, f"/messages/{case}/", java_script_enabled=script)
        advisor.get_by_role("button", name="设为离开").click()
        expect(advisor.locator("#my-state")).to_have_text("您已设为离开")
        assert advisor.url.endswith(f"/messages/{case}/")
        advisor.get_by_role("button", name="恢复接待").click()
        expect(advisor.locator("#my-state")).to_have_text("接待中")


@whole
def test_without_javascript_notes_hand_over_and_filters_work(site: Site, sign_in: Open, case: int) -> None:
    advisor = sign_in(ADVISOR, f"/messages/{case}/", java_script_enabled=False)
    advisor.click("#filters [data-show=waiting]")
    assert advisor.url.endswith("?show=waiting")
    advisor.fill(NOTE, "没有脚本")
    advisor.click(".note-save")
    expect(advisor.locator(".note .text")).to_have_text("没有脚本")
    advisor.goto(f"/messages/{case}/case/")
    advisor.get_by_text("移交给其他顾问").click()
    advisor.select_option("#hand_over_advisor", label="张伟")
    advisor.fill("#hand_over_reason", "原因")
    advisor.get_by_role("button", name="下一步：确认移交").click()
    advisor.get_by_role("button", name="确认移交").click()
    expect(advisor.get_by_text("已移交给 张伟。")).to_be_visible()


@whole
def test_on_a_phone_the_desk_is_a_page_behind_a_button_in_the_head(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    advisor = sign_in(ADVISOR, phone=True)
    shot(advisor, "desk-phone-list")
    advisor.goto(f"/messages/{case}/")
    expect(advisor.locator("#desk")).to_be_hidden()
    button = advisor.get_by_role("link", name="案件资料")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["width"] >= 44
    shot(advisor, "desk-phone-conversation")
    button.press("Enter")
    advisor.wait_for_url(f"**/messages/{case}/case/")
    advisor.fill(NOTE, "在手机上记的")
    advisor.get_by_role("button", name="保存备注").click()
    expect(advisor.locator(".note .text")).to_have_text("在手机上记的")
    advisor.get_by_text("结案", exact=True).click()
    shot(advisor, "desk-phone-case")
    advisor.get_by_role("button", name="确认结案").click()
    expect(advisor.locator("#case-status")).to_have_text("已结案")
    advisor.get_by_text("重新打开案件", exact=True).click()
    advisor.get_by_role("button", name="确认重新打开").click()
    expect(advisor.locator("#case-status")).to_have_text("进行中")
    advisor.get_by_role("link", name="回到会话").click()
    advisor.fill(BOX, "/您")
    advisor.locator(BOX).press("End")
    expect(advisor.locator(POPUP)).to_be_visible()
    shot(advisor, "desk-phone-canned-replies")
    assert not serious(advisor)
