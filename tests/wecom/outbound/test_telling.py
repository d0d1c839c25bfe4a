"""What a member sees of their advisor being told in WeCom: never more than what happened."""

import re
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from advisors.actions import bind_wecom_account, set_availability
from cases.actions import assign_advisor, close_case, lock_case, mark_read, note_advisor_notified, open_case
from cases.live.shows import shows
from cases.models import Case
from tests.support.app import App
from tests.support.clock import NOON
from tests.support.people import World, look, says, signed_in
from tests.support.robot import Robot
from tests.support.size import size, sized
from tests.support.threads import at_once
from wecom.models import Channel, Notification
from wecom.outbound import events
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = Notification.State
TOLD = "已提醒李明，11-23 12:00"
NOTIFYING = "正在提醒顾问…"
SAVED = "顾问不在线；消息已保存，顾问上线后会看到。"
AWAY = "顾问暂时不在线，您可以直接留言。"
assert connection is not None  # named in a condition below


@pytest.fixture
def told(clock: time_machine.Traveller, world: World, robot: Robot) -> World:
    """The cast, with both advisors bound to accounts."""
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    return world


def listed(world: World, case: Case | None = None) -> dict[str, Any]:
    """Return the case as the member's page gets it."""
    cases = signed_in(world.wang).get("/api/cases/").json()
    return next(one for one in cases if one["number"] == (case or world.case).number)


def hints(world: World, case: Case | None = None) -> list[str]:
    """Return the hints that the member's page shows without JavaScript."""
    page = signed_in(world.wang).get(f"/messages/{(case or world.case).number}/").content.decode()
    return re.findall(r'<p class="hint" id="[a-z-]+">(.*?)</p>', page)


def ticks(world: World) -> list[str]:
    page = signed_in(world.wang).get(f"/messages/{world.case.number}/").content.decode()
    return re.findall(r'<span class="tick (\w+)"', page)


def test_a_message_is_sent_then_told_in_wecom_then_read(told: World) -> None:
    message = says(told.case, told.wang, "在吗？")
    assert (ticks(told), hints(told)) == (["sent"], [NOTIFYING])
    send_due()
    one = listed(told)
    assert (one["notified_seq"], one["notified_at"]) == (message.seq, "2026-11-23T17:00:00+00:00")
    assert (ticks(told), hints(told)) == (["told"], [TOLD])
    mark_read(told.case, told.li.user, message.seq)
    assert ticks(told) == ["read"]


def test_before_anything_is_written_nothing_is_promised(told: World) -> None:
    assert hints(told) == [AWAY]


def test_nothing_is_said_while_the_advisor_is_there(told: World) -> None:
    look(told.li)
    says(told.case, told.wang, "在吗？")
    assert hints(told) == []


def test_an_advisor_who_has_just_left_is_being_told(told: World, clock: time_machine.Traveller) -> None:
    look(told.li, timedelta(seconds=50))
    says(told.case, told.wang, "在吗？")
    clock.shift(20)
    assert hints(told) == [NOTIFYING]
    clock.shift(40)
    send_due()
    assert hints(told) == ["已提醒李明，11-23 12:01"]


def test_a_notification_cancelled_because_it_was_read_claims_nothing(
    told: World, clock: time_machine.Traveller
) -> None:
    look(told.li)
    message = says(told.case, told.wang, "在吗？")
    mark_read(told.case, told.li.user, message.seq)
    clock.shift(61)
    send_due()
    assert Notification.objects.get(event=events.MEMBER_WROTE.name).state == State.CANCELLED
    assert listed(told)["notified_at"] is None
    assert (ticks(told), hints(told)) == (["read"], [AWAY])


def no_webhook(world: World, robot: Robot, settings: Settings) -> None:
    settings.WECHAT_WEBHOOK_URL = ""


def robot_removed(world: World, robot: Robot, settings: Settings) -> None:
    robot.script = [{"errcode": 93008, "errmsg": "removed"}] * 9


def no_account(world: World, robot: Robot, settings: Settings) -> None:
    bind_wecom_account(world.li, "")


@pytest.mark.parametrize("broken", [no_webhook, robot_removed, no_account])
def test_what_cannot_be_told_is_not_promised(told: World, robot: Robot, settings: Settings, broken: Any) -> None:
    broken(told, robot, settings)
    says(told.case, told.wang, "在吗？")
    send_due()
    assert (hints(told), ticks(told)) == ([SAVED], ["sent"])
    assert listed(told)["notified_seq"] == 0


