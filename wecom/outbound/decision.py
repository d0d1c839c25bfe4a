"""Whether a notification that is due is really sent: asked again at the moment of sending."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, QuerySet

from advisors.models import PRESENT_FOR, Advisor
from cases.models import Case, Message, ReadMark
from wecom.models import Channel, Notification

Event, State = Notification.Event, Notification.State

# After a case's alert, further messages are gathered for this long into one more alert to the same advisor.
GATHER_FOR = timedelta(seconds=60)
ANOTHER_LOOK = timedelta(seconds=30)


@dataclass(frozen=True)
class Send:
    """Send it to `advisor` (the follow-up advisor now, or nobody); it tells about what `came` (kind → how many)."""

    advisor: Advisor | None
    came: Counter[str] = field(default_factory=Counter)


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
    if row.is_of_messages:
        verdict = _of_messages(row, now)
    elif row.event in {Event.CASE_ASSIGNED, Event.CASE_TAKEN}:
        verdict = _of_assignment(row, now)
    else:
        verdict = Send(row.advisor)  # told as it happened
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


def _of_assignment(row: Notification, now: datetime) -> Verdict:
    """What another assignment overtook is not told, nor what the alert about what waits there has told."""
    case = _case_of(row)
    is_theirs = case.advisor_id == row.advisor_id
    if is_theirs != (row.event == Event.CASE_ASSIGNED):
        return Cancel("案件已再次换了跟进人。")
    if not is_theirs or case.advisor is None:
        return Send(row.advisor)
    if not case.advisor.may_work:  # nobody reads of a client who may not act for them
        return Cancel("顾问未通过审核或已停用。")
    alerts = case.notifications.filter(event=Event.MEMBER_WROTE, channel=row.channel)
    if alerts.filter(advisor=row.advisor, delivered_at__gte=row.created_at).exists():
        return Cancel("已随会员来信的通知告知。")
    under_way = alerts.filter(state__in=[State.WAITING, State.SENDING]).aggregate(Max("due_at"))["due_at__max"]
    if under_way is not None:
        return Postpone(max(under_way, now) + ANOTHER_LOOK, "随会员来信的通知一并告知。")
    return Send(row.advisor, came(unanswered(case)) if case.waits_since else Counter())


def _of_messages(row: Notification, now: datetime) -> Verdict:
    case = _case_of(row)
    advisor = case.advisor if case.advisor is not None and case.advisor.may_work else None
    said = _said(case, row)
    if case.waiting_since is None:
        return Cancel("会员的消息已得到回复。" if said.exists() else "会员撤回了消息。")
    if row.channel == Channel.Name.APP and (advisor is None or not advisor.wecom_userid):
        return Cancel("跟进人已变更或没有企业微信账号。")
    open_ones = said.filter(created_at__gte=case.waiting_since)
    told = open_ones if row.event == Event.STILL_UNANSWERED else open_ones.filter(seq__gt=_read_up_to(case, advisor))
    first = told.order_by("seq").first()
    if first is None:
        return Cancel("跟进人已在网站上阅读。" if open_ones.exists() else "会员撤回了消息。")
    if row.event == Event.MEMBER_WROTE:
        return _too_soon(row, advisor, now) or Send(advisor, came(told))
    return _escalates_later(row, first, now) or Send(advisor, came(told))


def _too_soon(row: Notification, advisor: Advisor | None, now: datetime) -> Postpone | None:
    if advisor is not None and advisor.is_present:
        return Postpone(now + PRESENT_FOR, "跟进人在网站上，一分钟后再看是否已读。")
    until = gathers_until(row.case, advisor, row.channel, now) if row.case else None
    return Postpone(until, "一分钟内的消息汇成一条通知。") if until and until > now else None


def gathers_until(case: Case, advisor: Advisor | None, channel: str, now: datetime) -> datetime | None:
    """Return until when messages are gathered because this advisor has just been alerted about the case this way."""
    alerts = case.notifications.filter(event=Event.MEMBER_WROTE, channel=channel, advisor=advisor)
    if alerts.filter(state=State.SENDING).exists():
        return now + GATHER_FOR
    told = alerts.aggregate(Max("delivered_at"))["delivered_at__max"]
    return min(told, now) + GATHER_FOR if told else None


def escalation_due(event: str, since: datetime) -> datetime | None:
    """Return when the group is reminded of a message written at `since`, in office time; None when it never is."""
    after = settings.ESCALATE_AFTER if event == Event.STILL_UNREAD else settings.ESCALATE_UNANSWERED_AFTER
    return settings.OFFICE_HOURS.time_after(since, after) if after else None


def _escalates_later(row: Notification, first: Message, now: datetime) -> Cancel | Postpone | None:
    # What it was asked for may have been read or answered since, and a later message not.
    due = escalation_due(row.event, first.created_at)
    if due is None:
        return Cancel("久未回复的提醒已关闭。")
    if due > now:
        return Postpone(due, "较早的消息已处理，等最早的一条到时间。")
    opens = settings.OFFICE_HOURS.time_after(now, timedelta())
    # Else it could not be sent in time.
    return Postpone(opens, "办公时间以外，等下一个办公时间。") if opens > now else None


def _case_of(row: Notification) -> Case:
    row.case = Case.objects.select_related("member__user", "advisor__user").get(notifications=row)
    return row.case


def unanswered(case: Case) -> QuerySet[Message]:
    """Return the member's messages that wait for an answer, without what was taken back."""
    said = case.messages.filter(sender=case.member.user_id, recalled_at=None)
    return said.filter(created_at__gte=case.waiting_since) if case.waiting_since else said.none()


def came(messages: QuerySet[Message]) -> Counter[str]:
    """Count messages by what they are: text, call, or the kind of their file."""
    kinds = messages.order_by().values_list("kind", "attachment__kind").annotate(Count("pk"))
    found: Counter[str] = Counter()
    for kind, of_file, count in kinds:
        found[of_file or kind] += count
    return found


def _said(case: Case, row: Notification) -> QuerySet[Message]:
    """Return the member's messages a row tells about, without what was taken back."""
    said = case.messages.filter(sender=case.member.user_id, recalled_at=None, seq__gte=row.first_seq or 0)
    # An alert tells of those it was asked for, a reminder of all there are by then.
    return said.filter(seq__lte=row.last_seq) if row.event == Event.MEMBER_WROTE else said


def _read_up_to(case: Case, advisor: Advisor | None) -> int:
    """Return how far the advisor has read on the website. Nobody else's reading counts."""
    marks = ReadMark.objects.filter(case=case, user__advisor__pk=advisor.pk if advisor else 0)
    return marks.values_list("seq", flat=True).first() or 0
