"""Whose turn it is: who waits for an answer first, several in one message when there are many, and each in the end.

With the group robot's 20 messages a minute, whoever signs up a hundred times or opens a hundred cases must not delay
the alert about somebody else's message (docs/decisions/0017).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import NamedTuple

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, When

from wecom.models import Channel, Notification
from wecom.outbound.events import EVENTS, Reader

State, Priority = Notification.State, Notification.Priority

DIGEST_LINES = 20  # one a member
MOST_DECIDED = 50  # in one transaction, which holds up whoever writes into one of these cases
MOST_NEWS = 100  # in one message; nobody's case is locked for them
LOOKED_AT = 1000  # of those that wait; of one member's thousands no other's turn depends
MEMBER_PLACES = 3  # messages a minute about one member; the rest is gathered into the next
OVERDUE = timedelta(minutes=10)  # what waited longer has one place in a minute before the alerts


# The advisor who alone reads it, and whether as a text or as a card; none of what the group reads.
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


class Waiting(NamedTuple):
    pk: int
    member_id: int | None
    event: str
    alone: bool
    reader: int | None
    is_card: bool


@dataclass(frozen=True)
class Turn:
    """Notifications that may be sent now, in their order, and how many messages may be sent about them."""

    rows: QuerySet[Notification]
    places: int = 1
    gathers: bool = False
    is_direct: bool = False  # to advisors, each of whom reads their own
    told: Counter[int] = field(default_factory=Counter)  # member -> messages of the last minute

    def waiting(self) -> list[Waiting]:
        """Return what is due of these, in order: many where several share a message, else as many as are decided."""
        near = self._first(MOST_DECIDED)
        gathers = len(near) == MOST_DECIDED and any(self._shared_with(one) for one in near)
        return self._first(LOOKED_AT) if gathers else near

    def _first(self, most: int) -> list[Waiting]:
        rows = self.rows.annotate(reader=READER, is_card=IS_CARD)
        return [Waiting(*row) for row in rows.values_list(*Waiting._fields)[:most]]

    def _shared_with(self, one: Waiting) -> set[str]:
        """Return the events that may stand in one message with this one; none when it goes out by itself."""
        digest = EVENTS[one.event].digest
        if not (self.gathers and digest) or one.alone:
            return set()
        return {event.name for event in EVENTS.values() if event.digest == digest}

    def together(self, waiting: list[Waiting]) -> list[Waiting]:
        """Return which of these go out now: the first by itself, or those that share its message, one line a member."""
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
    """Return what is to be sent this way by now, in its order, also what a killed worker left behind."""
    unfinished = Notification.objects.filter(channel=channel, state__in=[State.WAITING, State.SENDING])
    ready = Q(state=State.WAITING) | Q(leased_until__lt=now)
    rows = unfinished.filter(ready, priority__in=Priority.values, due_at__lte=now)
    return rows.order_by("priority", "due_at", "pk")


def is_overdue(rows: QuerySet[Notification], priority: int, now: datetime) -> bool:
    """Whether something of this priority has waited too long for a place."""
    return rows.filter(priority=priority, due_at__lt=now - OVERDUE).exists()


def _by_member(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return the rows of a digest: each member's first one before anybody's second, one line for each member."""
    of: dict[int | None, list[Waiting]] = {}
    for one in waiting:
        of.setdefault(one.member_id, []).append(one)
    rounds = zip_longest(*list(of.values())[:DIGEST_LINES])
    return [one for each in rounds for one in each if one is not None][:MOST_DECIDED]
