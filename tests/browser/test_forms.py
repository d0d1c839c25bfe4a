"""Signing up and asking the first question, in real browsers; and that no name or title turns a number around."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, PageErrors
from tests.support.site import Site
from tests.support.size import whole

pytestmark = pytest.mark.browser

MEMBER, ADVISOR = "member@example.com", "advisor@example.com"
Open = Callable[..., Page]

# Of each place on the page where the number stands: how far right each of its characters begins.
PLACES = """(number) => {
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const places = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const at = node.data.indexOf(`#${number}`);
    if (at < 0 || !node.parentElement.checkVisibility()) continue;
    places.push([...`#${number}`].map((_, n) => {
      const range = document.createRange();
      range.setStart(node, at + n);
      range.setEnd(node, at + n + 1);
      return range.getBoundingClientRect().left;
    }));
  }
  return places;
}"""


def sign_up(visit: Open, email: str, **options: Any) -> Page:
    page = visit("/register/", **options)
    page.fill("[name=name]", "赵新")
    page.fill("[name=email]", email)
    page.fill("[name=password]", "a-long-enough-one")
    page.click("main button.primary")
    page.wait_for_url("**/messages/")
    return page


def ask(page: Page, title: str, body: str) -> None:
    page.fill("[name=title]", title)
    page.fill("[name=body]", body)
    page.click("main button.primary")
    expect(page.locator(".mine .text")).to_have_text(body)


def anything_wrong(page: Page) -> list[str]:
    """What axe finds, of any level."""
    found = Axe().run(page, options={"reporter": "no-passes"}).response["violations"]
    return [json.dumps([one["id"], [node["html"][:200] for node in one["nodes"]]], ensure_ascii=False) for one in found]


TITLES = ["تصريح الدراسة", "הארכה 2026", "学签\u202e", "a\u2067"]


@whole
@pytest.mark.parametrize("title", TITLES, ids=ascii)
def test_a_number_is_read_as_it_is_beside_any_title_and_name(site: Site, sign_in: Open, title: str) -> None:
    """A title of Arabic letters, or one that ended in U+202E, showed 8002# for #2008."""
    number = site.shell(
        f"case = open_case(Member.objects.get(user__email={MEMBER!r}), {title!r}, "
        f"advisor=Advisor.objects.get(user__email={ADVISOR!r}))\n"
        "post_message(case, case.member.user, 'شكرا \\u202e 123', client_id=uuid4().hex)\nprint(case.number)"
    )
    word = title[:3].strip("\u202e\u2067")
    looks = [
        (MEMBER, f"/messages/{number}/"),
        (ADVISOR, f"/messages/{number}/"),
        (ADVISOR, f"/messages/{number}/case/"),
    ]
    looks += [(MEMBER, f"/messages/search/?q={word}"), (ADVISOR, f"/messages/search/?q={word}")]
    for who, path in looks:
        page = sign_in(who, path)
        places = page.evaluate(PLACES, number)
        assert places or "search" in path, path
        for place in places:
            assert place == sorted(place), (path, place)


def test_a_password_can_be_shown_and_goes_out_as_a_password(visit: Open) -> None:
    page = visit("/register/")
    box = page.locator("[name=password]")
    page.fill("[name=password]", "a-long-enough-one")
    expect(box).to_have_attribute("type", "password")
    page.get_by_role("button", name="显示密码").click()
    expect(box).to_have_attribute("type", "text")
    page.get_by_role("button", name="隐藏密码").click()
    expect(box).to_have_attribute("type", "password")
    page.get_by_role("button", name="显示密码").click()
    page.evaluate("document.querySelector('main form').addEventListener('submit', (event) => event.preventDefault())")
    page.fill("[name=name]", "赵新")
    page.fill("[name=email]", "zhao@example.com")
    page.click("main button.primary")
    expect(box).to_have_attribute("type", "password")


def test_what_is_missing_is_told_all_at_once_and_no_password_is_typed_twice(
    visit: Open, page_errors: PageErrors, shot: Any
) -> None:
    page = visit("/register/", phone=True)
    page.fill("[name=email]", "zhao@")
    page.fill("[name=password]", "a-long-enough-one")
    page.click("main button.primary")
    expect(page.locator(".errorlist")).to_have_text(["请填写姓名。", "邮箱好像不完整，例如 name@qq.com。"])
    expect(page.locator("[name=name]")).to_be_focused()
    expect(page.locator("[name=name]")).to_have_attribute("aria-describedby", "id_name_error")
    expect(page.locator("[name=password]")).to_have_value("a-long-enough-one")
    assert anything_wrong(page) == []
    page.fill("[name=name]", "赵新")
    page.fill("[name=email]", "zhao9@example.com")
    page.fill("[name=password]", "short")
    page_errors.allow("status of 400")
    page.click("main button.primary")
    expect(page.locator(".errorlist")).to_have_text("密码太短了，至少要 10 个字符。")
    expect(page.locator("[name=password]")).to_be_focused()


