"""What goes to an advisor directly, cards with their button, and what happens when it cannot be delivered."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from pytest_django import Settings

from advisors.actions import approve_advisor, bind_wecom_account, reject_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, mark_read, open_case
from cases.models import Message
from jiayi.hours import parse_span
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.people import World, look, says
from tests.support.robot import Robot
from wecom.models import Channel, InboundMessage, Notification, ReplyTarget
from wecom.outbound import events
from wecom.outbound.channels import Composed, Transport
from wecom.outbound.channels.app import App as AppTransport
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due

State = Notification.State
# A Monday, 10:00 in Toronto.
MORNING = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock"), pytest.mark.begins(MORNING)]


# Cards --------------------------------------------------------------------------------------------------


def test_an_advisor_away_gets_a_card_with_the_button_and_the_group_hears_of_it(
    world: World, app: App, robot: Robot
) -> None:
    says(world.case, world.wang, "我的签证 <@all> 快到期了")
    send_due()
    (sent,) = app.messages
    card = sent["template_card"]
    assert (sent["touser"], sent["agentid"], sent["enable_duplicate_check"]) == ("LiMing", 1000002, 1)
    assert card["card_type"] == "button_interaction"
    assert f"#{world.case.number}" in card["main_title"]["title"]
    assert "我的签证" in card["sub_title_text"]
    assert "<@" not in card["sub_title_text"]
    assert card["button_list"][0]["text"] == "回复此案件"
    assert len(robot.texts) == 1
    assert "我的签证" not in robot.texts[0]
    assert ReplyTarget.objects.get().case == world.case


def test_what_is_kept_for_administrators_is_without_the_clients_words(world: World, app: App) -> None:
    world.li.refresh_from_db()
    for plain in (False, True):
        Advisor.objects.filter(pk=world.li.pk).update(plain_text=plain)
        says((world.case, world.other_case)[plain], (world.wang, world.lin)[plain], "护照号 E12345678")
    send_due()
    for row in Notification.objects.all():
        assert "E12345678" not in row.sent_text + row.answer + row.note
        assert "E12345678" not in row.payload


def test_an_advisor_who_reads_in_wechat_gets_plain_text(world: World, app: App) -> None:
    Advisor.objects.filter(pk=world.li.pk).update(plain_text=True)
    says(world.case, world.wang, "在吗？")
    send_due()
    assert app.messages[0]["msgtype"] == "text"
    assert "「在吗？」" in app.messages[0]["text"]["content"]


def press(world: World, userid: str, number: int, code: str = "code1") -> InboundMessage:
    WeCom().send(
        userid,
        "event",
        {
            "Event": "template_card_event",
            "EventKey": f"reply:{number}",
            "TaskId": "N1",
            "CardType": "button_interaction",
            "ResponseCode": code,
        },
    )
    return InboundMessage.objects.latest("pk")


def test_pressing_the_button_makes_the_case_the_reply_target_and_the_card_shows_it(world: World, app: App) -> None:
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    send_due()
    press(world, "LiMing", world.case.number)
    send_due()
    assert app.updates == [
        {
            "userids": ["LiMing"],
            "agentid": 1000002,
            "response_code": "code1",
            "button": {"replace_name": f"正在回复 #{world.case.number}"},
        }
    ]
    WeCom().say("LiMing", "您好，王先生")
    assert Message.objects.get(source="wecom").case == world.case


@pytest.mark.parametrize("key", ["reply:999999", "reply:", "reply:１００１", "other", "reply:" + "9" * 300])
def test_an_unknown_button_does_nothing(world: World, app: App, key: str) -> None:
    answer = WeCom().send("LiMing", "event", {"Event": "template_card_event", "EventKey": key, "ResponseCode": "c"})
    assert answer.status == 200
    assert not ReplyTarget.objects.exists()


def test_the_button_of_a_case_handed_over_or_closed_since_does_not_make_it_the_target(world: World, app: App) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)
    close_case(world.other_case)
    press(world, "LiMing", world.case.number)
    press(world, "LiMing", world.other_case.number, "code2")
    assert not ReplyTarget.objects.exists()
    send_due()
    assert "不由您跟进" in app.updates[0]["button"]["replace_name"]


# Not delivered ------------------------------------------------------------------------------------------


def test_a_repetition_is_the_same_to_the_byte(world: World, app: App, clock: time_machine.Traveller) -> None:
    app.script = [{"errcode": -1, "errmsg": "busy"}]
    says(world.case, world.wang, "一")
    send_due()
    says(world.case, world.wang, "二")
    clock.shift(5)
    send_due()
    requests = [request.body for request in app.requests if request.path.endswith("/message/send")]
    assert requests[0] == requests[1]


def test_a_card_that_arrived_before_its_answer_was_lost_counts_as_delivered(
    world: World, app: App, clock: time_machine.Traveller
) -> None:
    app.script = [{"errcode": -1, "errmsg": "busy"}, {"errcode": 42014, "errmsg": "taskid has existed"}]
    says(world.case, world.wang, "一")
    send_due()
    clock.shift(5)
    send_due()
    assert Notification.objects.get(channel="app").state == State.DELIVERED


def test_an_assignment_that_cannot_reach_the_advisor_goes_to_the_group(world: World, app: App, robot: Robot) -> None:
    app.invalid = {"ZhangWei"}
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    send_due()
    assert any("案件指派" in text and "张伟" in text for text in robot.texts)
    failed = Notification.objects.get(channel="app", event=events.CASE_ASSIGNED.name)
    assert failed.state == State.FAILED
    assert "没有送到" in failed.note


def test_an_untrusted_address_stops_the_app_and_tells_the_group(
    world: World, app: App, robot: Robot, clock: time_machine.Traveller
) -> None:
    app.script = [{"errcode": 60020, "errmsg": "not allow to access from your ip, from ip: 203.0.113.9"}]
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    send_due()
    channel = Channel.objects.get(name="app")
    assert "203.0.113.9" in channel.problem
    assert any("案件指派" in text for text in robot.texts)
    says(world.case, world.wang, "在吗？")
    send_due()
    assert len(app.messages) == 0, "paused"
    clock.shift(301)
    send_due()
    assert app.messages, "probed again"
    assert Channel.objects.get(name="app").problem == ""


def test_a_member_is_not_sent_more_than_wecom_shows(world: World, app: App, clock: time_machine.Traveller) -> None:
    for number in range(40):
        says(open_case(world.wang, f"案件 {number}", advisor=world.li), world.wang, "在吗？")
    send_due()
    assert len(app.messages) <= 30
    for _ in range(20):
        clock.shift(20)
        send_due()
    told = Notification.objects.filter(channel="app", event=events.MEMBER_WROTE.name)
    assert set(told.values_list("state", flat=True)) == {State.DELIVERED}


# Who else is told ---------------------------------------------------------------------------------------


def test_both_advisors_hear_of_an_assignment_and_the_member_reads_it_in_the_case(world: World, app: App) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    told = {message["touser"]: message["text"]["content"] for message in app.messages}
    assert "案件转出" in told["LiMing"]
    assert "案件指派" in told["ZhangWei"]
    assert "张伟" in Message.objects.filter(case=world.case, kind="system").latest("seq").body
    assert ReplyTarget.objects.get(advisor=world.zhang).case == world.case
    assert not ReplyTarget.objects.filter(advisor=world.li).exists()


def test_without_a_secret_an_assignment_is_told_in_the_group(
    world: World, app: App, robot: Robot, settings: Settings
) -> None:
    settings.WECHAT_APP_SECRET = ""
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    assigned = next(payload for payload in robot.payloads if "案件指派" in payload["text"]["content"])
    assert assigned["text"]["mentioned_list"] == ["ZhangWei"]


def test_the_group_hears_what_came_of_a_review(world: World, robot: Robot) -> None:
    approve_advisor(world.chen, by=world.admin)
    send_due()
    assert "陈静：已通过" in robot.texts[-1]
    other = Advisor.objects.get(pk=world.gone.pk)
    Advisor.objects.filter(pk=other.pk).update(status="pending")
    reject_advisor(other, by=world.admin)
    send_due()
    assert "高远：未通过" in robot.texts[-1]


# Presence and hours -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told_at_once"),
    [
        ({}, False),
        ({"away": True}, True),
        ({"hours_from": time(9), "hours_to": time(18)}, False),
        ({"hours_from": time(11), "hours_to": time(18)}, True),
        ({"hours_from": time(18), "hours_to": time(9, 30)}, True),
        ({"hours_from": time(18), "hours_to": time(10, 30)}, False),
    ],
    ids=["at the desk", "away by hand", "within hours", "before hours", "after night hours", "within night hours"],
)
def test_away_is_set_by_hand_or_by_hours(
    world: World, robot: Robot, clock: time_machine.Traveller, change: dict[str, object], told_at_once: bool
) -> None:
    bind_wecom_account(world.li, "LiMing")
    Advisor.objects.filter(pk=world.li.pk).update(**change)
    look(world.li)
    says(world.case, world.wang, "在吗？")
    send_due()
    assert bool(robot.texts) is told_at_once


def test_an_advisor_who_answers_from_wecom_stays_away(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "一")
    send_due()
    WeCom().say("LiMing", "您好")
    clock.shift(61)
    says(world.case, world.wang, "二")
    send_due()
    assert len(robot.texts) == 2


def test_quiet_hours_hold_back_the_direct_message_until_morning_and_the_group_is_told(
    world: World, app: App, robot: Robot, clock: time_machine.Traveller
) -> None:
    Advisor.objects.filter(pk=world.li.pk).update(quiet_from=time(22), quiet_to=time(7))
    clock.move_to(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))  # 23:00 in Toronto
    says(world.case, world.wang, "在吗？")
    send_due()
    assert len(robot.texts) == 1
    assert app.messages == []
    clock.move_to(datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC))
    send_due()
    assert len(app.messages) == 1


def test_the_group_has_quiet_hours_only_if_they_are_set(
    world: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.WECHAT_GROUP_QUIET_HOURS = parse_span("22:00-07:00")
    clock.move_to(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    says(world.case, world.wang, "在吗？")
    send_due()
    assert robot.texts == []
    clock.move_to(datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC))
    send_due()
    assert len(robot.texts) == 1


# Reminders ----------------------------------------------------------------------------------------------


def reminders(robot: Robot) -> list[str]:
    return [text for text in robot.texts if "久未阅读" in text]


def test_an_unread_message_reminds_the_group_once_after_half_an_hour(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "在吗？")
    send_due()
    clock.shift(29 * 60)
    send_due()
    assert reminders(robot) == []
    clock.shift(61)
    send_due()
    says(world.case, world.wang, "还在吗？")
    clock.shift(3600)
    send_due()
    assert len(reminders(robot)) == 1


def test_a_message_read_in_time_reminds_nobody(world: World, robot: Robot, clock: time_machine.Traveller) -> None:
    message = says(world.case, world.wang, "在吗？")
    mark_read(world.case, world.li.user, message.seq)
    clock.shift(31 * 60)
    send_due()
    assert reminders(robot) == []


def test_an_advisor_who_sits_there_and_never_reads_does_not_prevent_the_reminder(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    look(world.li)
    says(world.case, world.wang, "在吗？")
    for _ in range(65):
        clock.shift(30)
        look(world.li)
        send_due()
    assert len(robot.texts) == len(reminders(robot)) == 1


def test_the_night_and_the_weekend_do_not_count(world: World, robot: Robot, clock: time_machine.Traveller) -> None:
    clock.move_to(datetime(2026, 11, 27, 22, 50, tzinfo=UTC))  # Friday 17:50 in Toronto
    says(world.case, world.wang, "在吗？")
    clock.move_to(datetime(2026, 11, 30, 14, 19, tzinfo=UTC))  # Monday 09:19
    send_due()
    assert reminders(robot) == []
    clock.shift(timedelta(minutes=2))
    send_due()
    assert len(reminders(robot)) == 1


# The app out of order -----------------------------------------------------------------------------------


def test_while_the_app_is_out_of_order_nothing_is_dropped(
    world: World, app: App, robot: Robot, clock: time_machine.Traveller
) -> None:
    untrusted = {"errcode": 60020, "errmsg": "not allow to access from your ip, from ip: 203.0.113.9"}
    app.script = [untrusted] * 500
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    for _ in range(14):
        send_due()
        clock.shift(2 * 3600 + 1)
    direct = Notification.objects.filter(channel="app", event=events.MEMBER_WROTE.name)
    assert set(direct.values_list("state", flat=True)) == {State.WAITING}
    assert len(app.messages) == 0
    app.script = []
    says(world.case, world.wang, "三")
    clock.shift(301)
    send_due()
    titles = [message["template_card"]["main_title"]["desc"] for message in app.messages]
    assert len(titles) == 2
    assert titles[0].startswith("2 条消息"), "written anew: WeCom had refused what was written before"


def test_when_the_secret_is_taken_away_what_waits_for_the_app_goes_to_the_group(
    world: World, app: App, robot: Robot, settings: Settings
) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)
    settings.WECHAT_APP_SECRET = ""
    send_due()
    send_due()
    assert any("案件指派" in text for text in robot.texts)
    assert any("案件转出" in text for text in robot.texts)


def test_an_advisor_unbound_meanwhile_is_told_in_the_group(world: World, app: App, robot: Robot) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)
    bind_wecom_account(Advisor.objects.get(pk=world.zhang.pk), "")
    send_due()
    send_due()
    assert any("案件指派" in text and "张伟" in text for text in robot.texts)
    assert not [message for message in app.messages if not message["touser"]]


def test_a_test_message_does_not_wait_for_the_morning(
    world: World, app: App, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.WECHAT_GROUP_QUIET_HOURS = parse_span("00:00-23:59")
    Advisor.objects.filter(pk=world.li.pk).update(quiet_from=time(0), quiet_to=time(23, 59))
    request_test("group")
    request_test("app", Advisor.objects.get(pk=world.li.pk))
    send_due()
    assert "测试" in robot.texts[-1]
    assert "测试" in app.messages[-1]["text"]["content"]


def test_an_assignment_that_cannot_be_written_to_the_advisor_is_told_to_the_group(
    world: World, app: App, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Transport, row: Notification) -> Composed:
        raise ValueError("poison")

    monkeypatch.setattr(AppTransport, "compose", broken)
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    assigned = Notification.objects.filter(event=events.CASE_ASSIGNED.name).order_by("pk")
    assert [(row.channel, row.state) for row in assigned] == [("app", State.FAILED), ("group", State.WAITING)]
    send_due()
    assert any("案件指派，现在由 张伟 跟进" in text for text in robot.texts)