def test_a_channel_that_a_person_must_mend_is_promised_neither_later_nor_in_other_cases(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [{"errcode": 93008, "errmsg": "removed"}] * 9
    says(told.case, told.wang, "在吗？")
    other = open_case(told.wang, "访客签证", advisor=told.li)
    says(other, told.wang, "也在吗？")
    assert hints(told, other) == [NOTIFYING]
    send_due()
    assert (hints(told), hints(told, other)) == ([SAVED], [SAVED])
    clock.shift(200)  # shortly before it is tried again
    assert (hints(told), hints(told, other)) == ([SAVED], [SAVED])
    robot.script = []
    clock.shift(101)
    send_due()
    assert hints(told)[0].startswith("已提醒李明")


def test_what_is_late_is_not_promised_until_it_is_delivered(told: World, clock: time_machine.Traveller) -> None:
    says(told.case, told.wang, "在吗？")
    clock.shift(121)  # the worker is away
    assert hints(told) == [SAVED]
    send_due()
    assert hints(told) == ["已提醒李明，11-23 12:02"]


def test_what_fails_again_and_again_is_not_promised(told: World, robot: Robot, clock: time_machine.Traveller) -> None:
    robot.script = [{"errcode": -1, "errmsg": "busy"}] * 4
    says(told.case, told.wang, "在吗？")
    said = []
    for _ in range(4):
        send_due()
        said += hints(told)
        clock.move_to(Notification.objects.get(event=events.MEMBER_WROTE.name).due_at)
    assert said == [NOTIFYING, NOTIFYING, NOTIFYING, SAVED]
    send_due()
    assert hints(told)[0].startswith("已提醒李明")


def test_what_waits_for_the_end_of_the_quiet_hours_is_not_promised(
    told: World, app: App, clock: time_machine.Traveller
) -> None:
    Channel.objects.update_or_create(name="group", defaults={"needs_mending": True, "paused_until": NOON})
    told.li.quiet_from, told.li.quiet_to = time(11), time(13)
    told.li.save(update_fields=["quiet_from", "quiet_to"])
    says(told.case, told.wang, "在吗？")
    assert hints(told) == [NOTIFYING]
    send_due(channels=("app",))
    assert hints(told) == [SAVED]
    clock.shift(timedelta(hours=1))
    send_due(channels=("app",))
    assert hints(told) == ["已提醒李明，11-23 13:00"]


def test_a_second_message_keeps_the_first_ones_time_until_it_is_told_too(
    told: World, clock: time_machine.Traveller
) -> None:
    says(told.case, told.wang, "一")
    send_due()
    clock.shift(30)
    says(told.case, told.wang, "二")
    send_due()
    assert (hints(told), ticks(told)) == ([TOLD], ["told", "sent"])
    clock.shift(60)
    send_due()
    assert (hints(told), ticks(told)) == (["已提醒李明，11-23 12:01"], ["told", "told"])


def test_what_was_told_before_the_answer_is_not_said_of_the_next_question(
    told: World, clock: time_machine.Traveller
) -> None:
    says(told.case, told.wang, "一")
    send_due()
    clock.shift(600)
    says(told.case, told.li, "您好")
    assert hints(told) == [AWAY]
    clock.shift(600)
    says(told.case, told.wang, "二")
    assert hints(told) == [NOTIFYING]


def test_a_digest_tells_each_of_its_members(told: World, robot: Robot, settings: Settings) -> None:
    settings.WECHAT_ROBOT_LIMIT = (1, 60)
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    send_due()
    assert "汇总" in robot.texts[-1]
    for case in (told.case, told.other_case):
        case.refresh_from_db()
        assert (case.notified_seq, case.notified_at) == (case.last_seq, NOON)


def test_what_the_advisor_before_was_told_the_next_one_was_not(told: World, clock: time_machine.Traveller) -> None:
    says(told.case, told.wang, "在吗？")
    send_due()
    assign_advisor(told.case, told.zhang, by=told.admin)
    assert (listed(told)["notified_seq"], listed(told)["notified_at"]) == (0, None)
    assert (ticks(told), hints(told)) == (["sent"], [NOTIFYING])
    clock.shift(timedelta(minutes=1))
    send_due()  # to the one who follows it now
    assert hints(told) == ["已提醒张伟，11-23 12:01"]


def test_a_hand_over_while_it_was_on_its_way_claims_nothing(told: World) -> None:
    message = says(told.case, told.wang, "在吗？")
    assign_advisor(told.case, told.zhang, by=told.admin)
    with transaction.atomic():
        note_advisor_notified(lock_case(told.case.pk), told.li, message.seq)
    assert listed(told)["notified_seq"] == 0


def test_the_note_never_goes_back_or_beyond_what_there_is(told: World) -> None:
    for seq, expected in ((2, 2), (1, 2), (99, 3)):
        says(told.case, told.wang, "在吗？") if seq != 1 else None
        with transaction.atomic():
            note_advisor_notified(lock_case(told.case.pk), told.li, seq)
        assert listed(told)["notified_seq"] == expected


def test_the_database_takes_no_note_of_what_is_not_there(told: World) -> None:
    for wrong in ({"notified_seq": 99, "notified_at": NOON}, {"notified_seq": 1}, {"notified_at": NOON}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.filter(pk=told.case.pk).update(**wrong)


def test_a_new_case_says_that_the_team_was_told(told: World, robot: Robot) -> None:
    case = open_case(told.wang, "访客签证", kind="visitor")
    says(case, told.wang, "您好")
    assert hints(told, case) == ["我们正在为您安排顾问，您可以先留言，顾问会在这里看到。"]
    send_due()
    assert robot.texts[-1].startswith(f"#{case.number} 王*：新案件，1 条消息，12:00 起等待\n")
    assert "请管理员指派" in robot.texts[-1]
    assert hints(told, case) == ["已提醒我们的团队（11-23 12:00），正在为您安排顾问。"]
    assign_advisor(case, told.li, by=told.admin)
    assert hints(told, case) == [NOTIFYING]
    send_due()
    assert hints(told, case) == ["已提醒李明，11-23 12:00"]


def test_a_closed_case_says_only_that(told: World) -> None:
    says(told.case, told.wang, "在吗？")
    send_due()
    close_case(told.case)
    (said,) = hints(told)
    closed = "案件已结案，不能再发送消息；以前的消息一直可以查看。"
    assert said == closed + ' 有新问题？<a href="/messages/new/">开始新的咨询</a>'


def test_the_advisors_own_page_shows_no_such_hint(told: World) -> None:
    says(told.case, told.wang, "在吗？")
    page = signed_in(told.li).get(f"/messages/{told.case.number}/").content.decode()
    assert re.findall(r'<p class="hint" id="[a-z-]+">', page) == []


def test_open_pages_of_those_on_the_case_are_shown_it_and_nobody_elses(told: World) -> None:
    message = says(told.case, told.wang, "在吗？")
    send_due()
    everybody = {one.user.pk for one in (told.wang, told.lin, told.li, told.zhang)}
    event = {"type": "notified", "case": told.case.pk, "users": sorted(everybody)}
    data = {"case": 1001, "seq": message.seq, "at": NOON.isoformat()}
    assert shows(event, everybody) == [(told.wang.user.pk, "notified", data), (told.li.user.pk, "notified", data)]


ROUNDS = size(5, 20)


def change_hours(world: World) -> None:
    for n in range(ROUNDS):
        for advisor in (world.li, world.zhang):
            set_availability(advisor, away=bool(n % 2))
            bind_wecom_account(advisor, f"{advisor.user.pk}-{n % 2}")


@sized
@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets only one write at a time")
@pytest.mark.django_db(transaction=True)
def test_writing_handing_over_and_telling_at_once_never_lock_each_other_out(
    world: World, robot: Robot, settings: Settings
) -> None:
    """A deadlock would break one of them off with an OperationalError."""
    settings.WECHAT_ROBOT_LIMIT = (100_000, 60)
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    cases = (world.case, world.other_case)

    def write(case: Case) -> None:
        for n in range(ROUNDS):
            says(case, case.member, f"{n}")

    def hand_over() -> None:
        for n in range(ROUNDS):
            for case in cases:
                assign_advisor(case, (world.zhang, world.li)[n % 2], by=world.admin)

    def deliver() -> None:
        for n in range(2 * ROUNDS):
            robot.script = [{"errcode": -1, "errmsg": "busy"}] if n % 5 == 0 else []
            for pk in Notification.objects.filter(state=State.WAITING).values_list("pk", flat=True):
                Notification.objects.filter(pk=pk, state=State.WAITING).update(due_at=datetime.now(UTC))
            Channel.objects.update(paused_until=None)
            send_due()

    at_once(
        lambda: write(cases[0]),
        lambda: write(cases[1]),
        hand_over,
        lambda: change_hours(world),
        deliver,
        deliver,
        deliver,
    )
    for case in cases:
        case.refresh_from_db()
        assert case.notified_seq <= case.last_seq


def test_the_history_of_the_demo_is_told_to_nobody_and_its_first_new_message_is(
    clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.DEBUG = True
    call_command("seed_demo", stdout=StringIO())
    settings.DEBUG = False
    assert not Notification.objects.exists()
    case = Case.objects.get(number=1001)
    says(case, case.member, "您好，我又有一个问题。")
    told = {(row.event, row.case.number if row.case else None) for row in Notification.objects.all()}
    asked = (events.MEMBER_WROTE, events.STILL_UNREAD, events.STILL_UNANSWERED)
    assert told == {(event.name, 1001) for event in asked}
