"""What WeCom is told, word by word: complete, short, and without a way in for what people write."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from advisors.models import Advisor
from cases.actions import open_case, write_message
from cases.models import Case, Message
from members.models import Member, User
from tests.support.app import App
from tests.support.clock import NOON
from tests.support.people import World, says, some_members
from tests.support.robot import Robot
from tests.support.size import size, sized
from wecom.models import Notification, ReplyTarget
from wecom.outbound import events
from wecom.outbound.channels import transport_of
from wecom.outbound.channels.app import card
from wecom.outbound.sending import send_due
from wecom.outbound.words import MAX_TEXT

pytestmark = pytest.mark.django_db

State = Notification.State


@pytest.fixture
def told(clock: time_machine.Traveller, world: World, robot: Robot) -> World:
    bind_wecom_account(world.li, "LiMing")
    return world


# What people write --------------------------------------------------------------------------------------

NASTY = [
    "<@all>",
    "<@LiMing>",
    "@all",
    "<font color=red>",
    "<a href=x>",
    "\n【系统】",
    "\r\n",
    "\u2028",
    "\u202e",
    "\x85",
]
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=40), max_size=30).map("".join)


def strings(value: Any) -> Iterator[str]:
    """Every text in a payload."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


@sized
@given(name=texts, other=texts, title=texts, body=texts)
@hypothesis(max_examples=size(12, 40), deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_people_are_called_and_write_it_mentions_nobody_and_starts_no_line(
    told: World, settings: Settings, name: str, other: str, title: str, body: str
) -> None:
    settings.WECHAT_NOTIFY_PREVIEW = True
    settings.WECHAT_APP_NAME = other
    member = Member(user=User(name=name, email="m@example.com"))
    advisor = Advisor(user=User(name=other), wecom_userid="LiMing", pk=1)
    rows = [row_of(event.name, member, advisor, title) for event in events.EVENTS.values() if event.group]
    alert = next(row for row in rows if row.event == events.MEMBER_WROTE.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wecom.outbound.words._preview", preview_of(body))
        patch.setattr("wecom.outbound.words._last_lines", last_lines_of(body))
        robot, app = transport_of("group"), transport_of("app")
        composed = [robot.compose(row) for row in rows]
        composed += [robot.compose_digest([alert] * 20), card(alert)]
        composed += [app.compose(row) for row in rows if row.rules.direct]
    payloads = [one.payload for one in composed]
    for payload in payloads:
        # Every line is one that we began, whatever stands in it.
        began = [text.splitlines() for text in strings(payload)]
        assert not [line for lines in began for line in lines if re.match(r"\s*【系统】", line)]
        for text in strings(payload):
            assert "<" not in text
            assert "@" not in text
            text = re.sub("\u2068([^\n\u2028-\u202e\u2066-\u2069]+)\u2069", r"\1", text)  # around a name, by us
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)
            assert len(text.encode()) <= MAX_TEXT
        assert json.dumps(payload, ensure_ascii=False).encode()
        assert "m@example.com" not in str(payload)
        mentioned = payload.get("text", {}).get("mentioned_list", [])
        assert mentioned in ([], ["LiMing"])
    group = "".join(str(payload) for payload in payloads[: len(rows)])
    assert not [
        word
        for word in (name[1:], title)
        if len(word) > 4 and word.isalnum() and word not in other + body and word in group
    ]


def row_of(event: str, member: Member, advisor: Advisor, title: str) -> Notification:
    """A notification of people who need not be in the database."""
    member.pk = 1
    case = Case(number=1042, title=title, member=member, advisor=advisor, waiting_since=NOON, pk=1)
    return Notification(pk=7, event=event, case=case, member=member, advisor=advisor, created_at=NOON, first_seq=1)


def preview_of(body: str) -> Any:
    from wecom.names import plain
    from wecom.outbound.words import PREVIEW

    return lambda case: f"\n「{plain(body)[:PREVIEW]}」"


def last_lines_of(body: str) -> Any:
    from wecom.outbound.words import _in_words, _line

    return lambda case: _line(_in_words(Message(kind="text", body=body))) * 3


def test_two_thousand_and_forty_eight_bytes_are_cut_at_a_character(told: World, settings: Settings) -> None:
    settings.WECHAT_APP_NAME = "好" * 900
    says(told.case, told.wang, "在吗？")
    row = Notification.objects.get(event=events.MEMBER_WROTE.name)
    row.advisor = Advisor.objects.get(pk=told.li.pk)
    text = transport_of("group").compose(row).payload["text"]["content"]
    assert MAX_TEXT - 3 <= len(text.encode()) <= MAX_TEXT
    assert text.endswith(f"好…\n（编号 {row.reference}）")


def test_the_account_is_mentioned_as_it_was_typed(told: World, robot: Robot) -> None:
    bind_wecom_account(told.li, "Li.Ming-ABC")
    says(told.case, told.wang, "在吗？")
    send_due()
    assert robot.payloads[-1]["text"]["mentioned_list"] == ["Li.Ming-ABC"]


def test_the_group_reads_the_clients_words_only_if_that_is_set(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    says(told.case, told.wang, "我的护照丢了")
    send_due()
    assert "护照" not in robot.texts[-1]
    settings.WECHAT_NOTIFY_PREVIEW = True
    says(told.other_case, told.lin, "我的护照丢了")
    send_due()
    assert "「我的护照丢了」" in robot.texts[-1]


def test_a_preview_is_of_what_waits_not_of_what_was_answered_before(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.WECHAT_NOTIFY_PREVIEW = True
    says(told.case, told.wang, "旧的问题")
    says(told.case, told.li, "已答复")
    clock.shift(1)
    missed_call(told.case)
    send_due()
    assert "旧的问题" not in "".join(robot.texts)


# Missed calls -------------------------------------------------------------------------------------------


def missed_call(case: Case) -> Message:
    """What the calls will write for one of the member's that nobody answered."""
    caller = case.member.user
    call = {"kind": Message.Kind.CALL, "body": "未接来电", "client_id": f"call-{case.last_seq}", "source": "web"}
    return write_message(case, caller, **call)[0]


def test_a_missed_call_is_told_as_one(told: World, robot: Robot) -> None:
    missed_call(told.case)
    send_due()
    text = robot.texts[-1]
    assert text.startswith(f"#{told.case.number} 王*：1 个未接来电，12:00 起等待\n")
    assert robot.payloads[-1]["text"]["mentioned_list"] == ["LiMing"]
    assert ReplyTarget.objects.get().case == told.case


def test_messages_and_missed_calls_are_counted_apart(told: World, app: App, robot: Robot) -> None:
    says(told.case, told.wang, "一")
    missed_call(told.case)
    says(told.case, told.wang, "二")
    send_due()
    assert robot.texts[-1].startswith(f"#{told.case.number} 王*：2 条消息、1 个未接来电，12:00 起等待\n")
    assert app.messages[-1]["template_card"]["main_title"]["desc"].startswith("2 条消息、1 个未接来电，")


# Digests ------------------------------------------------------------------------------------------------


def test_a_digest_says_of_each_case_who_must_act(told: World, robot: Robot, settings: Settings) -> None:
    settings.WECHAT_ROBOT_LIMIT = (1, 60)
    zhao, qian = some_members(2)
    nobodys = open_case(zhao, "访客签证")
    unbound = open_case(qian, "工签", advisor=told.zhang)
    Notification.objects.all().delete()
    for case in (told.case, nobodys, unbound):
        says(case, case.member, "在吗？")
    send_due()
    (text,) = robot.texts
    lines = text.splitlines()
    assert lines[0] == "【汇总】3 个案件等待回复："
    assert "跟进人：李明" in lines[1]
    assert "请管理员指派" in lines[2]
    assert "张伟，没有绑定企业微信，请管理员绑定" in lines[3]
    alerts = Notification.objects.filter(event=events.MEMBER_WROTE.name).order_by("pk")
    assert all(row.reference in line for row, line in zip(alerts, lines[1:4], strict=True)), "a repetition can be told"
    assert "http://testserver/messages/" in text
    assert "http://testserver/admin/cases/case/" in text
    assert ReplyTarget.objects.get().case == told.case, "the only case 李明 was told of"


def test_the_reminders_of_a_monday_morning_are_one_digest(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 11, 28, 17, 0, tzinfo=UTC))  # Saturday
    settings.WECHAT_ROBOT_LIMIT = (4, 60)
    cases = [open_case(member, "学签", advisor=told.li) for member in some_members(6)]
    for case in cases:
        says(case, case.member, "在吗？")
    for _ in range(8):
        send_due()
        clock.shift(120)
    others = Notification.objects.exclude(event__in=[events.STILL_UNREAD.name, events.STILL_UNANSWERED.name])
    told_with_the_alert = {"event": events.CASE_ASSIGNED.name, "state": State.CANCELLED}
    assert not others.exclude(state=State.DELIVERED).exclude(**told_with_the_alert).exists()
    before = len(robot.texts)
    clock.move_to(datetime(2026, 11, 30, 14, 30, 1, tzinfo=UTC))  # Monday 09:30
    send_due()
    reminders = robot.texts[before:]
    assert reminders[0].startswith("【汇总】")
    assert "久未阅读" in reminders[0]
    assert len(reminders) == 1
    assert all(f"\n#{case.number} 会*：" in "".join(reminders) for case in cases)
    assert not Notification.objects.filter(event=events.STILL_UNREAD.name).exclude(state=State.DELIVERED).exists()


# Cards --------------------------------------------------------------------------------------------------


def test_a_site_that_begins_again_with_an_empty_database_uses_no_card_twice(
    told: World, app: App, robot: Robot
) -> None:
    """WeCom refuses a task_id that the app ever used (42014), and the first notification is always N1."""
    row = row_of(events.MEMBER_WROTE.name, told.wang, told.li, "学签")
    before = card(row).payload
    row.created_at = datetime(2027, 1, 1, tzinfo=UTC)
    composed = card(row)
    after = composed.payload
    assert before["template_card"]["task_id"] != after["template_card"]["task_id"]
    assert re.fullmatch(r"[0-9A-Za-z_\-@]{1,128}", after["template_card"]["task_id"])
    assert "（编号 N7）" in composed.record
