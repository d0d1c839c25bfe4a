"""Whoever follows a waiting case now is told, under their rules now: after a hand-over, other hours, other settings."""

import json
import re
from datetime import UTC, datetime, time, timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from pytest_django import Settings

from advisors.actions import bind_wecom_account, set_availability, suspend_advisor
from cases.actions import assign_advisor, close_case, mark_read, open_case, reopen_case
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Case
from jiayi.hours import parse_span
from members.models import Member
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.files import image
from tests.support.people import World, look, says, send, signed_in, some_members
from tests.support.robot import Robot
from tests.support.size import whole
from wecom.models import Notification, ReplyTarget
from wecom.outbound import events
from wecom.outbound.sending import send_due
from wecom.outbound.states import resend

State = Notification.State
EVENING = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)  # a Monday, 22:30 in Toronto
NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock"), pytest.mark.begins(EVENING)]


@pytest.fixture
def quiet(clock: time_machine.Traveller, app: App, world: World) -> World:
    """李明 has quiet hours from 22:00 to 08:00, and it is 22:30."""
    world.li = set_availability(world.li, quiet_from=time(22), quiet_to=time(8))
    return world


def cards(app: App, userid: str) -> list[dict[str, Any]]:
    return [one["template_card"] for one in app.messages if one["touser"] == userid and "template_card" in one]


def texts(app: App, userid: str) -> list[str]:
    return [one["text"]["content"] for one in app.messages if one["touser"] == userid and "text" in one]


# What joins a postponed alert -----------------------------------------------------------------------------


def test_a_message_after_the_quiet_hours_were_cleared_is_told_at_once(
    quiet: World, app: App, clock: time_machine.Traveller
) -> None:
    says(quiet.case, quiet.wang, "一")
    send_due()
    assert cards(app, "LiMing") == []
    set_availability(quiet.li, quiet_from=None, quiet_to=None)
    clock.shift(60)
    says(quiet.case, quiet.wang, "二")
    send_due()
    assert cards(app, "LiMing")[0]["main_title"]["desc"] == "2 条消息，22:30 起等待"


def test_clearing_the_quiet_hours_tells_what_waits_without_another_message(quiet: World, app: App) -> None:
    says(quiet.case, quiet.wang, "一")
    send_due()
    form = {"hours_from": "", "hours_to": "", "quiet_from": "", "quiet_to": ""}
    assert signed_in(quiet.li).post("/availability/", form).status_code == 302
    send_due()
    assert len(cards(app, "LiMing")) == 1


def test_a_case_handed_over_in_the_night_is_told_to_who_follows_it_now(
    quiet: World, app: App, clock: time_machine.Traveller
) -> None:
    says(quiet.case, quiet.wang, "一")
    send_due()
    assign_advisor(quiet.case, quiet.zhang, by=quiet.admin)
    send_due()
    assert [card["main_title"]["desc"] for card in cards(app, "ZhangWei")] == ["现在由您跟进，1 条消息，22:30 起等待"]
    clock.shift(120)
    says(quiet.case, quiet.wang, "二")
    send_due()
    assert cards(app, "ZhangWei")[-1]["main_title"]["desc"] == "1 条消息，22:30 起等待"
    clock.move_to(NOON)
    send_due()
    assert len(cards(app, "ZhangWei")) == 2
    assert cards(app, "LiMing") == []


def test_going_away_ends_the_minute_of_patience(app: App, world: World, clock: time_machine.Traveller) -> None:
    look(world.li)
    says(world.case, world.wang, "在吗？")
    send_due()
    assert cards(app, "LiMing") == []
    signed_in(world.li).post("/availability/away/", {"away": "yes"})
    send_due()
    assert len(cards(app, "LiMing")) == 1


