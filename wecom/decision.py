"""Whether a notification that is due is really sent: asked again at the moment of sending."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from advisors.models import PRESENT_FOR, Advisor
from cases.models import Case, Message, ReadMark
from wecom.models import Channel, Notification

Event = Notification.Event


@dataclass(frozen=True)
class Send:
    """Send it, telling about `count` messages to `advisor` (the follow-up advisor now, or nobody)."""

    advisor: Advisor | None
    count: int = 0
    calls: int = 0  # so many of these messages are missed calls


@dataclass(frozen=True)
class Cancel:
    reason: str


@dataclass(frozen=True)
class Postpone:
    until: datetime
    reason: str


Verdict = Send | Cancel | Postpone


def decide(row: Notification, now: datetime) -> Verdict:
    """Say what to do with a due notification. Reads only."""
    verdict = _of_messages(row, now) if row.is_of_messages else _of_case(row)
    if not isinstance(verdict, Send):
        return verdict
    return _quiet(row, verdict.advisor, now) or verdict


def _quiet(row: Notification, advisor: Advisor | None, now: datetime) -> Postpone | None:
    """What goes to an advisor directly waits for the end of their quiet hours; the group has hours of its own."""
    if row.event in {Event.CARD_CHOSEN, Event.TEST}:  # a person has just pressed something, and waits
        return None
    if row.channel == Channel.Name.GROUP:
        quiet = settings.WECHAT_GROUP_QUIET_HOURS
        return Postpone(quiet.next_end(now), "群免打扰时间。") if quiet and quiet.covers(now) else None
    until = advisor.quiet_until(now) if advisor else None
    return Postpone(until, "顾问的免打扰时间。") if until else None


def _of_case(row: Notification) -> Verdict:
    """Sign-ups, reviews and assignments: told as they happened, unless another assignment overtook it."""
    if row.event == Event.CASE_ASSIGNED and row.case is not None and row.case.advisor_id != row.advisor_id:
        return Cancel("案件已再次换了跟进人。")
    return Send(row.advisor)


def _of_messages(row: Notification, now: datetime) -> Verdict:
    case = Case.objects.select_related("member__user", "advisor__user").get(notifications=row)
    row.case = case
    advisor = case.advisor if case.advisor is not None and case.advisor.may_work else None
    said = _said(case, row)
    if case.waiting_since is None:
        return Cancel("会员的消息已得到回复。" if said.exists() else "会员撤回了消息。")
    if row.channel == Channel.Name.APP and (advisor is None or not advisor.wecom_userid):
        return Cancel("跟进人已变更或没有企业微信账号。")
    unanswered = said.filter(created_at__gte=case.waiting_since)
    unread = unanswered.filter(seq__gt=_read_up_to(case))
    first = unread.order_by("seq").first()
    if first is None:
        return Cancel("跟进人已在网站上阅读。" if unanswered.exists() else "会员撤回了消息。")
    if row.event == Event.MEMBER_WROTE and advisor is not None and advisor.is_present:
        return Postpone(now + PRESENT_FOR, "跟进人在网站上，一分钟后再看是否已读。")
    if row.event == Event.STILL_UNREAD:
        # What it was asked for may have been read or answered since, and a later message not.
        reminder = settings.OFFICE_HOURS.time_after(first.created_at, settings.ESCALATE_AFTER)
        if reminder > now:
            return Postpone(reminder, "较早的消息已处理，等最早的未读消息到时间。")
        opens = settings.OFFICE_HOURS.time_after(now, timedelta())
        if opens > now:  # it could not be sent in time
            return Postpone(opens, "办公时间以外，等下一个办公时间。")
    return Send(advisor, unread.count(), unread.filter(kind=Message.Kind.CALL).count())


def _said(case: Case, row: Notification) -> QuerySet[Message]:
    """Return the member's messages a row tells about, without what was taken back."""
    said = case.messages.filter(sender=case.member.user_id, recalled_at=None, seq__gte=row.first_seq or 0)
    # An alert tells of those it was asked for, a reminder of all there are by then.
    return said.filter(seq__lte=row.last_seq) if row.event == Event.MEMBER_WROTE else said


def _read_up_to(case: Case) -> int:
    """Return how far the follow-up advisor has read on the website. Nobody else's reading counts."""
    marks = ReadMark.objects.filter(case=case, user__advisor__pk=case.advisor_id or 0)
    return marks.values_list("seq", flat=True).first() or 0
