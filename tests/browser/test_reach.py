"""What a member sees of their advisor being told in WeCom, live; a new case; the profile."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.site import Site
from tests.support.size import whole

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("calm_wecom")]

MEMBER, ADVISOR = "member@example.com", "advisor@example.com"
Open = Callable[..., Page]
NOBODY_IS_HERE = "Advisor.objects.update(last_active_at=None)"


def write(page: Page, text: str) -> None:
    page.fill("#compose textarea", text)
    page.press("#compose textarea", "Enter")


@pytest.fixture
def number(site: Site) -> str:
    """A fresh case of the demo member, followed by 李明 and quiet since."""
    site.shell(NOBODY_IS_HERE)
    return site.shell(
        f"print(open_case(Member.objects.get(user__email='{MEMBER}'), '工签', "
        f"advisor=Advisor.objects.get(user__email='{ADVISOR}')).number)"
    )


def test_a_message_is_sent_told_in_wecom_and_read_before_the_members_eyes(
    site: Site, sign_in: Open, number: str, shot: Callable[..., None]
) -> None:
    member = sign_in(MEMBER, f"/messages/{number}/")
    phone = sign_in(MEMBER, f"/messages/{number}/", phone=True, color_scheme="dark")
    expect(member.locator("#away")).to_be_visible()
    write(member, "我的工签下个月到期，需要先准备什么？")
    told = member.locator("#notified")
    expect(told).to_have_text(re.compile(r"^已提醒李明，\d\d:\d\d$"))
    expect(member.locator("#away")).to_be_hidden()
    expect(member.locator(".tick").last).to_have_attribute("aria-label", "已提醒顾问")
    expect(phone.locator("#notified")).to_be_visible()
    shot(member, "reach-told")
    shot(phone, "reach-told-phone-dark")
    advisor = sign_in(ADVISOR, f"/messages/{number}/")
    expect(member.locator(".tick").last).to_have_attribute("aria-label", "已读")
    expect(advisor.locator("#notified")).to_be_hidden()
    shot(member, "reach-read")


@whole
def test_after_a_hand_over_the_page_names_who_was_told_since(site: Site, sign_in: Open, number: str) -> None:
    member = sign_in(MEMBER, f"/messages/{number}/")
    write(member, "在吗？")
    expect(member.locator("#notified")).to_be_visible()
    site.shell(
        f"assign_advisor(Case.objects.get(number={number}), "
        "Advisor.objects.get(user__email='advisor2@example.com'), by=None)"
    )
    expect(member.locator("#notified")).to_have_text(re.compile(r"^已提醒张伟，\d\d:\d\d$"))
    expect(member.locator("#saved")).to_be_hidden()
    expect(member.locator(".tick").last).to_have_attribute("aria-label", "已提醒顾问")


def test_a_member_opens_a_case_of_a_kind_and_sees_that_the_team_was_told(
    site: Site, sign_in: Open, shot: Callable[..., None]
) -> None:
    member = sign_in(MEMBER, "/messages/new/")
    member.fill("[name=title]", "父母来探亲")
    member.select_option("[name=kind]", label="访客签证")
    member.fill("[name=body]", "想请父母明年夏天来住三个月。")
    shot(member, "reach-new-case")
    member.click("main button.primary")
    expect(member.locator("#team-notified")).to_have_text(re.compile(r"已提醒我们的团队（\d\d:\d\d）"))
    shot(member, "reach-new-case-waiting")


def test_a_member_switches_the_e_mails_off_in_the_profile(site: Site, sign_in: Open, shot: Any) -> None:
    member = sign_in("member2@example.com", "/messages/")
    member.locator(".menu summary").click()
    member.get_by_role("link", name="个人资料").click()
    member.get_by_label("顾问回复后给我发邮件提醒").uncheck()
    shot(member, "reach-profile")
    member.get_by_role("button", name="保存").click()
    expect(member.get_by_text("已保存。")).to_be_visible()
    expect(member.get_by_label("顾问回复后给我发邮件提醒")).not_to_be_checked()
    assert site.shell("print(Member.objects.get(user__email='member2@example.com').email_reminders)") == "False"
    site.shell("Member.objects.update(email_reminders=True)")