def test_what_wecom_refused_is_not_tried_sooner_because_more_is_written(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    app.script = [{"errcode": -1, "errmsg": "busy"}] * 3
    for _ in range(5):
        says(world.case, world.wang, "在吗？")
        send_due()
    assert len(app.script) == 2, "tried once"
    clock.shift(3)
    send_due()
    assert len(app.script) == 1


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("ESCALATE_AFTER", timedelta(minutes=120), timedelta(minutes=30), "久未阅读"),
        ("ESCALATE_UNANSWERED_AFTER", timedelta(hours=8), timedelta(minutes=30), "久未回复"),
        ("WECHAT_GROUP_QUIET_HOURS", parse_span("08:00-20:00"), None, "起等待"),
    ],
)
def test_changed_settings_count_for_what_waits_already(
    app: App,
    robot: Robot,
    world: World,
    clock: time_machine.Traveller,
    settings: Settings,
    name: str,
    before: Any,
    after: Any,
    told: str,
) -> None:
    clock.move_to(NOON)
    setattr(settings, name, before)
    says(world.case, world.wang, "在吗？")
    for _ in range(2):
        send_due()
        clock.shift(31 * 60)
    assert not [text for text in robot.texts if told in text and ("久未" in told or "久未" not in text)]
    setattr(settings, name, after)
    call_command("deliver", once=True, stdout=StringIO())  # the worker starts anew
    assert [text for text in robot.texts if told in text and ("久未" in told or "久未" not in text)]


# Given a case that waits ------------------------------------------------------------------------------------


def asks(member: Member) -> Case:
    """Have a member open a case of their own with a question, as on the website."""
    case = open_case(member, "访客签证")
    says(case, member, "请问要多久？")
    return case


