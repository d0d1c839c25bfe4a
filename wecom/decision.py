"""Whether a notification that is due is really sent: asked again at the moment of sending."""

from dataclasses import dataclass
from datetime import datetime

from advisors.models import PRESENT_FOR, Advisor
from cases.models import Case, ReadMark
from wecom.models import Notification


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


def decide(notification: Notification, now: datetime) -> Send | Cancel | Postpone:
    """Say what to do with a due notification. Reads only."""
    if notification.event != Notification.Event.MEMBER_WROTE:
        return Send(notification.advisor)
    case = Case.objects.select_related("member__user", "advisor__user").get(notifications=notification)
    notification.case = case
    advisor = case.advisor
    if case.waiting_since is None:
        return Cancel("会员的消息已得到回复。")
    if advisor is not None and _has_read(case, advisor, notification):
        return Cancel("跟进人已在网站上阅读。")
    told = case.messages.filter(
        sender=case.member.user_id, recalled_at=None, seq__gte=notification.first_seq, seq__lte=notification.last_seq
    )
    count = told.count()
    if not count:
        return Cancel("会员撤回了消息。")
    if advisor is not None and advisor.may_work and advisor.is_present:
        return Postpone(now + PRESENT_FOR, "跟进人在网站上，一分钟后再看是否已读。")
    return Send(advisor if advisor is not None and advisor.may_work else None, count)


def _has_read(case: Case, advisor: Advisor, notification: Notification) -> bool:
    return ReadMark.objects.filter(case=case, user=advisor.user_id, seq__gte=notification.last_seq).exists()
