"""What the group is told, when, and what happens when WeCom or the worker fails."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, mark_read, open_case, recall_message
from jiayi.errors import Conflict
from members.actions import register_member
from tests.support.clock import NOON
from tests.support.people import PASSWORD, World, look, make_advisor, says, some_members
from tests.support.processes import manage
from tests.support.robot import Robot
from tests.support.size import sized, some
from wecom.models import Attempt, Channel, Notification, ReplyTarget
from wecom.outbound import events
from wecom.outbound.channels.robot import Robot as Transport
from wecom.outbound.channels.transport import Composed
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due
from wecom.outbound.states import cancel_by_hand, resend
from wecom.reply_target import set_target

pytestmark = pytest.mark.django_db

State = Notification.State


@pytest.fixture
def told(clock: time_machine.Traveller, world: World, robot: Robot) -> World:
    """The cast, with 李明 bound to an account."""
    bind_wecom_account(world.li, "LiMing")
    return world


def about(case_number: int) -> Notification:
    return Notification.objects.filter(case__number=case_number, event=events.MEMBER_WROTE.name).latest("pk")


# What it says -------------------------------------------------------------------------------------------


def test_the_sign_up_of_a_member_and_of_an_advisor_each_show_in_the_group(world: World, robot: Robot) -> None:
    register_member(email="zhao@example.com", name="赵一", password=PASSWORD)
    send_due()
    make_advisor(7)
    send_due()
    assert len(robot.texts) == 2
    assert "新会员" in robot.texts[0]
    assert "赵*" in robot.texts[0]
    assert "顾问待审核" in robot.texts[1]
    assert "高*" in robot.texts[1]


def test_a_members_message_mentions_the_follow_up_advisor(told: World, robot: Robot) -> None:
    says(told.case, told.wang, "我的护照号是 E12345678")
    send_due()
    payload = robot.payloads[-1]
    text = payload["text"]["content"]
    assert payload["text"]["mentioned_list"] == ["LiMing"]
    assert f"#{told.case.number}" in text
    assert "王*" in text
    assert f"http://testserver/messages/{told.case.number}/" in text
    assert "佳忆顾问" in text
    for secret in ("护照", "E12345678", "王小明", "wang@example.com", told.case.title):
        assert secret not in text


@pytest.mark.parametrize("name", ["<@all>", "@all", "李\n【系统】", "<font color=red>", "李" * 60])
def test_a_name_cannot_mention_anybody_or_start_a_line(told: World, robot: Robot, name: str) -> None:
    told.li.user.name = name
    told.li.user.save(update_fields=["name"])
    says(told.case, told.wang, "在吗？")
    send_due()
    text = robot.texts[-1]
    assert "<@" not in text
    assert "@all" not in text
    assert "<font" not in text
    assert not [line for line in text.splitlines() if line.startswith("【系统】")]
    assert len(text.encode()) <= 2048


def test_a_case_without_advisor_asks_an_administrator_to_assign_one(told: World, robot: Robot) -> None:
    case = open_case(told.wang, "访客签证")
    says(case, told.wang, "您好")
    send_due()
    assert "请管理员指派" in robot.texts[-1]
    assert "mentioned_list" not in robot.payloads[-1]["text"]


def test_an_advisor_without_account_asks_an_administrator_to_bind_one(told: World, robot: Robot) -> None:
    bind_wecom_account(told.li, "")
    says(told.case, told.wang, "您好")
    send_due()
    assert "请管理员绑定" in robot.texts[-1]
    assert not ReplyTarget.objects.exists()


# When ---------------------------------------------------------------------------------------------------


def test_an_answer_of_the_advisor_is_not_announced(told: World, robot: Robot) -> None:
    says(told.case, told.li, "您好")
    assert not Notification.objects.exclude(channel="email").exists()


@pytest.mark.parametrize(
    ("seen_ago", "told_at_once"),
    [(None, True), (timedelta(seconds=61), True), (timedelta(seconds=30), False)],
)
def test_only_an_advisor_away_from_the_website_is_told_at_once(
    told: World, robot: Robot, seen_ago: timedelta | None, told_at_once: bool
) -> None:
    if seen_ago is not None:
        look(told.li, seen_ago)
    says(told.case, told.wang, "在吗？")
    send_due()
    assert bool(robot.texts) is told_at_once


def test_a_present_advisor_who_reads_it_within_a_minute_is_not_told(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    look(told.li)
    message = says(told.case, told.wang, "在吗？")
    clock.shift(30)
    mark_read(told.case, told.li.user, message.seq)
    clock.shift(40)
    send_due()
    assert robot.texts == []
    assert about(told.case.number).state == State.CANCELLED
    assert "阅读" in about(told.case.number).note


def test_a_present_advisor_who_closes_the_lid_is_told_a_minute_later(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    look(told.li)
    says(told.case, told.wang, "在吗？")
    clock.shift(61)
    send_due()
    assert len(robot.texts) == 1


def test_a_present_advisor_who_stays_without_reading_is_asked_about_again(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    look(told.li)
    says(told.case, told.wang, "在吗？")
    clock.shift(50)
    look(told.li)
    clock.shift(11)
    send_due()
    assert robot.texts == []
    clock.shift(61)
    send_due()
    assert len(robot.texts) == 1


@pytest.mark.engine
def test_answered_or_recalled_meanwhile_is_cancelled_with_the_reason(told: World, robot: Robot) -> None:
    says(told.case, told.wang, "在吗？")
    says(told.case, told.li, "在")
    recalled = says(told.other_case, told.lin, "发错了")
    recall_message(recalled, by=told.lin.user)
    send_due()
    assert robot.texts == []
    alerts = Notification.objects.filter(event=events.MEMBER_WROTE.name)
    assert set(alerts.values_list("state", flat=True)) == {State.CANCELLED}
    assert "" not in set(alerts.values_list("note", flat=True))


def test_whoever_follows_the_case_when_it_is_sent_is_told(told: World, robot: Robot) -> None:
    bind_wecom_account(told.zhang, "ZhangWei")
    says(told.case, told.wang, "在吗？")
    assign_advisor(told.case, told.zhang, by=told.admin)
    send_due()
    assert robot.payloads[0]["text"]["mentioned_list"] == ["ZhangWei"]
    assert "1 条消息" in robot.texts[0]
    assert ReplyTarget.objects.get().advisor == told.zhang


@pytest.mark.engine
def test_more_messages_within_a_minute_are_gathered_into_one_further_alert(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    says(told.case, told.wang, "一")
    send_due()
    for second in range(5):
        clock.shift(5)
        says(told.case, told.wang, f"又一条 {second}")
        send_due()
    assert len(robot.texts) == 1
    clock.shift(40)
    send_due()
    assert len(robot.texts) == 2
    assert "5 条消息" in robot.texts[-1]


def test_messages_before_the_first_alert_share_it(told: World, robot: Robot) -> None:
    for number in range(3):
        says(told.case, told.wang, f"第 {number} 条")
    send_due()
    assert len(robot.texts) == 1
    assert "3 条消息" in robot.texts[0]


# How ----------------------------------------------------------------------------------------------------


def test_on_delivery_the_case_becomes_the_reply_target(told: World, robot: Robot) -> None:
    says(told.case, told.wang, "在吗？")
    assert not ReplyTarget.objects.exists()
    send_due()
    target = ReplyTarget.objects.get()
    assert (target.advisor, target.case) == (told.li, told.case)


def test_a_refused_notification_is_no_reply_target_and_is_tried_again(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [{"errcode": -1, "errmsg": "system busy"}]
    says(told.case, told.wang, "在吗？")
    send_due()
    assert not ReplyTarget.objects.exists()
    assert about(told.case.number).state == State.WAITING
    assert about(told.case.number).note
    clock.shift(5)
    send_due()
    row = about(told.case.number)
    assert (row.state, row.attempts) == (State.DELIVERED, 2)
    assert ReplyTarget.objects.exists()


def test_too_often_waits_a_minute_for_every_notification(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [{"errcode": 45009, "errmsg": "api freq out of limit"}]
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    send_due()
    clock.shift(55)
    send_due()
    assert len(robot.requests) == 1
    clock.shift(30)
    send_due()
    assert len(robot.texts) == 2


def test_a_payload_wecom_refuses_fails_alone(told: World, robot: Robot) -> None:
    robot.script = [{"errcode": 40058, "errmsg": "text.content exceed max length"}]
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    send_due()
    assert about(told.case.number).state == State.FAILED
    assert about(told.other_case.number).state == State.DELIVERED


def test_a_wrong_configuration_stops_the_channel_and_loses_nothing(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [{"errcode": 93000, "errmsg": "invalid webhook url"}]
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    send_due()
    assert len(robot.requests) == 1
    assert Channel.objects.get(name="group").problem
    clock.shift(600)
    send_due()
    assert len(robot.texts) == 2
    assert Channel.objects.get(name="group").problem == ""


def test_without_a_robot_notifications_wait_and_the_channel_says_so(
    told: World, robot: Robot, settings: Settings
) -> None:
    there = settings.WECHAT_WEBHOOK_URL
    settings.WECHAT_WEBHOOK_URL = ""
    says(told.case, told.wang, "一")
    assert send_due() == 0
    assert "WECHAT_WEBHOOK_URL" in Channel.objects.get(name="group").problem
    settings.WECHAT_WEBHOOK_URL = there
    assert send_due() == 1


@pytest.mark.engine
def test_the_twenty_first_of_a_minute_is_late_not_refused(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    for _ in range(25):
        request_test("group")  # what no digest gathers
    times: list[int] = []
    for second in range(120):
        times += [second] * send_due()
        clock.shift(1)
    assert len(robot.texts) == 25
    assert len([t for t in times if t == 0]) == 15, "most of the limit at once"
    assert all(len([t for t in times if start <= t < start + 60]) <= 20 for start in range(120))
    assert max(times) <= 70


@pytest.mark.engine
def test_when_many_cases_wait_one_digest_tells_of_them_instead_of_being_late(told: World, robot: Robot) -> None:
    cases = [open_case(member, "学签", advisor=told.li) for member in some_members(25)]
    Notification.objects.all().delete()
    for case in cases:
        says(case, case.member, "在吗？")
    send_due()
    assert len(robot.texts) < 10
    digest = robot.texts[0]
    assert digest.startswith("【汇总】20 个案件等待回复")
    assert len(digest.encode()) <= 2048
    assert robot.payloads[0]["text"]["mentioned_list"] == ["LiMing"]
    everything = "\n" + "\n".join(robot.texts)
    assert all(f"\n#{case.number} 会*：1 条消息，" in everything for case in cases)
    alerts = Notification.objects.filter(event=events.MEMBER_WROTE.name)
    assert set(alerts.values_list("state", flat=True)) == {"delivered"}


def test_after_a_digest_an_advisor_must_name_the_case(told: World, robot: Robot, settings: Settings) -> None:
    settings.WECHAT_ROBOT_LIMIT = (1, 60)
    set_target(told.li, told.case)
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    send_due()
    assert len(robot.texts) == 1
    assert not ReplyTarget.objects.exists()


@pytest.mark.engine
def test_one_that_cannot_be_written_does_not_hold_up_the_others(
    told: World, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = Transport.compose

    def broken(self: Transport, row: Notification) -> Composed:
        if row.case == told.case:
            raise ValueError("poison")
        return compose(self, row)

    monkeypatch.setattr(Transport, "compose", broken)
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    send_due()
    assert about(told.case.number).state == State.FAILED
    assert about(told.other_case.number).state == State.DELIVERED


@pytest.mark.engine
def test_while_one_is_under_way_the_next_message_asks_for_another(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    says(told.case, told.wang, "一")
    first = about(told.case.number)
    Notification.objects.filter(pk=first.pk).update(
        state=State.SENDING, lease="dead", leased_until=NOON + timedelta(seconds=60)
    )
    says(told.case, told.wang, "二")
    assert Notification.objects.filter(event=events.MEMBER_WROTE.name).count() == 2
    look(told.li, timedelta(seconds=-70))  # present when the lease has ended: both go back to waiting, as one
    clock.shift(61)
    send_due()
    clock.shift(200)
    send_due()
    assert len(robot.texts) == 1
    assert "2 条消息" in robot.texts[0]


@pytest.mark.engine
def test_resend_and_cancel(told: World, robot: Robot) -> None:
    says(told.case, told.wang, "一")
    row = about(told.case.number)
    cancel_by_hand(row)
    send_due()
    assert robot.texts == []
    resend(row)
    send_due()
    assert len(robot.texts) == 1
    with pytest.raises(Conflict):
        cancel_by_hand(row)
    with pytest.raises(Conflict):
        resend(row)


def test_every_try_is_on_record(told: World, robot: Robot, clock: time_machine.Traveller) -> None:
    robot.script = [{"errcode": -1, "errmsg": "system busy"}]
    says(told.case, told.wang, "一")
    send_due()
    clock.shift(5)
    send_due()
    assert list(Attempt.objects.order_by("pk").values_list("errcode", flat=True)) == [-1, 0]
    row = about(told.case.number)
    assert row.sent_text == robot.texts[-1]
    assert row.reference in row.sent_text
    assert "test-robot-key" not in row.answer + row.note + "".join(Attempt.objects.values_list("outcome", flat=True))


# A worker that is killed --------------------------------------------------------------------------------


@pytest.mark.once
@sized
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("failpoint", "received"), some([("sending.sent", 2), ("sending.claimed", 1), ("sending.marked", 1)], 3)
)
def test_a_notification_survives_a_killed_worker(world: World, robot: Robot, failpoint: str, received: int) -> None:
    bind_wecom_account(world.li, "LiMing")
    Notification.objects.all().delete()
    says(world.case, world.wang, "在吗？")
    connection.close()
    killed = manage("deliver", "--once", FAILPOINT=failpoint)
    assert killed.returncode == -9
    Notification.objects.filter(state=State.SENDING).update(leased_until=datetime.now(UTC))
    assert manage("deliver", "--once").returncode == 0
    assert about(world.case.number).state == State.DELIVERED
    assert ReplyTarget.objects.get().case == world.case
    # Between send and mark one repetition cannot be avoided; its reference tells a person that it is one.
    assert len(robot.texts) == received
    assert len(set(robot.texts)) == 1