def test_without_javascript_the_server_tells_it_all(visit: Open, page_errors: PageErrors) -> None:
    page_errors.allow("status of 400")
    page = visit("/register/", java_script_enabled=False)
    page.fill("[name=email]", "zhao@")
    page.fill("[name=password]", "short")
    page.click("main button.primary")
    said = ["请填写姓名。", "邮箱好像不完整，例如 name@qq.com。", "密码太短了，至少要 10 个字符。"]
    expect(page.locator(".errorlist")).to_have_text(said)
    expect(page.locator(".summary a")).to_have_text(said)
    page.get_by_role("link", name="邮箱好像不完整").click()
    expect(page.locator("[name=email]")).to_be_focused()


ZONES = [
    ("America/Toronto", "zh-CN", r"周一至周五 09:00–18:00（多伦多时间）"),
    ("Asia/Shanghai", "zh-CN", r"周一至周五 2[12]:00–次日 0[67]:00（您的当地时间）"),
    ("Pacific/Auckland", "zh-CN", r"周二至周六 0[1-4]:00–1[0-3]:00（您的当地时间）"),
    ("Asia/Shanghai", "en", r"Mon to Fri 2[12]:00–next day 0[67]:00 \(your local time\)"),
]


@whole
def test_a_new_member_is_told_when_answers_come_until_the_first_one_is_there(
    site: Site, visit: Open, sign_in: Open, shot: Any
) -> None:
    page = sign_up(visit, "zhao-next@example.com", phone=True)
    assert anything_wrong(page) == []
    shot(page, "phone-empty-home")
    ask(page, "配偶团聚", "我想为太太申请团聚。")
    number = page.url.rstrip("/").rpartition("/")[2]
    shot(page, "phone-first-message")
    cookies: Any = page.context.storage_state()
    for zone, locale, said in ZONES:
        there = visit(f"/messages/{number}/", storage_state=cookies, timezone_id=zone, locale=locale)
        expect(there.locator("#office")).to_have_text(re.compile(said))
        expect(there.locator("#next-steps")).to_contain_text("zhao-next@example.com")
    expect(page.locator("body")).to_have_attribute("data-connection", "live")
    site.shell(
        f"case = Case.objects.get(number={number}); advisor = Advisor.objects.get(user__email={ADVISOR!r})\n"
        "assign_advisor(case, advisor, by=None); post_message(case, advisor.user, '您好', client_id=uuid4().hex)"
    )
    expect(page.locator(".theirs .text")).to_have_text("您好")
    expect(page.locator("#next-steps")).to_be_hidden()


@whole
def test_a_question_is_not_lost_when_the_session_has_ended_meanwhile(sign_in: Open) -> None:
    page = sign_in(MEMBER, "/messages/new/", fresh=True)
    page.fill("[name=title]", "工签")
    page.fill("[name=body]", "写了很久的一段话")
    page.context.clear_cookies(name="session")
    page.click("main button.primary")
    page.wait_for_url("**/accounts/login/**")
    page.fill("[name=login]", MEMBER)
    page.fill("[name=password]", PASSWORD)
    page.click("main button.primary")
    page.wait_for_url("**/messages/new/")
    expect(page.locator("[name=body]")).to_have_value("写了很久的一段话")
    ask(page, "工签", "写了很久的一段话")
    page.goto("/messages/new/")
    expect(page.locator("[name=title]")).to_have_value("")
    expect(page.locator("[name=body]")).to_have_value("")


@whole
def test_a_first_case_opened_by_others_does_not_take_away_what_is_being_written(site: Site, visit: Open) -> None:
    page = sign_up(visit, "zhao-writes@example.com")
    page.fill("[name=body]", "正在写")
    page.wait_for_load_state("networkidle")
    site.shell("open_case(Member.objects.get(user__email='zhao-writes@example.com'), '学签')")
    page.wait_for_timeout(1500)
    expect(page.locator("[name=body]")).to_have_value("正在写")


MINE = ["/messages/new/", "/profile/", "/accounts/password/change/"]
PUBLIC = ["/", "/register/", "/register/advisor/", "/accounts/login/", "/accounts/password/reset/"]
PUBLIC += ["/accounts/password/reset/done/", "/accounts/password/reset/key/done/"]


@whole
@pytest.mark.parametrize("phone", [True, False])
def test_axe_finds_nothing_of_any_level_where_one_signs_up_and_asks(visit: Open, sign_in: Open, phone: bool) -> None:
    wrong = {}
    stranger, member = visit("/", phone=phone), sign_in(MEMBER, "/profile/", phone=phone)
    for page, paths in ((stranger, PUBLIC), (member, MINE)):
        for path in paths:
            page.goto(path)
            wrong[path] = anything_wrong(page)
            assert page.locator("h1").count() == 1, path
    assert not {path: found for path, found in wrong.items() if found}
