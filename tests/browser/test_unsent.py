"""What was written and is not sent yet: seen in the list, kept, sent in order, and held up by nothing that is slow."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import PASSWORD, PageErrors
from tests.browser.test_files import file, opened, sent_files
from tests.browser.test_pages import ADVISOR, BOX, is_live, sign_in_here, write
from tests.support import files
from tests.support.site import Site
from tests.support.size import sized, some, whole

pytestmark = pytest.mark.browser

CLIENT = "unsent@example.com"
GONE_OFFLINE = ("net::ERR_", "Failed to fetch", "Failed to load resource")
POSTS = "**/api/cases/*/messages/"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def elsewhere(site: Site) -> int:
    """The number of a first case of a member of their own: other tests' messages do not count towards their limits."""
    return int(
        site.shell(
            "from jiayi.announcing import unannounced\nfrom members.actions import register_member\n"
            "with unannounced():\n"
            f"  member = register_member(email={CLIENT!r}, name='何未', password={PASSWORD!r})\n"
            f"  case = open_case(member, '学签', advisor=Advisor.objects.get(user__email={ADVISOR!r}))\n"
            "print(case.number)"
        )
    )


@pytest.fixture
def case(site: Site, elsewhere: int) -> int:
    """A new case of that member, followed by 李明; its number."""
    member, advisor = f"Member.objects.get(user__email={CLIENT!r})", f"Advisor.objects.get(user__email={ADVISOR!r})"
    return int(site.shell(f"print(open_case({member}, '工签材料', advisor={advisor}).number)"))


def row(page: Page, number: int) -> Locator:
    return page.locator(f"#cases .case[data-number='{number}']")


def written(site: Site, number: int) -> list[str]:
    """The bodies of the case's texts and files, in the order in which the server has them."""
    query = f"Message.objects.filter(case__number={number}, kind__in=['text', 'file']).order_by('seq')"
    bodies: list[str] = json.loads(site.shell(f"import json\nprint(json.dumps([m.body for m in {query}]))"))
    return bodies


# The list of cases ---------------------------------------------------------------------------------------


