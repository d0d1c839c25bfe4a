"""A new member knows what comes next: the question first, then when answers come and who tells of them."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils.translation import override
from pytest_django import Settings

from cases.actions import assign_advisor, close_case, open_case
from cases.models import Case
from cases.next_steps import hours_in_words
from jiayi.hours import parse_office
from members.actions import register_member, set_reminders
from members.models import Member
from tests.support.people import PASSWORD, World, says, signed_in

pytestmark = pytest.mark.django_db

WEDNESDAY = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
TOLD = "接下来会怎样"


@pytest.fixture
def zhao(world: World) -> Member:
    return register_member(email="zhao@example.com", name="赵敏", password=PASSWORD)


@pytest.fixture
def asked(zhao: Member) -> Case:
    case = open_case(zhao, "学签")
    says(case, zhao, "我的学签下个月到期")
    return case


def page(member: Member, case: Case | None = None, **headers: str) -> str:
    path = f"/messages/{case.number}/" if case else "/messages/"
    return str(signed_in(member).get(path, headers=headers).content.decode())


@pytest.mark.without_wecom
def test_the_empty_home_is_the_question_itself(zhao: Member) -> None:
    client = signed_in(zhao)
    home = client.get("/messages/")
    assert home.content.decode().count("<h1") == 1
    for part in ('action="/messages/new/"', 'name="title"', 'name="body"', "我们称为一个“案件”"):
        assert part in home.content.decode()
    form = home.context["new_case_form"]
    sent = {name: form[name].value() for name in form.fields} | {"title": "学签", "body": "到期了"}
    assert client.post("/messages/new/", sent).headers["Location"] == "/messages/1003/"
    assert 'name="title"' not in page(zhao), "from then on it is the list of cases"


def test_what_was_typed_stays_when_something_is_missing(zhao: Member) -> None:
    said = signed_in(zhao).post("/messages/new/", {"title": "", "kind": "pr", "body": "很长的情况", "client_id": "a"})
    assert said.status_code == 400
    shown = said.content.decode()
    assert ("很长的情况" in shown, '<option value="pr" selected>' in shown) == (True, True)
    assert "请用几个字写下您想咨询什么。" in shown


def test_a_text_that_is_too_long_is_not_cut_but_told(zhao: Member) -> None:
    form = {"title": "题" * 121, "body": "字\r\n" * 2000 + "字" * 1001, "client_id": "a"}
    shown = signed_in(zhao).post("/messages/new/", form).content.decode()
    assert "标题最长 120 个字，现在是 121 个字" in shown
    assert "最长 5000 个字，现在是 5001 个字" in shown, "the end of a line is one character"
    assert "maxlength" not in shown.partition('id="id_body"')[0].rpartition("<textarea")[2]


def test_after_the_first_message_it_is_said_when_answers_come_and_how_one_hears_of_them(
    zhao: Member, asked: Case
) -> None:
    shown = page(zhao, asked)
    for part in (TOLD, "周一至周五 09:00–18:00（多伦多时间）", "发邮件到 <bdi>zhao@example.com</bdi>", "现在可以关掉"):
        assert part in shown
    with override("en"):
        english = page(zhao, asked, **{"Accept-Language": "en"})
    assert "Mon to Fri, 09:00–18:00 (Toronto time)" in english


def test_no_e_mail_is_promised_that_will_not_be_sent(zhao: Member, asked: Case, settings: Settings) -> None:
    set_reminders(zhao, on=False)
    shown = page(zhao, asked)
    assert (TOLD in shown, "发邮件到" in shown) == (True, False)
    set_reminders(zhao, on=True)
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "发邮件到" not in page(zhao, asked)


def test_it_is_said_until_the_first_answer_and_to_nobody_else(world: World, zhao: Member, asked: Case) -> None:
    assign_advisor(asked, world.zhang, by=None)
    assert TOLD in page(zhao, asked), "that somebody follows the case is no answer"
    assert TOLD not in signed_in(world.zhang).get(f"/messages/{asked.number}/").content.decode()
    says(asked, world.zhang, "您好")
    assert TOLD not in page(zhao, asked)
    second = open_case(zhao, "工签")
    says(second, zhao, "还有一个问题")
    assert TOLD not in page(zhao, second), "who was answered before knows"


def test_a_closed_case_promises_nothing(zhao: Member, asked: Case) -> None:
    close_case(asked)
    assert TOLD not in page(zhao, asked)


@pytest.mark.parametrize(
    ("office", "zone", "said"),
    [
        ("1-5 09:00-18:00", "America/Toronto", "周一至周五 09:00–18:00（多伦多时间）"),
        ("3-3 10:00-12:30", "America/Vancouver", "周三 10:00–12:30（温哥华时间）"),
        ("1-7 00:00-23:59", "Europe/London", "周一至周日 00:00–23:59（London 时间）"),
    ],
)
def test_office_hours_are_said_in_the_practices_own_time(settings: Settings, office: str, zone: str, said: str) -> None:
    settings.TIME_ZONE = zone
    assert hours_in_words(parse_office(office)) == said


def test_the_coming_week_is_the_one_a_page_converts(settings: Settings) -> None:
    """Moments, because the difference between two places changes in the course of a year."""
    settings.TIME_ZONE = "America/Toronto"
    opens, closes, last = parse_office("1-5 09:00-18:00").coming_week(WEDNESDAY)
    assert [at.isoformat() for at in (opens, closes, last)] == [
        "2026-11-30T09:00:00-05:00",
        "2026-11-30T18:00:00-05:00",
        "2026-12-04T09:00:00-05:00",
    ]
    opens, _closes, last = parse_office("3-3 09:00-18:00").coming_week(WEDNESDAY)
    assert opens == last == datetime(2026, 11, 25, 14, 0, tzinfo=UTC)


def test_the_landing_page_begins_with_the_question_and_says_how_to_reach_us(settings: Settings) -> None:
    shown = Client().get("/").content.decode()
    buttons = shown.partition('<p class="actions">')[2].partition("</p>")[0]
    assert buttons.index("/register/") < buttons.index("/accounts/login/")
    assert '<a class="button primary" href="/register/">注册，写下您的问题</a>' in buttons
    assert '<meta name="description" content="' in shown
    for absent in ("mailto:", "tel:", "隐私政策", "使用条款"):
        assert absent not in shown
    settings.CONTACT_EMAIL, settings.CONTACT_PHONE = "office@jiayi.example", "+1 (416) 555-0100"
    settings.PRIVACY_URL, settings.TERMS_URL = "https://jiayi.example/privacy", "https://jiayi.example/terms"
    foot = Client().get("/accounts/login/").content.decode().partition("<footer")[2]
    for link in ("mailto:office@jiayi.example", "tel:+14165550100", settings.PRIVACY_URL, settings.TERMS_URL):
        assert f'href="{link}"' in foot
