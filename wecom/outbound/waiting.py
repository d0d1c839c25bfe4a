"""Messages of a case that wait for an answer, and when they are told. Used at the request and when it is due."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Min, QuerySet
from django.db.models.functions import Coalesce

from advisors.models import Advisor
from cases.models import Case, Message
from jiayi.statements import given, kept_values
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
    return counted(by_kind(messages))


def by_kind(messages: QuerySet[Message]) -> QuerySet[Message, tuple[Any, ...]]:
    """Return the messages by kind and kind of file: these, how many there are, and when the first was written."""
    return messages.order_by().values_list("kind", "attachment__kind").annotate(Count("pk"), Min("created_at"))


def counted(kinds: Iterable[tuple[Any, ...]]) -> Counter[str]:
    """Return the numbers of `by_kind`."""
    found: Counter[str] = Counter()
    for kind, of_file, count, _first in kinds:
        found[of_file or kind] += count
    return found


@kept_values
def _last_told() -> QuerySet[Notification, tuple[Any, ...]]:
    """The newest alert of a case to an advisor, or to nobody (0), by a channel; one that is being sent before all."""
    told = [Notification.State.SENDING, Notification.State.DELIVERED]
    alerts = Notification.objects.alias(reader=Coalesce("advisor", 0)).filter(
        event=MEMBER_WROTE.name, case=given("case"), channel=given("channel"), reader=given("reader"), state__in=told
    )
    return alerts.order_by(F("delivered_at").desc(nulls_first=True)).values_list("delivered_at")[:1]


def gathers_until(case: Case, advisor: Advisor | None, channel: str, now: datetime) -> datetime | None:
    """Return until when messages are gathered, if this advisor was just alerted about the case by this channel."""
    last = _last_told.all(case=case.pk, channel=channel, reader=advisor.pk if advisor else 0)
    return min(last[0][0] or now, now) + GATHER_FOR if last else None


def escalation_due(event: str, since: datetime) -> datetime | None:
    """Return when the group is reminded of a message written at `since`; None when such reminders are off.

    Counted in office hours. `event` is the name of STILL_UNREAD or STILL_UNANSWERED.
    """
    unread = event == STILL_UNREAD.name
    after = settings.ESCALATE_AFTER if unread else settings.ESCALATE_UNANSWERED_AFTER
    return settings.OFFICE_HOURS.time_after(since, after) if after else None