@whole
@pytest.mark.parametrize("who", [CLIENT, ADVISOR])
def test_the_list_shows_drafts_and_what_is_not_sent_live_in_every_tab(
    sign_in: Open, case: int, elsewhere: int, who: str, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    page = sign_in(who, f"/messages/{case}/")
    other = page.context.new_page()
    other.goto(f"/messages/{elsewhere}/")
    is_live(page, other)
    page.fill(BOX, "护照明天寄\n还有照片")
    for tab in (page, other):
        expect(row(tab, case).locator(".case-last")).to_have_text("草稿 护照明天寄\n还有照片")
        expect(row(tab, elsewhere).locator(".draft")).to_have_count(0)
    page.route(POSTS, lambda route: route.abort())
    page.context.set_offline(True)
    for text in ("一", "二"):
        write(page, text)
    page.fill(BOX, "三，写了一半")
    for tab in (page, other):
        expect(row(tab, case).locator(".unsent")).to_have_text("2 条未发送")
        expect(row(tab, case).locator(".case-last")).to_have_text("草稿 三，写了一半")
    shot(page, f"unsent-{who.split('@')[0]}")
    other.context.set_offline(False)
    other.reload()
    expect(row(other, case).locator(".draft")).to_have_text("草稿")
    page.unroute_all()
    page.reload()
    is_live(page)
    expect(page.locator(".pending")).to_have_count(0)
    page.fill(BOX, "")
    for tab in (page, other):
        expect(row(tab, case).locator(".unsent, .draft")).to_have_count(0)
        expect(row(tab, case).locator(".case-last")).to_have_text("您：二")


def test_a_refused_message_of_another_case_is_seen_from_the_list(
    sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("400")
    page = opened(sign_in(CLIENT, f"/messages/{case}/", phone=True))
    page.set_input_files("#picker", [file("假的.pdf", b"MZ\x90\0" + b"\0" * 100, "application/pdf")])
    expect(page.locator(".failed")).to_have_count(1)
    page.fill(BOX, "另外，照片也要吗？")
    page.goto("/messages/")
    expect(row(page, case).locator(".unsent")).to_have_text("1 条未发送")
    expect(row(page, case).locator(".case-last")).to_have_text("草稿 另外，照片也要吗？")
    shot(page, "unsent-phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@whole
def test_the_list_shows_nothing_that_another_account_left_on_the_computer(
    sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("401", *GONE_OFFLINE)
    page = sign_in(CLIENT, f"/messages/{case}/", fresh=True)
    is_live(page)
    page.route(POSTS, lambda route: route.abort())
    write(page, "会员没发出的")
    page.fill(BOX, "会员的草稿")
    expect(row(page, case).locator(".draft")).to_be_visible()
    page.goto("/profile/")
    page.unroute_all()
    page.context.clear_cookies()  # the session ends, and nobody signs out
    sign_in_here(page, ADVISOR)
    page.goto(f"/messages/{case}/")
    is_live(page)
    expect(row(page, case)).to_be_visible()
    page.wait_for_timeout(1_000)
    assert page.locator("#cases .unsent, #cases .draft").count() == 0
    assert "会员的草稿" not in page.content()


# The form of a new question ------------------------------------------------------------------------------


def question(page: Page) -> list[str]:
    return [page.locator(f"#new-case [name={name}]").input_value() for name in ("title", "kind", "body")]


@pytest.fixture
def asker(site: Site) -> str:
    """The address of a member of their own with one case, so that their new questions are not too many."""
    return site.shell(
        "from jiayi.announcing import unannounced\nfrom members.actions import register_member\n"
        "with unannounced():\n"
        f"  member = register_member(email=f'{{uuid4().hex}}@example.com', name='孙问', password={PASSWORD!r})\n"
        f"  open_case(member, '学签', advisor=Advisor.objects.get(user__email={ADVISOR!r}))\n"
        "print(member.user.email)"
    )


def ask(page: Page, title: str, body: str) -> None:
    page.fill("[name=title]", title)
    page.select_option("[name=kind]", "family")
    page.fill("[name=body]", body)


KEPT = "Object.keys(localStorage).filter((key) => key.includes(':new:'))"


def test_a_new_question_survives_a_reload_with_its_kind_and_is_gone_when_it_was_sent(
    site: Site, sign_in: Open, asker: str, shot: Any
) -> None:
    page = sign_in(asker, "/messages/new/", fresh=True)
    ask(page, "接父母来", "想问问超级签证")
    page.reload()
    assert question(page) == ["接父母来", "family", "想问问超级签证"]
    shot(page, "new-case-kept")
    page.get_by_role("button", name="发送").click()
    page.wait_for_url(re.compile(r"/messages/\d+/$"))
    is_live(page)
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.includes(':new:'))")
    page.goto("/messages/new/")
    assert question(page) == ["", "other", ""]
    kinds = f"sorted(Case.objects.filter(member__user__email={asker!r}).values_list('kind', flat=True))"
    assert site.shell(f"print({kinds})") == "['family', 'other']"


@whole
def test_a_question_sent_from_one_of_two_tabs_is_not_offered_again_by_the_other(sign_in: Open, asker: str) -> None:
    first = sign_in(asker, "/messages/new/", fresh=True)
    ask(first, "接父母来", "想问问超级签证")
    second = first.context.new_page()
    first.wait_for_function(f"() => {KEPT}.length === 4")
    second.goto("/messages/new/")
    assert question(second) == ["接父母来", "family", "想问问超级签证"]
    with first.expect_navigation(wait_until="commit"):
        first.get_by_role("button", name="发送").click()
    first.goto("/profile/")  # not even where it could be seen that it stands there
    second.reload()
    assert question(second) == ["", "other", ""]


@whole
def test_a_question_that_another_tab_went_on_with_is_kept(sign_in: Open, asker: str) -> None:
    first = sign_in(asker, "/messages/new/", fresh=True)
    ask(first, "接父母来", "第一版")
    first.wait_for_function(f"() => {KEPT}.length === 4")
    second = first.context.new_page()
    second.goto("/messages/new/")
    second.fill("[name=body]", "第二版，另一件事")
    second.wait_for_function("() => JSON.stringify(localStorage).includes('第二版')")
    first.get_by_role("button", name="发送").click()
    first.wait_for_url(re.compile(r"/messages/\d+/$"))
    is_live(first)
    second.reload()
    assert question(second) == ["接父母来", "family", "第二版，另一件事"]


@whole
def test_a_new_question_goes_with_who_signs_out(sign_in: Open, asker: str) -> None:
    page = sign_in(asker, "/messages/new/", fresh=True)
    ask(page, "接父母来", "想问问超级签证")
    page.locator("[data-menu] summary").click()
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url(re.compile(r"^(?!.*messages).*$"))
    assert page.evaluate(KEPT) == []


# Order, and what is slow ---------------------------------------------------------------------------------


def refusing(status: int, headers: dict[str, str] | None = None) -> Callable[[Route], None]:
    """An answer of the site to everything that is sent, until it is unrouted."""

    def refuse(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        return route.fulfill(status=status, json={"detail": "现在不行。"}, headers=headers or {})

    return refuse


def test_whichever_is_tried_again_what_was_written_before_goes_before(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow("429", "400")
    page = opened(sign_in(CLIENT, f"/messages/{case}/"))
    page.route(POSTS, refusing(429, {"Retry-After": "3600"}))
    for text in ("一", "二", "三", "四"):
        write(page, text)
    failed = page.locator(".failed")
    expect(failed).to_have_count(4)
    page.unroute_all()
    failed.filter(has_text="三").get_by_role("button", name="重试").click()
    expect(failed).to_have_count(1)
    expect(page.locator(".message.mine:not(.pending) .text")).to_have_text(["一", "二", "三"])
    page.reload()
    failed.get_by_role("button", name="重试").click()
    expect(page.locator(".pending")).to_have_count(0)
    assert written(site, case) == ["一", "二", "三", "四"]


@whole
def test_one_slow_file_holds_up_neither_files_nor_texts_and_is_sent_once_after_a_reload(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    page = opened(sign_in(CLIENT, f"/messages/{case}/"))
    held: list[Route] = []

    def slow(route: Route) -> None:
        body = route.request.post_data_buffer or b""
        if route.request.method == "POST" and "大.pdf".encode() in body:
            held.append(route)
        else:
            route.fallback()

    page.context.route(POSTS, slow)
    big = file("大.pdf", files.PDF.ljust(3_000_000), "application/pdf")
    page.set_input_files("#picker", [big, file("小一.pdf", files.PDF, "application/pdf")])
    page.set_input_files("#picker", [file("小二.pdf", files.PDF, "application/pdf")])
    write(page, "文字不用等")
    expect(page.locator(".mine a.file .file-name")).to_have_text(["小一.pdf", "小二.pdf"])
    expect(page.locator(".pending .file-name")).to_have_text(["大.pdf"])
    shot(page, "unsent-slow-file")
    same = page.context.new_page()
    same.goto(f"/messages/{case}/")
    opened(same)
    same.set_input_files("#picker", [file("别的标签页.pdf", files.PDF, "application/pdf")])
    expect(same.locator(".mine a.file .file-name")).to_have_text(["小一.pdf", "小二.pdf", "别的标签页.pdf"])
    assert len(held) == 1, "one tab sends it"
    same.close()
    page.reload()
    expect(page.locator(".pending .file-name")).to_have_text(["大.pdf"])
    page.context.unroute(POSTS)  # lets go what is held
    expect(page.locator(".pending")).to_have_count(0)
    assert written(site, case) == ["文字不用等", "小一.pdf", "小二.pdf", "别的标签页.pdf", "大.pdf"]


@whole
def test_a_file_that_breaks_off_again_and_again_holds_up_no_other(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors
) -> None:
    page_errors.allow(*GONE_OFFLINE)
    page = opened(sign_in(CLIENT, f"/messages/{case}/"))

    def break_off(route: Route) -> None:
        broken = "大.pdf".encode() in (route.request.post_data_buffer or b"")
        route.abort() if broken else route.fallback()

    page.route(POSTS, break_off)
    page.set_input_files("#picker", [file(name, files.PDF, "application/pdf") for name in ("大.pdf", "小.pdf")])
    expect(page.locator(".mine a.file .file-name")).to_have_text(["小.pdf"])
    page.set_input_files("#picker", [file("后来的.pdf", files.PDF, "application/pdf")])
    expect(page.locator(".mine a.file .file-name")).to_have_text(["小.pdf", "后来的.pdf"])
    page.unroute(POSTS)
    page.reload()
    expect(page.locator(".pending")).to_have_count(0)
    assert written(site, case) == ["小.pdf", "后来的.pdf", "大.pdf"]


@whole
def test_no_more_than_three_files_are_under_way_and_all_arrive_once(site: Site, sign_in: Open, case: int) -> None:
    page = opened(sign_in(CLIENT, f"/messages/{case}/"))
    held: list[Route] = []
    page.route(POSTS, lambda route: held.append(route) if route.request.method == "POST" else route.fallback())
    page.set_input_files("#picker", [file(f"{n}.pdf", files.PDF, "application/pdf") for n in range(5)])
    deadline = time.monotonic() + 20
    while len(held) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    page.wait_for_timeout(5_000)
    assert len(held) == 3
    page.unroute(POSTS)  # lets go what is held
    expect(page.locator(".mine a.file")).to_have_count(5)
    assert sorted(sent_files(site, case)) == [f"{n}.pdf" for n in range(5)]


@sized
def test_what_can_never_be_sent_offers_no_retry_and_leaves_the_draft_alone(
    site: Site, sign_in: Open, case: int, page_errors: PageErrors, shot: Any
) -> None:
    page_errors.allow("400", "413", "status of")
    for phone in some((True, False), 2):
        page = opened(sign_in(CLIENT, f"/messages/{case}/", phone=phone))
        page.fill(BOX, "写到一半的话")
        page.set_input_files("#picker", [file("护照.pdf", b"MZ\x90\0" + b"\0" * 100, "application/pdf")])
        failed = page.locator(".failed")
        expect(failed.locator(".foot")).to_contain_text("这个文件名是 .pdf，内容看起来是 Windows 程序（exe）")
        expect(failed.get_by_role("button")).to_have_text(["删除"])
        expect(page.locator(BOX)).to_have_value("写到一半的话")
        shot(page, f"unsent-wrong-bytes{'-phone' if phone else ''}")
        page.route(POSTS, refusing(413))
        page.set_input_files("#picker", [file("太大.pdf", files.PDF, "application/pdf")])
        expect(failed).to_have_count(2)
        expect(failed.get_by_role("button")).to_have_text(["删除", "删除"])
        page.unroute_all()
        page.reload()
        expect(failed.get_by_role("button")).to_have_text(["删除", "删除"])
        for _ in range(2):
            failed.get_by_role("button", name="删除").first.click()
        expect(failed).to_have_count(0)
        expect(page.locator(BOX)).to_have_value("写到一半的话")
    assert written(site, case) == []
