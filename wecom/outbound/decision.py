"""The decision whether a notification that is due is still sent, made at the moment of sending."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max, QuerySet

from advisors.models import PRESENT_FOR, Advisor
from cases.actions import read_case
from cases.models import Case, Message, ReadMark
from jiayi.statements import given, kept_values
from wecom.models import Notification
from wecom.outbound.channels import transport_of
from wecom.outbound.events import CASE_ASSIGNED, MEMBER_WROTE, STILL_UNANSWERED, Rule
from wecom.outbound.next_step import Cancel, NextStep, Postpone, Send
from wecom.outbound.reminders import decide_reminder
from wecom.outbound.waiting import (
    by_kind,
    count_by_kind,
    counted,
    escalation_due,
    gathers_until,
    told_lately,
    unanswered,
)

State = Notification.State

ANOTHER_LOOK = timedelta(seconds=30)


def decide(row: Notification, now: datetime) -> NextStep:
    """Say what to do with a due notification. Reads only."""
    step = RULES[row.rules.rule](row, now)
    if isinstance(step, Send) and row.rules.held_by_quiet_hours:
        return transport_of(row.channel).quiet(step.advisor, now) or step
    return step


def _of_assignment(row: Notification, now: datetime) -> NextStep:
    """Cancel it if another assignment overtook it, or if the alert about the messages in the case has told it."""
    case = _case_of(row)
    is_theirs = case.advisor_id == row.advisor_id
    if is_theirs != (row.event == CASE_ASSIGNED.name):
        return Cancel("案件已再次换了跟进人。")
    if not is_theirs or case.advisor is None:
        return Send(row.advisor)
    if not case.advisor.may_work:  # an advisor who may not act for a client reads nothing of them
        return Cancel("顾问未通过审核或已停用。")
    alerts = case.notifications.filter(event=MEMBER_WROTE.name, channel=row.channel)
    if alerts.filter(advisor=row.advisor, delivered_at__gte=row.created_at).exists():
        return Cancel("已随会员来信的通知告知。")
    under_way = alerts.filter(state__in=[State.WAITING, State.SENDING]).aggregate(Max("due_at"))["due_at__max"]
    if under_way is not None:
        return Postpone(max(under_way, now) + ANOTHER_LOOK, "随会员来信的通知一并告知。")
    return Send(row.advisor, count_by_kind(unanswered(case)) if case.waits_since else Counter())


def _of_messages(row: Notification, now: datetime) -> NextStep:
    case = _case_of(row)
    advisor = case.advisor if case.advisor is not None and case.advisor.may_work else None
    if case.waiting_since is None:
        return Cancel("会员的消息已得到回复。" if _told_about(case, row).exists() else "会员撤回了消息。")
    if not transport_of(row.channel).reaches(advisor):
        return Cancel("跟进人已变更或没有企业微信账号。")
    read = 0 if row.event == STILL_UNANSWERED.name else _read_up_to(case, advisor)
    told = _unread.all(**_bounds(case, row), since=case.waiting_since, read=read)
    if not told:
        open_ones = _told_about(case, row).filter(created_at__gte=case.waiting_since)
        return Cancel("跟进人已在网站上阅读。" if open_ones.exists() else "会员撤回了消息。")
    first = min(first for _kind, _of_file, _count, first in told)
    wait = _too_soon if row.event == MEMBER_WROTE.name else _escalates_later
    return wait(row, advisor, first, now) or Send(advisor, counted(told))


def _too_soon(row: Notification, advisor: Advisor | None, first: datetime, now: datetime) -> Postpone | None:
    if advisor is not None and advisor.is_present:
        return Postpone(now + PRESENT_FOR, "跟进人在网站上，一分钟后再看是否已读。")
    until = gathers_until(told_lately(row.case, now), advisor, row.channel, now) if row.case else None
    return Postpone(until, "一分钟内的消息汇成一条通知。") if until and until > now else None


def _escalates_later(
    row: Notification, advisor: Advisor | None, first: datetime, now: datetime
) -> Cancel | Postpone | None:
    # The message it was requested for may have been read or answered since, and a later one not.
    due = escalation_due(row.event, first)
    if due is None:
        return Cancel("久未回复的提醒已关闭。")
    if due > now:
        return Postpone(due, "较早的消息已处理，等最早的一条到时间。")
    opens = settings.OFFICE_HOURS.time_after(now, timedelta())
    # Else it could not be sent in time.
    return Postpone(opens, "办公时间以外，等下一个办公时间。") if opens > now else None


def _case_of(row: Notification) -> Case:
    row.case = read_case(row.case_id or 0)
    return row.case


def _bounds(case: Case, row: Notification) -> dict[str, Any]:
    """Return what `_messages` is given. An alert tells of those it was requested for, a reminder of all there are."""
    last = row.last_seq if row.event == MEMBER_WROTE.name else case.last_seq
    return {"case": case.pk, "sender": case.member.user_id, "first": row.first_seq or 0, "last": last}


def _messages(case: Any, sender: Any, first: Any, last: Any) -> QuerySet[Message]:
    """Return the messages of a sender with these seqs, without recalled ones."""
    return Message.objects.filter(case=case, sender=sender, recalled_at=None, seq__gte=first, seq__lte=last)


@kept_values
def _unread() -> QuerySet[Message, tuple[Any, ...]]:
    messages = _messages(given("case"), given("sender"), given("first"), given("last"))
    return by_kind(messages.filter(created_at__gte=given("since"), seq__gt=given("read")))


def _told_about(case: Case, row: Notification) -> QuerySet[Message]:
    """Return the member's messages that a row tells about, without recalled ones."""
    return _messages(**_bounds(case, row))


@kept_values
def _mark() -> QuerySet[ReadMark, tuple[Any, ...]]:
    return ReadMark.objects.filter(case=given("case"), user=given("user")).values_list("seq")


def _read_up_to(case: Case, advisor: Advisor | None) -> int:
    """Return the seq up to which this advisor has read on the website; 0 without an advisor."""
    marks = _mark.all(case=case.pk, user=advisor.user_id) if advisor else []
    return int(marks[0][0]) if marks else 0


RULES: dict[Rule, Callable[[Notification, datetime], NextStep]] = {
    Rule.AS_IT_HAPPENED: lambda row, now: Send(row.advisor),
    Rule.MEMBER_WAITS: _of_messages,
    Rule.STILL_ASSIGNED: _of_assignment,
    Rule.REPLY_UNREAD: decide_reminder,
}
