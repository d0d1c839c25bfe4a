"""Who is told first: whoever waits for an answer, whatever floods come before, by one member or by many."""

from collections.abc import Callable

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, open_case
from tests.support.app import App
from tests.support.clock import NOON
from tests.support.people import World, make_advisor, says, some_members
from tests.support.robot import Robot
from tests.support.size import size, sized, some, whole
from wecom.models import Attempt, Notification
from wecom.outbound import events
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due
from wecom.outbound.turns import due

pytestmark = pytest.mark.django_db

State, Priority = Notification.State, Notification.Priority


@pytest.fixture
def told(clock: time_machine.Traveller, world: World, robot: Robot) -> World:
    bind_wecom_account(world.li, "LiMing")
    return world


def alert_comes_after(
    heard: Callable[[], list[str]], told: World, clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> int:
    """Have 王小明 write a second later, and return after how many seconds somebody hears of it."""
    clock.shift(1)
    says(told.case, told.wang, "在吗？")
    for second in range(1200):
        send_due()
        if any(f"#{told.case.number} 王" in text for text in heard()):
            with capsys.disabled():
                print(f"\n   told after {second} s, with {len(heard())} messages", end=" ")
            return second
        clock.shift(1)
    raise AssertionError("never told")


def empty(clock: time_machine.Traveller, minutes: int) -> None:
    """Let the worker work on."""
    for _ in range(minutes * 12):
        send_due()
        clock.shift(5)


# What comes before an alert -----------------------------------------------------------------------------


def test_a_hundred_and_twenty_sign_ups_do_not_delay_an_alert(
    told: World, robot: Robot, clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    some_members(120)
    assert alert_comes_after(lambda: robot.texts, told, clock, capsys) == 0
    assert robot.texts[0].startswith(f"#{told.case.number} 王*：1 条消息，12:00 起等待\n"), "and goes first"
    empty(clock, 2)
    assert len(robot.texts) == 3
    assert robot.texts[1].startswith("【汇总】100 位新会员\n新会员：会*、会*")
    assert robot.texts[2].startswith("【汇总】20 位新会员\n")
    assert "http://testserver/admin/members/member/" in robot.texts[1]
    assert not Notification.objects.filter(event=events.MEMBER_REGISTERED.name).exclude(state=State.DELIVERED).exists()


@sized
def test_sign_ups_that_trickle_in_leave_most_of_the_limit_to_alerts(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    for _ in range(size(20, 60)):
        some_members(1)
        send_due()
        clock.shift(1)
    assert len(robot.texts) == 5, "a quarter of the limit, however many sign up"
    for _ in range(15):
        request_test("group")
    clock.shift(1)
    send_due()
    assert len([text for text in robot.texts if "测试" in text]) >= 10


@sized
@pytest.mark.parametrize("way", some(["group", "app"], 2))
def test_hundreds_of_assignments_do_not_delay_an_alert(
    told: World,
    app: App,
    robot: Robot,
    settings: Settings,
    clock: time_machine.Traveller,
    capsys: pytest.CaptureFixture[str],
    way: str,
) -> None:
    settings.WECHAT_APP_SECRET = settings.WECHAT_APP_SECRET if way == "app" else ""
    cases = [open_case(member, "学签") for member in some_members(30) for _ in range(size(2, 10))]
    for case in cases:
        assign_advisor(case, told.li, by=told.admin)
    for _ in range(3):  # the worker was at it already
        send_due()
    heard = {"group": lambda: robot.texts, "app": lambda: [str(message) for message in app.messages]}[way]
    before = len(heard())
    assert alert_comes_after(heard, told, clock, capsys) == 0
    assert len(heard()) == before + 1
    empty(clock, 3)
    lines = [text.count("现在由 李明 跟进。") for text in robot.texts]
    assert max(lines) == (20 if way == "group" else 0)
    assert len(robot.texts) <= 12, "not one each"
    untold = Notification.objects.filter(event=events.CASE_ASSIGNED.name, state=State.WAITING)
    assert way == "app" or not untold.exists()


@whole
def test_an_alert_finds_a_place_after_every_kind_of_flood(
    told: World, robot: Robot, clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    """All at once and over minutes: sign-ups and assignments, and a member with twenty cases more each time."""
    for _ in range(3):
        for member in some_members(15):
            assign_advisor(open_case(member, "学签"), told.li, by=told.admin)
        for number in range(20):
            says(open_case(told.lin, f"案件 {number}"), told.lin, "在吗？")
        for _ in range(10):
            send_due()
            clock.shift(4)
    assert alert_comes_after(lambda: robot.texts, told, clock, capsys) <= 1


# One member ---------------------------------------------------------------------------------------------


@sized
def test_hundreds_of_cases_of_one_member_are_one_line_each_time_and_delay_nobody(
    told: World, robot: Robot, clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(size(60, 200)):
        says(open_case(told.lin, f"案件 {number}"), told.lin, "在吗？")
    assert alert_comes_after(lambda: robot.texts, told, clock, capsys) == 0
    empty(clock, 1)
    about_lin = [text for text in robot.texts if "林*" in text]
    assert len(about_lin) <= 4, "three messages a minute"
    assert all(text.count("林*") == 1 for text in about_lin)
    assert "林*：49 个案件（#1003、#1004、#1005 等）共 49 条消息，12:00 起等待。" in "".join(about_lin)


@sized
def test_a_flood_in_one_case_is_one_alert_a_minute(
    told: World, robot: Robot, clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = size(40, 100)
    for number in range(messages):
        says(told.other_case, told.lin, f"第 {number} 条")
        send_due()
        clock.shift(3)
    assert len([text for text in robot.texts if "条消息" in text]) == messages * 3 // 60
    assert alert_comes_after(lambda: robot.texts, told, clock, capsys) == 0


def test_a_member_has_three_messages_a_minute_and_the_rest_together(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    cases = [open_case(told.wang, f"案件 {number}", advisor=told.li) for number in range(9)]
    Notification.objects.all().delete()
    for case in cases[:3]:
        says(case, told.wang, "在吗？")
    send_due()
    assert [text.partition("：")[0] for text in robot.texts] == [f"#{case.number} 王*" for case in cases[:3]]
    for case in cases[3:]:
        says(case, told.wang, "在吗？")
    empty(clock, 1)
    assert len(robot.texts) == 3
    empty(clock, 1)
    (last,) = robot.texts[3:]
    assert last.startswith("王*：6 个案件（#1006、#1007、#1008 等）共 6 条消息，12:00 起等待。跟进人：李明（N")
    assert last.count("王*") == 1
    assert robot.payloads[3]["text"]["mentioned_list"] == ["LiMing"]
    alerts = Notification.objects.filter(event=events.MEMBER_WROTE.name)
    assert set(alerts.values_list("state", flat=True)) == {State.DELIVERED}


@whole
def test_in_a_digest_a_member_with_many_cases_takes_nobodys_line(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (4, 60)
    for number in range(100):  # more than one digest holds
        says(open_case(told.wang, f"案件 {number}"), told.wang, "在吗？")
    clock.shift(1)
    others = [open_case(member, "学签", advisor=told.li) for member in some_members(19)]
    Notification.objects.filter(event=events.CASE_ASSIGNED.name).delete()
    for case in others:
        says(case, case.member, "在吗？")
    send_due()
    digest = robot.texts[0]
    assert digest.startswith("【汇总】50 个案件等待回复：\n王*：31 个案件（#1003、#1004、#1005 等）共 31 条消息，")
    assert digest.count("王*") == 1
    assert all(f"\n#{case.number} 会*：1 条消息，" in digest for case in others)
    assert len(digest.encode()) <= 2048


# Nobody waits for ever ----------------------------------------------------------------------------------


@whole
def test_news_waits_for_alerts_but_not_for_ever(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    """Alerts that use up the limit minute after minute, as no practice has them."""
    settings.WECHAT_ROBOT_LIMIT = (4, 60)
    told_at: list[int] = []
    for second in range(-120, 13 * 60, 10):
        request_test("group")
        if second == 0:
            some_members(2)
            make_advisor(7)
        before = len(robot.texts)
        send_due()
        told_at += [second] * len([text for text in robot.texts[before:] if "2 位新会员，1 位顾问待审核" in text])
        clock.shift(10)
    assert len(told_at) == 1
    assert 10 * 60 <= told_at[0] <= 11 * 60 + 10


def test_several_news_are_one_message_with_masked_names(told: World, robot: Robot) -> None:
    some_members(2)
    make_advisor(7)
    send_due()
    (text,) = robot.texts
    assert text.splitlines()[:3] == ["【汇总】2 位新会员，1 位顾问待审核", "新会员：会*、会*", "顾问待审核：高*"]
    assert "http://testserver/admin/advisors/advisor/" in text
    rows = list(Notification.objects.filter(state=State.DELIVERED).order_by("pk"))
    assert len(rows) == 3
    assert text.endswith(f"（编号 {rows[0].reference} 等 3 条）")
    assert Attempt.objects.count() == 1


def test_what_wecom_refuses_together_is_sent_one_by_one(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [{"errcode": 85002, "errmsg": "forbidden words"}]
    some_members(3)
    send_due()
    clock.shift(1)
    send_due()
    assert [text.partition("】")[0] for text in robot.texts] == ["【新会员"] * 3


# The database -------------------------------------------------------------------------------------------


def test_the_database_holds_the_priority_of_an_event(told: World) -> None:
    some_members(1)
    says(told.case, told.wang, "在吗？")
    rows = {row.event: row.priority for row in Notification.objects.all()}
    assert rows == {
        events.MEMBER_REGISTERED.name: Priority.NEWS,
        events.MEMBER_WROTE.name: Priority.ALERT,
        events.STILL_UNREAD.name: Priority.ALERT,
        events.STILL_UNANSWERED.name: Priority.ALERT,
    }
    for event in (events.MEMBER_REGISTERED.name, events.MEMBER_WROTE.name):
        with pytest.raises(IntegrityError), transaction.atomic():
            Notification.objects.filter(event=event).update(priority=Priority.ASSIGNMENT)


def test_whose_turn_it_is_is_found_by_the_index(told: World) -> None:
    rows = due("group", NOON).filter(state=State.WAITING, priority=Priority.ALERT)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "notification_turn" in rows[:10].explain()
