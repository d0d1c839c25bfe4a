"""The presence rules as one table: what happens on which second, and when who is told."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine

from advisors.actions import bind_wecom_account, suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, mark_read, recall_message
from tests.support.clock import NOON
from tests.support.colleague import WeCom
from tests.support.people import World, says, send
from tests.support.robot import Robot
from tests.support.scene import Act, Scene
from tests.support.size import size, sized
from wecom.models import Notification
from wecom.outbound import events
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = Notification.State


def active(scene: Scene) -> object:
    return scene.li.post("/api/active/")


def zhang_active(scene: Scene) -> object:
    return scene.zhang.post("/api/active/")


def tab_asks(scene: Scene) -> object:
    return [scene.li.get("/api/cases/"), scene.li.get(f"{scene.path}messages/?after=0")]


def read(scene: Scene) -> object:
    return send(scene.li, f"{scene.path}read/", {"seq": 99})


def zhang_reads(scene: Scene) -> object:
    return send(scene.zhang, f"{scene.path}read/", {"seq": 99})


def answer(scene: Scene) -> object:
    return send(scene.li, f"{scene.path}messages/", {"body": "您好", "client_id": "answer"})


def answer_in_wecom(scene: Scene) -> object:
    return WeCom().say("LiMing", f"#{scene.world.case.number} 您好")


def change(**fields: object) -> Act:
    return lambda scene: Advisor.objects.filter(pk=scene.world.li.pk).update(**fields)


def give_to_zhang(scene: Scene) -> object:
    return assign_advisor(scene.world.case, scene.world.zhang, by=scene.world.admin)


def give_to_nobody(scene: Scene) -> object:
    return assign_advisor(scene.world.case, None, by=scene.world.admin)


def recall(scene: Scene) -> object:
    message = scene.world.case.messages.filter(sender=scene.world.wang.user).latest("seq")
    return recall_message(message, by=scene.world.wang.user)


def close(scene: Scene) -> object:
    return close_case(scene.world.case)


def ask_before(scene: Scene) -> object:
    return [says(scene.world.case, scene.world.wang, "早"), Notification.objects.all().delete()]


def suspend(scene: Scene) -> object:
    return suspend_advisor(scene.world.li, by=scene.world.admin)


away, back = change(away=True), change(away=False)
Hours = change(hours_from=time(9), hours_to=time(12, 0, 30)), change(hours_from=time(13), hours_to=time(18))
hours_end_at_30, hours_begin_later = Hours

# Name: what happens when (seconds; the member writes at 0), on which second the group is told, what that says.
TABLE: dict[str, tuple[list[tuple[int, Act]], int | None, str]] = {
    "never on the website": ([], 0, "LiMing"),
    "left the website a minute ago": ([(-60, active)], 0, "LiMing"),
    "an open tab alone is not presence": ([(s, tab_asks) for s in range(-60, 60, 10)], 0, "LiMing"),
    "idle: the tab stays open, nobody does anything": (
        [(-1, active), *((s, tab_asks) for s in range(0, 120, 10))],
        60,
        "LiMing",
    ),
    "the lid is closed": ([(-1, active)], 60, "LiMing"),
    "stays and does not read, then leaves": ([(s, active) for s in range(-1, 130, 20)], 180, "LiMing"),
    "reads it meanwhile": ([(-1, active), (30, read)], None, "阅读"),
    "reads it at the last moment": ([(-1, active), (60, read)], None, "阅读"),
    "answers it meanwhile": ([(-1, active), (30, answer)], None, "回复"),
    "answers from WeCom meanwhile": ([(-1, active), (30, answer_in_wecom)], None, "回复"),
    "away by hand": ([(-2, active), (-1, away)], 0, "LiMing"),
    "goes away by hand meanwhile": ([(-1, active), (30, away), (50, active)], 60, "LiMing"),
    "away by hand and back": ([(-2, away), (-1, active), (-1, back)], 60, "LiMing"),
    "outside the hours": ([(-2, active), (-1, hours_begin_later)], 0, "LiMing"),
    "the hours end meanwhile": ([(-2, hours_end_at_30), (-1, active), (40, active)], 60, "LiMing"),
    "given meanwhile to one who is away": ([(-1, active), (30, give_to_zhang)], 30, "ZhangWei"),
    "given meanwhile to one who is present, then leaves": (
        [(-1, active), (25, zhang_active), (30, give_to_zhang), (50, zhang_active)],
        150,
        "ZhangWei",
    ),
    "given meanwhile to one who reads it": (
        [(-1, active), (25, zhang_active), (30, give_to_zhang), (50, zhang_active), (55, zhang_reads)],
        None,
        "阅读",
    ),
    "only the one before had read it": ([(-1, active), (20, read), (30, give_to_zhang)], 30, "ZhangWei"),
    "given to nobody meanwhile": ([(-1, active), (30, give_to_nobody)], 30, "请管理员指派"),
    "suspended meanwhile": ([(-1, active), (30, suspend)], 30, "请管理员指派"),
    "taken back meanwhile": ([(-1, active), (30, recall)], None, "撤回"),
    "closed meanwhile by somebody who did not read it": ([(-1, active), (30, close)], 60, "请先重新打开"),
    "was seen only by a clock that ran ahead": ([(-1, change(last_active_at=NOON + timedelta(hours=1)))], 0, "LiMing"),
    "answers from WeCom and stays away": ([(-100, ask_before), (-90, answer_in_wecom)], 0, "LiMing"),
}


@sized
@pytest.mark.parametrize("name", TABLE)
def test_when_who_is_told(world: World, robot: Robot, clock: time_machine.Traveller, name: str) -> None:
    happens, told_at, words = TABLE[name]
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    scene = Scene(world)
    alerts: list[tuple[int, str]] = []
    for second in sorted({*(second for second, _act in happens), *range(0, 241, size(10, 5))}):
        clock.move_to(NOON + timedelta(seconds=second))
        if second == 0:
            says(world.case, world.wang, "在吗？")
        for _second, act in [one for one in happens if one[0] == second]:
            act(scene)
        before = len(robot.payloads)
        send_due()
        said = [payload["text"] for payload in robot.payloads[before:]]
        new = [text for text in said if re.match(rf"#{world.case.number} 王\*：[0-9]+ 条消息，", text["content"])]
        alerts += [(second, text["content"] + str(text.get("mentioned_list"))) for text in new]
    row = Notification.objects.get(event=events.MEMBER_WROTE.name)
    if told_at is None:
        assert (alerts, row.state) == ([], State.CANCELLED)
        assert words in row.note
    else:
        assert [second for second, _text in alerts] == [told_at]
        assert words in alerts[0][1]


# Reminders ----------------------------------------------------------------------------------------------


def reminded(robot: Robot) -> int:
    return len([text for text in robot.texts if "久未阅读" in text])


def test_a_later_message_left_unread_is_reminded_of_although_the_first_one_was_read(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    bind_wecom_account(world.li, "LiMing")
    first = says(world.case, world.wang, "一")
    clock.shift(60)
    mark_read(world.case, world.li.user, first.seq)
    clock.shift(20 * 60)
    says(world.case, world.wang, "二")
    for minute in range(40):
        send_due()
        assert reminded(robot) == (minute >= 30)
        clock.shift(60)
    assert "1 条消息" in robot.texts[-1]


def test_what_was_answered_does_not_hasten_the_reminder_of_a_later_message(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "一")
    send_due()
    WeCom().say("LiMing", f"#{world.case.number} 您好")
    clock.shift(20 * 60)
    says(world.case, world.wang, "二")
    for minute in range(80):
        send_due()
        assert reminded(robot) == (minute >= 30)
        clock.shift(60)
        if minute in {35, 40}:
            says(world.case, world.wang, "还在吗？")  # reminded once already since waiting began


def test_an_alert_counts_only_what_is_not_answered(world: World, robot: Robot, clock: time_machine.Traveller) -> None:
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "一")
    send_due()
    clock.shift(10)
    says(world.case, world.wang, "二")
    WeCom().say("LiMing", f"#{world.case.number} 您好")
    clock.shift(10)
    says(world.case, world.wang, "三")
    clock.shift(60)
    send_due()
    assert len(robot.texts) == 2
    assert "1 条消息" in robot.texts[-1]


def test_what_comes_while_an_alert_is_on_its_way_is_gathered_too(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    says(world.case, world.wang, "一")
    first = Notification.objects.get(event=events.MEMBER_WROTE.name)
    under_way = {"state": State.SENDING, "advisor": world.li, "leased_until": NOON + timedelta(seconds=60)}
    Notification.objects.filter(pk=first.pk).update(**under_way)
    says(world.case, world.wang, "二")
    send_due()
    assert robot.texts == [], "not a second alert in the same second"
    Notification.objects.filter(pk=first.pk).update(state=State.DELIVERED, delivered_at=NOON)
    clock.shift(60)
    send_due()
    assert len(robot.texts) == 1
    assert "1 条消息" in robot.texts[0]


def test_a_reminder_that_could_not_be_sent_in_time_waits_for_the_next_office_hours(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 11, 27, 22, 20, tzinfo=UTC))  # Friday 17:20 in Toronto
    says(world.case, world.wang, "在吗？")
    send_due()
    clock.move_to(datetime(2026, 11, 28, 1, 0, tzinfo=UTC))  # the worker was away until 20:00
    send_due()
    assert reminded(robot) == 0
    clock.move_to(datetime(2026, 11, 30, 14, 0, tzinfo=UTC))  # Monday 09:00
    send_due()
    assert reminded(robot) == 1


def test_steady_writing_cannot_postpone_an_alert(world: World, robot: Robot, clock: time_machine.Traveller) -> None:
    bind_wecom_account(world.li, "LiMing")
    times: list[int] = []
    for second in range(0, 180, 6):
        says(world.case, world.wang, "还有……")
        before = len(robot.texts)
        send_due()
        times += [second] * (len(robot.texts) - before)
        clock.shift(6)
    assert times == [0, 60, 120]
