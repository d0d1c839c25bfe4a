"""Long conversations and searching them, in a real browser: the reader's place is kept, and one gets to any other."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PageErrors
from tests.browser.test_pages import ADVISOR, BOX, MEMBER, height_of, is_live, says, serious, write
from tests.support.site import Site
from tests.support.size import whole

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
MOST = 300  # messages in the document at any time


@pytest.fixture
def case(site: Site) -> int:
    """A new case of the demo member with 1,000 messages of two years; its number."""
    long = "：请问我的 Work Permit 材料"
    return int(
        site.shell(
            f"member = Member.objects.get(user__email={MEMBER!r})\n"
            f"advisor = Advisor.objects.get(user__email={ADVISOR!r})\n"
            "case = open_case(member, '工签延期', advisor=advisor)\n"
            "start = timezone.now() - timedelta(days=700)\n"
            f"text = lambda seq: f'第 {{seq}} 句' + ({long!r} if seq == 120 else '，多说两句。' * (seq % 7))\n"
            "Message.objects.bulk_create(Message(case=case, seq=seq, body=text(seq), client_id=f's{seq}',\n"
            "    sender=(member if seq % 5 < 2 else advisor).user, created_at=start + timedelta(hours=16 * seq))\n"
            "    for seq in range(2, 1001))\n"
            "Case.objects.filter(pk=case.pk).update(last_seq=1000)\n"
            "print(case.number)"
        )
    )


def shown(page: Page) -> list[int]:
    """The numbers of the messages in the document."""
    seqs: list[int] = page.eval_on_selector_all(
        "#messages [data-seq]", "all => all.map(one => Number(one.dataset.seq))"
    )
    return seqs


def scroll(page: Page, down: int) -> None:
    """Scroll by pixels, as a wheel does."""
    page.eval_on_selector("#scroller", "(scroller, down) => scroller.scrollBy(0, down)", down)


def place_moves(page: Page, seq: int, change: Callable[[], None]) -> float:
    """How many pixels a message on the screen moves by what `change` does."""
    mark = page.locator(f"[data-seq='{seq}']")
    before = height_of(mark)
    change()
    return abs(height_of(mark) - before)


def middle(page: Page) -> int:
    """The number of the message in the middle of the screen."""
    script = """scroller => { const { top, height } = scroller.getBoundingClientRect(); const middle = top + height / 2;
        return [...document.querySelectorAll("#messages [data-seq]")].findLast(
            (one) => one.getBoundingClientRect().top < middle).dataset.seq; }"""
    return int(page.eval_on_selector("#scroller", script))


def let_through(page: Page, held: list[Route]) -> None:
    """Let a page of messages that was asked for come, and wait until it stands there."""
    first, last = shown(page)[0], shown(page)[-1]
    for route in held:
        route.continue_()
    held.clear()
    page.wait_for_function(
        "([first, last]) => { const all = document.querySelectorAll('#messages [data-seq]');"
        " return all[0].dataset.seq != first || all[all.length - 1].dataset.seq != last; }",
        arg=[first, last],
    )


@whole
def test_a_long_conversation_is_a_window_that_slides_without_a_jump(sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    assert shown(member) == list(range(951, 1001))
    held: list[Route] = []
    member.route("**/messages/?*", lambda route: held.append(route))
    for edge, away, pages in (("-scroller.scrollHeight", 300, 12), ("0", -300, 6)):
        for _ in range(pages):
            member.eval_on_selector("#scroller", f"scroller => {{ scroller.scrollTop = {edge}; }}")
            scroll(member, away)
            while not held:
                member.wait_for_timeout(10)
            seq, before = middle(member), shown(member)
            assert place_moves(member, seq, lambda: let_through(member, held)) <= 1, seq
            now = shown(member)
            assert now != before
            assert now == list(range(now[0], now[-1] + 1)), "no hole"
            assert len(now) <= MOST
    member.unroute_all()
    expect(member.locator("#jump")).to_be_visible()
    assert member.locator("#messages li.day + li.day").count() == 0
    member.focus("#scroller")
    member.keyboard.press("End")
    expect(member.locator("[data-seq='1000']")).to_be_in_viewport()
    expect(member.locator("#jump")).to_be_hidden()


@whole
def test_what_comes_while_one_reads_far_up_is_counted_and_leaves_no_hole(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/?at=500")
    is_live(member)
    expect(member.locator("[data-seq='500']")).to_be_in_viewport()
    expect(member.locator("[data-seq='500']")).to_be_focused()
    expect(member.locator("#jump")).to_have_text("↓ 回到最新的消息")
    last = shown(member)[-1]
    says(site, case, ADVISOR, "新的一条", "再一条")
    expect(member.locator("#jump")).to_have_text("↓ 新消息 2")
    shot(member, "search-reading-far-up")
    assert shown(member)[-1] == last < 600
    mark = f"print(ReadMark.objects.filter(case__number={case}, user__email={MEMBER!r}).values_list('seq', flat=True))"
    assert "1002" not in site.shell(mark)
    member.click("#jump")
    expect(member.locator(".theirs .text").last).to_have_text("再一条")
    expect(member.locator("#jump")).to_be_hidden()
    assert shown(member) == list(range(953, 1003))
    for _ in range(200):
        if "1002" in site.shell(mark):
            break
        member.wait_for_timeout(50)
    assert "1002" in site.shell(mark), "read now that it was seen"


def test_writing_while_one_reads_far_up_leads_to_the_newest(site: Site, sign_in: Open, case: int) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/?at=200")
    is_live(member)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.fallback()

    member.route("**/messages/", hold)
    write(member, "我在很上面写的")
    expect(member.locator(".pending .text")).to_have_text("我在很上面写的")
    assert shown(member)[-1] == 1000, "what is not sent yet stands below the newest only"
    held[0].continue_()
    member.unroute_all()
    expect(member.locator(".pending")).to_have_count(0)
    expect(member.locator("[data-seq='1001'] .tick")).to_be_visible()


def test_a_search_in_the_case_leads_to_the_place_and_from_there_on_to_the_newest(
    sign_in: Open, case: int, shot: Any
) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/")
    is_live(member)
    member.click("[data-find] summary")
    box = member.locator("[data-find] [type=search]")
    expect(box).to_be_focused()
    member.keyboard.insert_text("work 材料")
    link = member.locator("[data-find] .found")
    expect(link).to_have_count(1)
    expect(link.locator("mark")).to_have_text(["Work", "材料"])
    expect(member.locator("[data-find] .found-status")).to_have_text("1 条结果")
    shot(member, "search-in-case")
    member.keyboard.press("ArrowDown")
    expect(link).to_be_focused()
    member.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    member.keyboard.press("Escape")
    expect(member.locator("[data-find] .found-panel")).to_be_hidden()
    expect(member.locator("[data-find] summary")).to_be_focused()
    member.keyboard.press("Enter")
    expect(box).to_be_focused()
    expect(box).to_have_value("work 材料")
    member.keyboard.press("Enter")
    expect(link).to_have_count(1)
    member.keyboard.press("ArrowDown")
    member.keyboard.press("Enter")
    found = member.locator("[data-seq='120']")
    expect(found).to_have_class(re.compile("revealed"))  # for 2.5 s: looked at first
    expect(found).to_be_in_viewport()
    expect(found).to_be_focused()
    expect(box).to_be_hidden()
    shot(member, "search-revealed")
    expect(found).not_to_have_class(re.compile("revealed"))
    assert 120 in shown(member)
    for _ in range(300):
        if shown(member)[-1] >= 400:
            break
        scroll(member, 3000)
        member.wait_for_timeout(60)
    assert shown(member)[-1] >= 400, "scrolling down goes on forward"


@whole
def test_a_search_over_all_cases_on_a_phone_opens_the_right_one(
    site: Site, sign_in: Open, case: int, shot: Any
) -> None:
    says(site, 1001, MEMBER, "体检报告已经寄出")
    member = sign_in(MEMBER, phone=True, locale="en")
    member.fill(".cases [type=search]", "体检报告")
    member.press(".cases [type=search]", "Enter")
    result = member.locator(".cases .found").first
    expect(result.locator(".found-case")).to_contain_text("#1001")
    expect(member.locator("#cases")).to_be_hidden()
    shot(member, "phone-search")
    assert not serious(member)
    assert member.evaluate("document.documentElement.scrollWidth") <= 390
    result.click()
    member.wait_for_url("**/messages/1001/?at=*")
    expect(member.locator(".message:focus .text")).to_have_text("体检报告已经寄出")
    member.go_back()
    member.fill(".cases [type=search]", "没有人说过的话")
    expect(member.locator(".cases .found-status")).not_to_have_text(re.compile("…"))
    expect(member.locator(".cases .found")).to_have_count(0)
    member.press(".cases [type=search]", "Escape")
    expect(member.locator("#cases")).to_be_visible()
    says(site, 1001, ADVISOR, "<img src=found onerror=alert(1)>")
    member.fill(".cases [type=search]", "src=found")
    expect(member.locator(".cases .found .found-text")).to_have_text("<img src=found onerror=alert(1)>")
    assert member.locator(".cases .found img").count() == 0
    member.goto(f"/messages/{case}/")
    member.tap("[data-find] summary")
    member.fill("[data-find] [type=search]", "work permit")
    expect(member.locator("[data-find] .found")).to_have_count(1)
    shot(member, "phone-search-in-case")
    assert not serious(member)


@whole
def test_what_an_advisor_finds_names_the_member(site: Site, sign_in: Open, page_errors: PageErrors, shot: Any) -> None:
    page_errors.allow("400")
    says(site, 1002, ADVISOR, "公证件请寄原件")
    advisor = sign_in(ADVISOR, "/messages/1002/")
    advisor.fill("#search-all", "公证件请寄")
    result = advisor.locator(".cases .found").first
    expect(result.locator(".found-case")).to_have_text("林芳 · 配偶团聚移民 #1002")
    shot(advisor, "search-desk")
    advisor.fill("#search-all", "a b c d e f g h i")
    expect(advisor.locator(".cases .found-status")).to_have_text("最多同时搜索 8 个词。")
    expect(advisor.locator(".cases .found-more button")).to_be_hidden()


@whole
def test_what_was_typed_before_the_scripts_came_is_searched_for(site: Site, sign_in: Open) -> None:
    says(site, 1002, ADVISOR, "体检预约在周五")
    advisor = sign_in(ADVISOR, "/messages/1002/")
    held: list[Route] = []
    advisor.route("**/casefilter*.js", lambda route: held.append(route))
    advisor.reload(wait_until="commit")
    advisor.fill("#search-all", "体检预约")
    while not held:
        advisor.wait_for_timeout(50)
    for route in held:
        route.continue_()
    expect(advisor.locator(".cases .found-case").first).to_have_text("林芳 · 配偶团聚移民 #1002")


def test_searching_works_without_javascript(sign_in: Open, case: int, shot: Any) -> None:
    member = sign_in(MEMBER, f"/messages/{case}/", java_script_enabled=False)
    member.click("[data-find] summary")
    member.fill("[data-find] [type=search]", "work permit")
    member.click("[data-find] button")
    expect(member.locator(".found mark").first).to_have_text("Work")
    shot(member, "search-page")
    member.click(".found")
    expect(member.locator("#m120")).to_be_in_viewport()
    member.get_by_role("link", name="更新的消息").click()
    assert shown(member)[0] == 146
    expect(member.locator(BOX)).to_be_visible()


@whole
def test_enter_before_the_search_has_come_asks_when_it_is_there_and_else_by_its_form(
    site: Site, sign_in: Open, page_errors: PageErrors
) -> None:
    page_errors.allow("net::ERR_FAILED")
    says(site, 1001, MEMBER, "体检报告已经寄出")
    member = sign_in(MEMBER)
    held: list[Route] = []
    member.route("**/list/search*.js", lambda route: held.append(route))  # Playwright takes no method of a list
    member.fill(".cases [type=search]", "体检报告")
    member.press(".cases [type=search]", "Enter")
    while not held:
        member.wait_for_timeout(50)
    member.wait_for_timeout(300)
    held.pop().continue_()
    expect(member.locator(".cases .found").first).to_contain_text("体检报告")
    assert "search" not in member.url, "on the page itself"
    member.goto("/messages/")
    member.unroute("**/list/search*.js")
    member.route("**/list/search*.js", lambda route: route.abort())
    member.fill(".cases [type=search]", "体检报告")
    member.press(".cases [type=search]", "Enter")
    member.wait_for_url("**/search/?*")
    expect(member.locator("main")).to_contain_text("体检报告已经寄出")
