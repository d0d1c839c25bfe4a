"""The order of sending: waiting clients first, several in one message when there are many, and each row in the end.

With the group robot's 20 messages a minute, a person who signs up a hundred times or opens a hundred cases must not
delay the alert about another person's message (docs/decisions/0017).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, When

from jiayi.statements import given, kept, kept_values
from wecom.models import Channel, Notification
from wecom.outbound.events import EVENTS, Reader

State, Priority = Notification.State, Notification.Priority

DIGEST_LINES = 20  # one a member
MOST_DECIDED = 50  # in one transaction, which holds up every writer of these cases
MOST_NEWS = 100  # in one message; no case is locked for them
LOOKED_AT = 1000  # of those that wait: however many one member has, the others' turns are found
MEMBER_PLACES = 3  # messages a minute about one member; the rest is gathered into the next
OVERDUE = timedelta(minutes=10)  # rows that waited longer have one place in a minute before the alerts


# The one advisor who reads a row, and whether as a card; None for what the group reads.
READER = Case(
    When(~Q(channel=Channel.Name.APP), then=None),
    When(event__in=[one.name for one in EVENTS.values() if one.reader is Reader.FOLLOWER], then=F("case__advisor")),
    When(event__in=[one.name for one in EVENTS.values() if one.reader is Reader.NAMED], then=F("advisor")),
    default=None,
    output_field=BigIntegerField(),
)
AS_CARD = [one.name for one in EVENTS.values() if one.as_card]
IS_CARD = Case(When(event__in=AS_CARD, case__advisor__plain_text=False, then=True), default=False)
MOST_CARDS = 5  # at once to one advisor; more cases are told of in one text


class DueRow(NamedTuple):
    """The columns of a due notification that the order of sending needs; `reader` is an advisor's id."""

    pk: int
    member_id: int | None
    event: str
    alone: bool
    reader: int | None
    is_card: bool


@dataclass(frozen=True)
class Turn:
    """Notifications that may be sent now, in their order, and how many messages may be sent about them."""

    channel: str
    now: datetime
    priority: int | None = None  # all of them
    full: tuple[int, ...] = ()  # members about whom enough is told for now
    places: int = 1
    gathers: bool = False
    is_direct: bool = False  # each message goes to one advisor
    told: Counter[int] = field(default_factory=Counter)  # member -> messages of the last minute

    def waiting(self) -> list[DueRow]:
        """Return the due rows in order: LOOKED_AT of them where several share a message, else MOST_DECIDED."""
        near = self._near()
        gathers = len(near) == MOST_DECIDED and any(self._shared_with(one) for one in near)
        return self._look(LOOKED_AT) if gathers else near

    def _near(self) -> list[DueRow]:
        """Return the first MOST_DECIDED."""
        if self.full:
            return self._look(MOST_DECIDED)
        now: dict[str, Any] = {"channel": self.channel, "now": self.now}
        found = _first.all(**now) if self.priority is None else _first_of_priority.all(**now, priority=self.priority)
        return [DueRow(*row) for row in found]

    def _look(self, most: int) -> list[DueRow]:
        rows = unclaimed(self.channel, self.now).exclude(member__in=self.full)
        rows = rows if self.priority is None else rows.filter(priority=self.priority)
        return [DueRow(*row) for row in _columns(rows)[:most]]

    def lock(self, one: DueRow) -> Notification | None:
        """Return the row, locked, unless another transaction has it or it is not due any more."""
        return _locked.first(pk=one.pk, channel=self.channel, now=self.now)

    def _shared_with(self, one: DueRow) -> set[str]:
        """Return the names of the events that may share a message with this row; none when it is sent by itself."""
        digest = EVENTS[one.event].digest
        if not (self.gathers and digest) or one.alone:
            return set()
        return {event.name for event in EVENTS.values() if event.digest == digest}

    def together(self, waiting: list[DueRow]) -> list[DueRow]:
        """Return which of these are sent now: the first alone, or all that share its message, one line a member."""
        first = waiting[0]
        shared = self._shared_with(first)
        if not shared:
            return [first]
        kin = [one for one in waiting if one.event in shared and not one.alone and one.reader == first.reader]
        if EVENTS[first.event].priority == Priority.NEWS:
            return kin[:MOST_NEWS]
        if self.is_direct:
            several = first.reader is not None and len(kin) > (MOST_CARDS if first.is_card else 1)
            return kin[:MOST_DECIDED] if several else [first]
        if len(waiting) > self.places:
            return _by_member(kin)
        own = [one for one in kin if one.member_id == first.member_id]
        return own[:MOST_DECIDED] if len(own) > MEMBER_PLACES - self.told[first.member_id or 0] else [first]


def due(channel: str, now: datetime) -> QuerySet[Notification]:
    """Return the rows of a channel that are due, in order, with those that a killed worker left behind."""
    unfinished = Notification.objects.filter(channel=channel, state__in=[State.WAITING, State.SENDING])
    ready = Q(state=State.WAITING) | Q(leased_until__lt=now)
    rows = unfinished.filter(ready, priority__in=Priority.values, due_at__lte=now)
    return rows.order_by("priority", "due_at", "pk")


def unclaimed(channel: str, now: datetime) -> QuerySet[Notification]:
    """Return those of them that no worker has."""
    return due(channel, now).filter(state=State.WAITING)


@kept_values
def _any_due() -> QuerySet[Notification, tuple[Any, ...]]:
    return due(given("channel"), given("now")).order_by().values_list("pk")[:1]


def is_any_due(channel: str, now: datetime) -> bool:
    """Return whether a channel has anything to do."""
    return bool(_any_due.all(channel=channel, now=now))


@kept_values
def _overdue() -> QuerySet[Notification, tuple[Any, ...]]:
    rows = unclaimed(given("channel"), given("now")).filter(due_at__lt=given("before"))
    return rows.order_by().values_list("priority").distinct()


def overdue_priorities(channel: str, now: datetime) -> set[int]:
    """Return the priorities of which something has waited too long for a place."""
    return {priority for (priority,) in _overdue.all(channel=channel, now=now, before=now - OVERDUE)}


def _columns(rows: QuerySet[Notification]) -> QuerySet[Notification, tuple[Any, ...]]:
    return rows.annotate(reader=READER, is_card=IS_CARD).values_list(*DueRow._fields)


@kept_values
def _first() -> QuerySet[Notification, tuple[Any, ...]]:
    return _columns(unclaimed(given("channel"), given("now")))[:MOST_DECIDED]


@kept_values
def _first_of_priority() -> QuerySet[Notification, tuple[Any, ...]]:
    return _columns(unclaimed(given("channel"), given("now")).filter(priority=given("priority")))[:MOST_DECIDED]


@kept
def _locked() -> QuerySet[Notification]:
    row = unclaimed(given("channel"), given("now")).filter(pk=given("pk")).order_by()
    return row.select_for_update(no_key=True, skip_locked=True)


def _by_member(waiting: Iterable[DueRow]) -> list[DueRow]:
    """Return the rows of a digest: the first of each member, then the second of each, for DIGEST_LINES members."""
    of: dict[int | None, list[DueRow]] = {}
    for one in waiting:
        of.setdefault(one.member_id, []).append(one)
    rounds = zip_longest(*list(of.values())[:DIGEST_LINES])
    return [one for each in rounds for one in each if one is not None][:MOST_DECIDED]
