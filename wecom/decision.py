"""Whether a notification that is due is really sent: asked again at the moment of sending."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from advisors.models import PRESENT_FOR, Advisor
from cases.models import Case, ReadMark
from wecom.models import Channel, Notification

Event = Notification.Event


@dataclass(frozen=True)
class Send:
    """Send it, telling about `count` messages to `advisor` (the follow-up advisor now, or nobody)."""

    advisor: Advisor | None
    count: int = 0


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
    if row.event == Event.CARD_CHOSEN:
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
    reason = _settled(case, row)
    if reason:
        return Cancel(reason)
    if row.channel == Channel.Name.APP and (advisor is None or not advisor.wecom_userid):
        return Cancel("跟进人已变更或没有企业微信账号。")
    count = _count(case, row)
    if not count:
        return Cancel("会员撤回了消息。")
    if row.event == Event.MEMBER_WROTE and advisor is not None and advisor.is_present:
        return Postpone(now + PRESENT_FOR, "跟进人在网站上，一分钟后再看是否已读。")
    return Send(advisor, count)


def _settled(case: Case, row: Notification) -> str:
    """Why nobody needs to be told any more, or nothing."""
    if case.waiting_since is None:
        return "会员的消息已得到回复。"
    # A reminder is about the first unread message; an alert about the newest it was asked for.
    seq = row.first_seq if row.event == Event.STILL_UNREAD else row.last_seq
    read = ReadMark.objects.filter(case=case, user__advisor=case.advisor_id, seq__gte=seq or 0)
    return "跟进人已在网站上阅读。" if case.advisor_id and read.exists() else ""


def _count(case: Case, row: Notification) -> int:
    told = case.messages.filter(sender=case.member.user_id, recalled_at=None, seq__gte=row.first_seq)
    if row.event == Event.MEMBER_WROTE:
        told = told.filter(seq__lte=row.last_seq)
    return told.count()