def test_an_advisor_given_a_waiting_case_gets_the_card_of_a_message_and_it_is_the_reply_target(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    case = asks(world.wang)
    send_due()
    clock.shift(25 * 60)
    says(case, world.wang, "急！")
    assign_advisor(case, world.zhang, by=world.admin)
    send_due()
    (card,) = cards(app, "ZhangWei")
    assert card["main_title"] == {
        "title": f"#{case.number} 王小明 · 访客签证",
        "desc": "现在由您跟进，2 条消息，22:30 起等待",
    }
    assert card["sub_title_text"] == "「请问要多久？」\n「急！」"
    assert card["button_list"][0]["key"] == f"reply:{case.number}"
    assert texts(app, "ZhangWei") == [], "told once"
    assert ReplyTarget.objects.get(advisor=world.zhang).case == case
    assert WeCom().say("ZhangWei", "两周左右").status == 200
    assert case.messages.filter(sender=world.zhang.user).get().body == "两周左右"


def test_the_member_sees_that_the_advisor_is_told(app: App, world: World) -> None:
    case = asks(world.wang)
    send_due()
    assign_advisor(case, world.zhang, by=world.admin)
    page = signed_in(world.wang).get(f"/messages/{case.number}/").content.decode()
    assert "正在提醒顾问" in page
    send_due()
    page = signed_in(world.wang).get(f"/messages/{case.number}/").content.decode()
    assert "已提醒张伟" in page


def test_without_the_app_the_group_hears_who_follows_the_waiting_case_now(
    app: App, robot: Robot, world: World, settings: Settings
) -> None:
    settings.WECHAT_APP_SECRET = ""
    case = asks(world.wang)
    send_due()
    assign_advisor(case, world.zhang, by=world.admin)
    send_due()
    said = robot.payloads[-1]["text"]
    assert said["content"].startswith(f"#{case.number} 王*：1 条消息，22:30 起等待\n跟进人：张伟\n")
    assert said["mentioned_list"] == ["ZhangWei"]
    assert len(robot.texts) == 2, "told once"


def test_an_assignment_is_told_by_itself_when_what_waited_is_taken_back(app: App, world: World) -> None:
    case = asks(world.wang)
    assign_advisor(case, world.zhang, by=world.admin)
    path = f"/api/cases/{case.number}/messages/1/recall/"
    assert send(signed_in(world.wang), path, {}).status_code == 200
    send_due()
    assert [text.partition("\n")[0] for text in texts(app, "ZhangWei")] == [
        f"#{case.number} 王小明 · 访客签证：案件指派，现在由您跟进。"
    ]


def test_given_back_a_waiting_case_they_had_read_an_advisor_still_reads_that_somebody_waits(
    app: App, world: World
) -> None:
    message = says(world.case, world.wang, "在吗？")
    mark_read(world.case, world.li.user, message.seq)
    assign_advisor(world.case, world.zhang, by=world.admin)
    assign_advisor(world.case, world.li, by=world.admin)
    send_due()
    assert "现在由您跟进。会员在等待回复：1 条消息，22:30 起。" in texts(app, "LiMing")[-1]


# Read but never answered ------------------------------------------------------------------------------------


def late_words(robot: Robot, clock: time_machine.Traveller, hours: float) -> list[str]:
    """Let the worker look every five minutes, and return which reminders the group got."""
    before = len(robot.texts)
    for _ in range(int(hours * 12)):
        send_due()
        clock.shift(300)
    return [text[text.index("久未") :][:4] for text in robot.texts[before:] if "久未" in text]


def test_a_message_that_was_read_and_never_answered_is_escalated_once_after_four_office_hours(
    app: App, robot: Robot, world: World, clock: time_machine.Traveller
) -> None:
    clock.move_to(NOON)
    message = says(world.case, world.wang, "在吗？")
    mark_read(world.case, world.li.user, message.seq)
    assert late_words(robot, clock, 3.9) == []
    assert late_words(robot, clock, 1) == ["久未回复"]
    says(world.case, world.wang, "还在吗？")
    assert late_words(robot, clock, 48) == ["久未阅读"]


def test_an_answer_that_was_taken_back_does_not_end_the_wait_for_one(
    app: App, robot: Robot, world: World, clock: time_machine.Traveller
) -> None:
    clock.move_to(NOON)
    says(world.case, world.wang, "在吗？")
    send_due()
    WeCom().say("LiMing", "写错了")
    set_availability(world.li, plain_text=True)
    send_due()
    WeCom().say("LiMing", "撤回")
    assert late_words(robot, clock, 5) == ["久未回复"]


def test_whoever_is_given_a_read_case_and_never_looks_is_reminded_of_too(
    app: App, robot: Robot, world: World, clock: time_machine.Traveller
) -> None:
    clock.move_to(NOON)
    message = says(world.case, world.wang, "在吗？")
    mark_read(world.case, world.li.user, message.seq)
    assert late_words(robot, clock, 0.6) == []
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert late_words(robot, clock, 1) == ["久未阅读"]


def test_an_answer_or_a_switch_off_ends_the_wait_for_it(
    app: App, robot: Robot, world: World, clock: time_machine.Traveller, settings: Settings
) -> None:
    clock.move_to(NOON)
    first = says(world.case, world.wang, "在吗？")
    mark_read(world.case, world.li.user, first.seq)
    says(world.case, world.li, "在的")
    second = says(world.other_case, world.lin, "在吗？")
    mark_read(world.other_case, world.li.user, second.seq)
    settings.ESCALATE_UNANSWERED_AFTER = timedelta()
    assert late_words(robot, clock, 30) == []


# What came ------------------------------------------------------------------------------------------------


def test_alerts_say_what_came_and_the_card_shows_the_last_lines_and_names_files(
    app: App, robot: Robot, world: World
) -> None:
    says(world.case, world.wang, "第一句")
    says(world.case, world.wang, "第二句")
    post_file(world.case, world.wang.user, read_upload(BytesIO(image("JPEG")), "护照.jpg"), client_id="p")
    send_due()
    assert robot.texts[-1].startswith(f"#{world.case.number} 王*：2 条消息、1 张图片，22:30 起等待\n")
    assert "护照" not in robot.texts[-1]
    assert "句" not in robot.texts[-1]
    (card,) = cards(app, "LiMing")
    assert card["sub_title_text"] == "「第一句」\n「第二句」\n「[图片] 护照.jpg」"
    kept = " ".join(Notification.objects.values_list("sent_text", flat=True))
    assert "护照" not in kept


def test_a_file_alone_is_no_empty_card(app: App, robot: Robot, world: World) -> None:
    post_file(world.case, world.wang.user, read_upload(BytesIO("姓名".encode()), "表格.txt"), client_id="f")
    send_due()
    assert "1 个文件，" in robot.texts[-1]
    assert cards(app, "LiMing")[0]["sub_title_text"] == "「[文件] 表格.txt」"


# Many at once ---------------------------------------------------------------------------------------------


def test_assignments_due_together_are_one_text_with_their_cases(app: App, world: World) -> None:
    cases = [open_case(member, f"学签{n}") for n, member in enumerate(some_members(14))]
    for case in cases:
        assign_advisor(case, world.zhang, by=world.admin)
    send_due()
    (text,) = texts(app, "ZhangWei")
    lines = text.splitlines()
    assert lines[0] == "【汇总】14 个案件指派："
    assert lines[1] == f"#{cases[0].number} {cases[0].member.user.name} · 学签0"
    assert lines[11] == "、".join(f"#{case.number}" for case in cases[10:])
    kept = " ".join(Notification.objects.values_list("sent_text", flat=True))
    assert cases[0].member.user.name not in kept
    assert "学签" not in kept


def test_a_merged_text_that_wecom_refuses_is_sent_one_by_one(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    for case in (open_case(member, "学签") for member in some_members(2)):
        assign_advisor(case, world.zhang, by=world.admin)
    app.script = [{"errcode": 44004, "errmsg": "content size out of limit"}]
    for _ in range(3):
        send_due()
        clock.shift(5)
    assert len(texts(app, "ZhangWei")) == 2
    assert all("案件指派，现在由您跟进" in text for text in texts(app, "ZhangWei"))


BUSY = {"errcode": -1, "errmsg": "busy"}


def eight_cases_wait(world: World) -> list[Case]:
    cases = [open_case(member, f"秘密{n}", advisor=world.li) for n, member in enumerate(some_members(8))]
    for case in cases:
        says(case, case.member, "在吗？")
    return cases


def test_a_merged_text_that_could_not_be_sent_comes_again_as_a_whole_and_makes_none_the_target(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    eight_cases_wait(world)
    app.script = [BUSY]
    for _ in range(50):
        send_due()
        clock.shift(0.2)
    (text,) = [text for text in texts(app, "LiMing") if "等待回复" in text]
    assert text.startswith("【汇总】8 个案件等待回复：")
    assert not ReplyTarget.objects.exists()
    kept = " ".join(Notification.objects.values_list("sent_text", flat=True))
    assert "秘密" not in kept
    assert not re.search("会员[0-9]", kept)


def test_a_merged_text_that_comes_again_tells_nobody_of_a_case_that_was_handed_over(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    cases = eight_cases_wait(world)
    app.script = [BUSY]
    send_due()
    assign_advisor(cases[3], world.zhang, by=world.admin)
    clock.shift(120)
    send_due()
    assert f"#{cases[3].number}" not in "".join(text for text in texts(app, "LiMing") if "转出" not in text)
    assert len(cards(app, "ZhangWei")) == 1


def test_what_joined_an_alert_that_was_already_written_is_told_after_it(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    app.script = [BUSY]
    first = says(world.case, world.wang, "一")
    send_due()
    second = says(world.case, world.wang, "二：护照丢了")
    clock.shift(3)
    send_due()
    assert [card["sub_title_text"] for card in cards(app, "LiMing")] == ["「一」"], "repeated to the byte"
    world.case.refresh_from_db()
    assert world.case.notified_seq == first.seq
    clock.shift(60)
    send_due()
    assert "「二：护照丢了」" in cards(app, "LiMing")[-1]["sub_title_text"]
    world.case.refresh_from_db()
    assert world.case.notified_seq == second.seq


def test_an_alert_put_back_after_a_hand_over_takes_nothing_from_the_one_that_waits(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    for text in ("一", "二", "三"):
        says(world.case, world.wang, text)
    send_due()
    clock.shift(61)
    says(world.case, world.wang, "四")
    under_way = Notification.objects.filter(channel="app", event=events.MEMBER_WROTE.name, state=State.WAITING)
    under_way.update(state=State.SENDING, advisor=world.li, lease="x", leased_until=datetime.now(UTC))
    assign_advisor(world.case, world.zhang, by=world.admin)
    clock.shift(1)
    send_due()
    clock.shift(61)
    send_due()
    assert cards(app, "ZhangWei")[-1]["main_title"]["desc"].endswith("4 条消息，22:30 起等待")


def the_answer_was_lost(app: App) -> None:
    """As after a worker was killed between WeCom's answer and its mark."""
    rows = Notification.objects.filter(channel="app", event=events.MEMBER_WROTE.name)
    rows.update(state=State.WAITING, delivered_at=None, payload=json.dumps(app.messages[-1], ensure_ascii=False))


def test_a_card_for_somebody_else_is_another_card(app: App, world: World) -> None:
    """Else WeCom would say that it had it already (42014), and nobody would hear."""
    says(world.case, world.wang, "在吗？")
    send_due()
    the_answer_was_lost(app)
    send_due()
    first, again = cards(app, "LiMing")
    assert again == first, "and the same one to the same advisor"
    the_answer_was_lost(app)
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    (theirs,) = cards(app, "ZhangWei")
    assert theirs["task_id"] != first["task_id"]


def test_whoever_follows_now_is_not_alerted_again_by_what_came_back_from_the_one_before(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    says(world.case, world.wang, "在吗？")
    Notification.objects.filter(channel="app", event=events.MEMBER_WROTE.name).update(
        state=State.SENDING, advisor=world.li, lease="x", leased_until=datetime.now(UTC) + timedelta(seconds=60)
    )
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    for _ in range(4):
        clock.shift(61)
        send_due()
    assert len(cards(app, "ZhangWei")) == 1
    assert not Notification.objects.filter(event=events.MEMBER_WROTE.name, state=State.WAITING).exists()


def test_an_assignment_that_fell_back_to_the_group_can_be_sent_directly_later(app: App, world: World) -> None:
    app.invalid.add("ZhangWei")
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    app.invalid.clear()
    failed = Notification.objects.get(event=events.CASE_ASSIGNED.name, channel="app")
    assert failed.state == State.FAILED
    resend(failed)
    send_due()
    assert "现在由您跟进" in texts(app, "ZhangWei")[-1]


def test_two_assignments_where_nobody_waits_leave_the_reply_target(app: App, world: World) -> None:
    says(world.case, world.wang, "在吗？")
    send_due()
    for case in [open_case(member, "学签") for member in some_members(2)]:
        assign_advisor(case, world.li, by=world.admin)
    send_due()
    assert texts(app, "LiMing")[-1].startswith("【汇总】2 个案件指派：")
    assert "输入 #案件号 内容 回复。" in texts(app, "LiMing")[-1]
    assert ReplyTarget.objects.get(advisor=world.li).case == world.case


def test_a_case_that_went_to_and_fro_is_told_of_once(app: App, world: World, clock: time_machine.Traveller) -> None:
    for advisor in (world.li, world.zhang):
        set_availability(advisor, quiet_from=time(22), quiet_to=time(8))
    for advisor in (world.zhang, world.li, world.zhang):
        assign_advisor(world.case, advisor, by=world.admin)
        clock.shift(60)
    clock.move_to(NOON)
    send_due()
    for userid, said in (("ZhangWei", "案件指派，现在由您跟进。"), ("LiMing", "案件转出，不再由您跟进。")):
        assert [text.partition("\n")[0].partition("：")[2] for text in texts(app, userid)] == [said]


def test_an_assignment_that_waits_with_its_alert_does_not_keep_the_worker_busy(
    app: App, world: World, clock: time_machine.Traveller
) -> None:
    set_availability(world.zhang, quiet_from=time(22), quiet_to=time(8))
    case = asks(world.wang)
    assign_advisor(case, world.zhang, by=world.admin)
    send_due()
    row = Notification.objects.get(event=events.CASE_ASSIGNED.name, case=case)
    assert row.due_at > datetime.now(UTC) + timedelta(hours=9)


def test_nobody_follows_a_waiting_case_any_more_and_the_group_is_told(app: App, robot: Robot, world: World) -> None:
    message = says(world.case, world.wang, "在吗？")
    mark_read(world.case, world.li.user, message.seq)
    send_due()
    assert robot.texts == []
    assign_advisor(world.case, None, by=world.admin)
    send_due()
    assert "请管理员指派" in robot.texts[-1]
    says(world.other_case, world.lin, "在吗？")
    mark_read(world.other_case, world.li.user, 99)
    suspend_advisor(world.li, by=world.admin)
    send_due()
    assert [text for text in robot.texts if text.startswith(f"#{world.other_case.number}") and "请管理员指派" in text]


def test_a_case_given_away_while_it_was_closed_is_told_of_when_it_is_opened_again(app: App, world: World) -> None:
    case = asks(world.wang)
    close_case(case)
    assign_advisor(case, world.zhang, by=world.admin)
    send_due()
    assert cards(app, "ZhangWei") == []
    reopen_case(case)
    send_due()
    assert cards(app, "ZhangWei")[-1]["sub_title_text"] == "「请问要多久？」"


@pytest.mark.parametrize("how", ["suspended", "deactivated"])
def test_who_may_not_work_any_more_reads_of_no_client_and_the_group_is_told(
    app: App, robot: Robot, world: World, how: str
) -> None:
    case = open_case(world.wang, "秘密", advisor=world.li)
    says(case, world.wang, "在吗？")
    send_due()
    assign_advisor(case, world.zhang, by=world.admin)
    before = len(robot.texts)
    if how == "suspended":
        suspend_advisor(world.zhang, by=world.admin)
    else:
        world.zhang.user.is_active = False
        world.zhang.user.save()
    send_due()
    assert (texts(app, "ZhangWei"), cards(app, "ZhangWei")) == ([], [])
    assert [text for text in robot.texts[before:] if f"#{case.number}" in text and "1 条消息" in text]


def test_a_deactivated_account_does_not_wait_for_its_quiet_hours(
    app: App, robot: Robot, world: World, clock: time_machine.Traveller
) -> None:
    says(world.case, world.wang, "在吗？")
    send_due()
    set_availability(world.zhang, quiet_from=time(0, 0), quiet_to=time(23, 59))
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    clock.shift(61)
    before = len(robot.texts)
    world.zhang.user.is_active = False
    world.zhang.user.save(update_fields=["is_active"])
    send_due()
    assert [text for text in robot.texts[before:] if f"#{world.case.number}" in text]
    assert not Notification.objects.filter(event=events.CASE_ASSIGNED.name, state=State.WAITING).exists()


def test_who_never_heard_of_a_case_is_not_told_that_it_was_taken(app: App, world: World) -> None:
    case = open_case(world.wang, "秘密", advisor=world.li)
    for advisor in (world.zhang, world.li):
        assign_advisor(case, advisor, by=world.admin)
    send_due()
    assert texts(app, "ZhangWei") == []
    assert len([text for text in texts(app, "LiMing") if "指派" in text]) == 1


def test_an_advisor_bound_or_approved_again_is_told_what_waits(app: App, world: World) -> None:
    bind_wecom_account(world.li, "")
    says(world.case, world.wang, "在吗？")
    send_due()
    assert cards(app, "LiMing") == []
    bind_wecom_account(world.li, "LiMing")
    send_due()
    assert len(cards(app, "LiMing")) == 1


@whole
def test_many_waiting_cases_given_to_one_advisor_are_a_few_texts_and_delay_nobody(
    app: App, robot: Robot, world: World, clock: time_machine.Traveller
) -> None:
    """300 assignments and 100 sign-ups at once, half of the cases waiting: 王小明's alert within 10 s, both ways."""
    members = some_members(100)
    # More wait than one text tells of (50): 王小明, who comes last, is told of by a card.
    cases = [open_case(members[n % len(members)], "学签") for n in range(300)]
    for case in cases[:150]:
        says(case, case.member, "请问要多久？")
    for case in cases:
        assign_advisor(case, world.li, by=world.admin)
    says(world.case, world.wang, "在吗？")
    heard: dict[str, int] = {}
    for second in range(11):
        send_due()
        if any(f"#{world.case.number} 王*" in text for text in robot.texts):
            heard.setdefault("group", second)
        if any(f"#{world.case.number} 王小明" in str(message) for message in app.messages):
            heard.setdefault("direct", second)
        clock.shift(1)
    assert set(heard) == {"group", "direct"}, heard
    for _ in range(60):
        send_due()
        clock.shift(5)
    assert not Notification.objects.filter(event=events.CASE_ASSIGNED.name, state=State.WAITING).exists()
    told = " ".join(str(message) for message in app.messages)
    assert [case.number for case in cases if f"#{case.number}" not in told] == []
    assert len(app.messages) < 20
