"""Messages of a case that wait for an answer, and when they are told. Used at the request and when it is due."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet

from advisors.models import Advisor
from cases.models import Case, Message
from jiayi.statements import given, kept
from wecom.models import Notification
from wecom.outbound.events import MEMBER_WROTE, STILL_UNANSWERED, STILL_UNREAD, Event

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


@kept
def _told_lately() -> QuerySet[Notification]:
    reminded = Q(event__in=[STILL_UNREAD.name, STILL_UNANSWERED.name], delivered_at__gte=given("waiting_since"))
    told = Q(state=Notification.State.SENDING) | Q(delivered_at__gte=given("lately")) | reminded
    return Notification.objects.filter(told, case=given("case")).defer("payload", "answer", "sent_text").order_by()


def told_lately(case: Case, now: datetime) -> list[Notification]:
    """Return what is being sent about a case, what was delivered just now, and reminders since its member waits."""
    return _told_lately.all(case=case.pk, lately=now - GATHER_FOR, waiting_since=case.waiting_since or now)


def gathers_until(told: list[Notification], advisor: Advisor | None, channel: str, now: datetime) -> datetime | None:
    """Return until when messages are gathered, if this advisor was just alerted by this channel.

    `told` are the case's notifications of told_lately.
    """
    alerts = [
        one for one in told if (one.event, one.channel, one.advisor_id) == (MEMBER_WROTE.name, channel, _id(advisor))
    ]
    if any(one.state == Notification.State.SENDING for one in alerts):
        return now + GATHER_FOR
    times = [one.delivered_at for one in alerts if one.delivered_at]
    return min(max(times), now) + GATHER_FOR if times else None


def was_reminded(told: list[Notification], event: Event, waiting_since: datetime) -> bool:
    """Return whether the group was reminded, in this way, since then. `told` are those of told_lately."""
    return any(
        one.event == event.name
        and (one.state == Notification.State.SENDING or (one.delivered_at and one.delivered_at >= waiting_since))
        for one in told
    )


def _id(advisor: Advisor | None) -> int | None:
    return advisor.pk if advisor else None


def escalation_due(event: str, since: datetime) -> datetime | None:
    """Return when the group is reminded of a message written at `since`; None when such reminders are off.

    Counted in office hours. `event` is the name of STILL_UNREAD or STILL_UNANSWERED.
    """
    unread = event == STILL_UNREAD.name
    after = settings.ESCALATE_AFTER if unread else settings.ESCALATE_UNANSWERED_AFTER
    return settings.OFFICE_HOURS.time_after(since, after) if after else None
