"""Messages of a case that wait for an answer, and when they are told. Used at the request and when it is due."""

from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, QuerySet

from advisors.models import Advisor
from cases.models import Case, Message
from wecom.models import Notification
from wecom.outbound.events import MEMBER_WROTE, STILL_UNREAD

# After a case's alert, further messages are gathered for this long into one more alert to the same advisor.
GATHER_FOR = timedelta(seconds=60)


def unanswered(case: Case) -> QuerySet[Message]:
    """Return the member's messages that wait for an answer, without recalled ones."""
    messages = case.messages.filter(sender=case.member.user_id, recalled_at=None)
    return messages.filter(created_at__gte=case.waiting_since) if case.waiting_since else messages.none()


def count_by_kind(messages: QuerySet[Message]) -> Counter[str]:
    """Return the number of messages of each kind: text, call, or the kind of the attached file."""
    kinds = messages.order_by().values_list("kind", "attachment__kind").annotate(Count("pk"))
    found: Counter[str] = Counter()
    for kind, of_file, count in kinds:
        found[of_file or kind] += count
    return found


def gathers_until(case: Case, advisor: Advisor | None, channel: str, now: datetime) -> datetime | None:
    """Return until when messages are gathered, if this advisor was just alerted about the case by this channel."""
    alerts = case.notifications.filter(event=MEMBER_WROTE.name, channel=channel, advisor=advisor)
    if alerts.filter(state=Notification.State.SENDING).exists():
        return now + GATHER_FOR
    told = alerts.aggregate(Max("delivered_at"))["delivered_at__max"]
    return min(told, now) + GATHER_FOR if told else None


def escalation_due(event: str, since: datetime) -> datetime | None:
    """Return when the group is reminded of a message written at `since`; None when such reminders are off.

    Counted in office hours. `event` is the name of STILL_UNREAD or STILL_UNANSWERED.
    """
    unread = event == STILL_UNREAD.name
    after = settings.ESCALATE_AFTER if unread else settings.ESCALATE_UNANSWERED_AFTER
    return settings.OFFICE_HOURS.time_after(since, after) if after else None
