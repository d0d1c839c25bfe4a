"""What every way to people has to answer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from advisors.models import Advisor
from wecom.api.answers import Answer
from wecom.models import Notification
from wecom.outbound.events import Event
from wecom.outbound.limits import SEND_LEASE
from wecom.outbound.next_step import Postpone
from wecom.outbound.turns import Turn


@dataclass(frozen=True)
class Composed:
    """A request ready to be sent, and what of it is kept for administrators (words.Rendered)."""

    payload: dict[str, Any]
    record: str


class Transport(ABC):
    """A way to people. What differs between them is answered here, and asked nowhere else."""

    name: str
    lease = SEND_LEASE  # how long a worker may take for one request
    # A repetition is the same to the byte, or the other side does not see that it is one.
    repeats_exactly = False

    def problem(self) -> str:
        """Return why nothing can be sent this way as things are configured, or nothing."""
        return ""

    def turns(self, rows: QuerySet[Notification], now: datetime) -> list[Turn]:
        """Return what of the due rows may be sent now, whose turn comes first first. The channel's row is locked."""
        return [Turn(rows, is_direct=True)]

    def quiet(self, advisor: Advisor | None, now: datetime) -> Postpone | None:
        """Return until when nothing may be sent this way because of quiet hours, or None."""
        return None

    def reaches(self, advisor: Advisor | None) -> bool:
        """Whether this advisor, or nobody's follow-up, can be told this way."""
        return True

    def is_full(self, advisor: Advisor | None, priority: int, now: datetime) -> bool:
        """Whether the reader has been sent as much as there is room for at this moment."""
        return False

    @abstractmethod
    def compose(self, row: Notification) -> Composed:
        """Write the request for a row whose advisor and messages are decided."""

    def compose_digest(self, rows: list[Notification]) -> Composed:
        """Write one request about several rows that share a message."""
        raise NotImplementedError(f"{self.name} has no digests")

    @abstractmethod
    def send(self, row: Notification, payload: dict[str, Any]) -> Answer:
        """Send the request of a claim, whose first row this is. Holds no transaction. Raises WeComError."""

    def falls_back(self, event: Event) -> bool:
        """Whether the group is told of such an event when it cannot be sent this way."""
        return False
