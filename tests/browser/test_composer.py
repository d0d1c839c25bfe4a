"""The box one writes in: how long a text may be, which key sends, and room on small screens."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.conftest import PageErrors
from tests.support.site import Site
from tests.support.size import sized, some, whole

pytestmark = pytest.mark.browser

MEMBER, ADVISOR = "member@example.com", "advisor@example.com"
BOX = "#compose textarea"

Open = Callable[..., Page]


@pytest.fixture
def case(site: Site) -> int:
    """A new case of the demo member, followed by 李明; its number."""
    member, advisor = f"Member.objects.get(user__email={MEMBER!r})", f"Advisor.objects.get(user__email={ADVISOR!r})"
    return int(site.shell(f"print(open_case({member}, '工签延期', advisor={advisor}).number)"))


def is_live(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-connection", "live")


def bodies(site: Site, case: int) -> list[str]:
    query = f"[m.body for m in Message.objects.filter(case__number={case}, kind='text')]"
    said: list[str] = json.loads(site.shell(f"import json\nprint(json.dumps({query}))"))
    return said


# How long a text may be ----------------------------------------------------------------------------------


def test_a_text_that_is_too_long_is_never_cut_and_says_what_to_do(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    long = "字" * 5_990 + "😀" * 10  # as the server counts: an emoji is one
    member.fill(BOX, long)
    expect(member.locator(".limit")).to_have_text("超出 1000 字，请删减，或分几条发送")
    expect(member.locator("#compose .sr[role=status]")).to_have_text("超出 1000 字，请删减，或分几条发送")
    shot(member, "composer-too-long")
    member.press(BOX, "Enter")
    expect(member.locator(BOX)).to_have_value(long)
    expect(member.locator(".mine")).to_have_count(0)
    member.fill(BOX, "字" * 4_990 + "😀" * 10)
    expect(member.locator(".limit")).to_have_text("还剩 0 字")
    member.press(BOX, "Enter")
    expect(member.locator(".mine .tick")).to_be_visible()
    assert [len(body) for body in bodies(site, case)] == [5_000]
    expect(member.locator(".limit")).to_be_empty()


@whole
def test_without_scripts_a_text_that_is_too_long_comes_back_whole(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("400")
    member = sign_in(MEMBER, f"/messages/{case}/", java_script_enabled=False)
    lines = "\n".join(["字" * 49] * 110)  # 5,499 characters; a browser sends each line's end as two
    member.fill(BOX, lines)
    member.click("#compose .send")
    expect(member.locator(".errorlist")).to_contain_text("一条消息最长 5000 字，现在是 5499 字，请删减，或分几条发送。")
    expect(member.locator(BOX)).to_have_value(lines)
    fits = "\n".join(["字" * 49] * 100)  # 4,999
    member.fill(BOX, fits)
    member.click("#compose .send")
    expect(member.locator(".mine")).to_have_count(1)
    assert bodies(site, case) == [fits]


@whole
def test_a_note_says_how_much_is_left_too(sign_in: Open, case: int) -> None:
    advisor = sign_in(ADVISOR, f"/messages/{case}/")
    is_live(advisor)
    note = advisor.locator("#note-form textarea")
    limit = int(note.get_attribute("data-limit") or 0)
    note.fill("字" * (limit + 1))
    expect(advisor.locator("#note-form .limit")).to_have_text("超出 1 字，请删减，或分几条发送")
    advisor.click("#note-form .note-save")
    expect(advisor.locator("#notes .note")).to_have_count(0)
    expect(note).to_have_value("字" * (limit + 1))


def test_a_refused_text_can_be_edited_again(sign_in: Open, case: int, page_errors: PageErrors) -> None:
    page_errors.allow("400")
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)

    def refuse(route: Route) -> None:
        route.fulfill(status=400, json={"detail": "这条消息不能发送。"})

    member.route("**/api/cases/*/messages/", refuse, times=1)
    member.fill(BOX, "我的情况")
    member.press(BOX, "Enter")
    member.locator(".failed").get_by_role("button", name="重新编辑").click()
    expect(member.locator(BOX)).to_have_value("我的情况")
    expect(member.locator(".pending")).to_have_count(0)


@whole
def test_a_file_of_another_kind_is_refused_in_words(sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    program: FilePayload = {"name": "程序.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}
    member.set_input_files("#picker", program)
    said = "“程序.exe”没有发送：只能发送照片、PDF、Office 文档、录音和视频。"
    expect(member.locator("#attach-note")).to_have_text(said)


# Keys and buttons ----------------------------------------------------------------------------------------


def test_enter_breaks_the_line_on_a_touch_keyboard_and_sends_on_another(site: Site, sign_in: Open, case: int) -> None:
    phone = sign_in(MEMBER, f"/messages/{case}/", phone=True)
    is_live(phone)
    phone.locator(BOX).press_sequentially("第一行")
    phone.press(BOX, "Enter")
    phone.locator(BOX).press_sequentially("第二行")
    expect(phone.locator(BOX)).to_have_value("第一行\n第二行")
    assert phone.evaluate("document.querySelector('#compose textarea').enterKeyHint") == "enter"
    assert bodies(site, case) == []
    phone.get_by_role("button", name="发送", exact=True).tap()
    expect(phone.locator(".mine .tick")).to_be_visible()
    desk = sign_in(MEMBER, f"/messages/{case}/")
    is_live(desk)
    desk.fill(BOX, "电脑上写的")
    desk.press(BOX, "Enter")
    expect(desk.locator(".mine .tick")).to_have_count(2)
    assert bodies(site, case) == ["第一行\n第二行", "电脑上写的"]


@whole
def test_canned_replies_have_a_button_on_a_phone(site: Site, sign_in: Open, case: int, shot: Any) -> None:
    phone = sign_in(ADVISOR, "/profile/", phone=True)
    held: list[Route] = []
    phone.route("**/api/cases/*/replies/", lambda route: held.append(route))  # Playwright takes no method of a list
    phone.goto(f"/messages/{case}/")
    is_live(phone)
    button = phone.get_by_role("button", name="快捷回复")
    phone.fill(BOX, "先说一句")
    button.tap()
    expect(phone.locator(".reply-popup")).to_be_hidden()
    while not held:
        phone.wait_for_timeout(50)
    held.pop().continue_()  # a tap while they were on their way is not lost
    expect(phone.locator(".reply-popup [role=option]").first).to_be_visible()
    shot(phone, "composer-canned-phone")
    phone.press(BOX, "Escape")
    expect(phone.locator(BOX)).to_have_value("先说一句 ")
    button.tap()
    phone.locator(".reply-popup [role=option]", has_text="/递交").tap()
    expect(phone.locator(BOX)).to_have_value(
        f"先说一句 王小明，您好！案件 #{case} 的申请已经递交，收到回执后我会马上告诉您。"
    )
    assert bodies(site, case) == []


@whole
@pytest.mark.parametrize("phone", [True, False])
def test_the_composer_does_not_shift_while_the_page_loads(visit: Open, sign_in: Open, case: int, phone: bool) -> None:
    watch = """
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push(one.value);
    }).observe({ type: "layout-shift", buffered: true });
    """
    member = sign_in(MEMBER, "/messages/new/", phone=phone)
    member.add_init_script(watch)
    member.goto(f"/messages/{case}/")
    is_live(member)
    assert sum(member.evaluate("window.shifts")) < 0.005


@whole
@pytest.mark.parametrize("size", [(320, 256), (740, 360)])
def test_in_a_small_window_the_conversation_keeps_half_the_height(
    site: Site, sign_in: Open, case: int, size: tuple[int, int], shot: Any
) -> None:
    width, height = size
    member = sign_in(MEMBER, f"/messages/{case}/", viewport={"width": width, "height": height})
    is_live(member)
    shot(member, f"composer-small-{width}")
    assert member.evaluate("document.getElementById('scroller').clientHeight") * 2 >= height
    for control in ("#attach", "#record", "#compose .send", BOX, ".back"):
        box = member.locator(control).bounding_box()
        assert box is not None, control
        assert box["width"] >= 24, control
        assert box["height"] >= 24, control
        assert box["x"] >= 0, control
        assert box["x"] + box["width"] <= width, control


@whole
@pytest.mark.parametrize("name", ["Aleksandrapetrovna" * 3, "محمد بن عبد الله آل سعود الطويل جدا", "王" * 60])
def test_a_long_or_right_to_left_name_does_not_break_the_header(
    site: Site, sign_in: Open, case: int, name: str
) -> None:
    site.shell(
        f"user = User.objects.get(email={MEMBER!r})\n"
        f"Case.objects.filter(number={case}).update(title={name + ' ' + name!r})\n"
        f"User.objects.filter(pk=user.pk).update(name={name!r})"
    )
    try:
        advisor = sign_in(ADVISOR, f"/messages/{case}/", phone=True)
        is_live(advisor)
        assert advisor.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        head = advisor.locator(".conversation-head").bounding_box()
        assert head is not None
        assert head["height"] <= 76
        for tool in advisor.locator(".conversation-head .tool").all():
            box = tool.bounding_box()
            assert box is None or box["x"] + box["width"] <= 390
        expect(advisor.locator(".conversation-head .case-number")).to_be_in_viewport()
    finally:
        site.shell(f"User.objects.filter(email={MEMBER!r}).update(name='王小明')")


# What is said to those who listen, and where a link leads -------------------------------------------------


@whole
def test_the_speaker_of_a_continued_message_is_read_too(site: Site, sign_in: Open, case: int) -> None:
    site.shell(
        f"case = Case.objects.get(number={case})\n"
        "for text in ('一', '二'): post_message(case, case.advisor.user, text, client_id=uuid4().hex)"
    )
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    continued = member.locator(".message.continued.theirs")
    expect(continued).to_have_count(1)
    assert "李明" in continued.aria_snapshot()


@sized
@pytest.mark.parametrize(
    "address",
    some(
        [
            "https://www.canada.ca@evil.example/form",
            "https://www.canada.ca:443@evil.example",
            "https://@evil.example",
            "HTTPS://canada.ca%2Fform@evil.example",
        ],
        every=4,
    ),
)
def test_an_address_with_user_information_is_no_link(site: Site, sign_in: Open, case: int, address: str) -> None:
    text = f"看 {address} 和 https://www.canada.ca/"
    case_of = f"case = Case.objects.get(number={case})\n"
    site.shell(case_of + f"post_message(case, case.advisor.user, {text!r}, client_id=uuid4().hex)")
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    expect(member.locator(".theirs .text")).to_have_text(text)
    assert member.eval_on_selector_all(".theirs .text a", "all => all.map(one => one.href)") == [
        "https://www.canada.ca/"
    ]
