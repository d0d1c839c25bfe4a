"""The interface of a channel."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from advisors.models import Advisor
from wecom.api.answers import Answer
from wecom.models import Notification
from wecom.outbound.events import Event
from wecom.outbound.limits import SEND_LEASE
from wecom.outbound.next_step import Postpone
from wecom.outbound.turns import Turn


@dataclass(frozen=True)
class Composed:
    """A request that is ready to be sent, and its record for administrators (words.Rendered)."""

    payload: dict[str, Any]
    record: str


class Transport(ABC):
    """A way to people. All that differs between the ways is asked of this object."""

    name: str
    lease = SEND_LEASE  # how long a worker may take for one request
    # Whether a repetition must be the same to the byte, because the other side knows it by that.
    repeats_exactly = False

    def problem(self) -> str:
        """Return why nothing can be sent this way as things are configured, or nothing."""
        return ""

    def turns(self, now: datetime) -> list[Turn]:
        """Return the turns by which the due rows may be sent now, in order. The caller has locked the channel's row."""
        return [Turn(self.name, now, is_direct=True)]

    def quiet(self, advisor: Advisor | None, now: datetime) -> Postpone | None:
        """Return until when nothing may be sent this way because of quiet hours, or None."""
        return None

    def reaches(self, advisor: Advisor | None) -> bool:
        """Return whether this advisor can be told this way, or a case without a follow-up advisor (None)."""
        return True

    def is_full(self, advisor: Advisor | None, priority: int, now: datetime) -> bool:
        """Return whether this advisor has been sent as many messages as the limit allows now, for this priority."""
        return False

    @abstractmethod
    def compose(self, row: Notification) -> Composed:
        """Return the request for a row whose advisor and messages are decided."""

    def compose_digest(self, rows: list[Notification]) -> Composed:
        """Return one request about several rows that share a message."""
        raise NotImplementedError(f"{self.name} has no digests")

    @abstractmethod
    def send(self, row: Notification, payload: dict[str, Any]) -> Answer:
        """Send a claim's request; `row` is its first row. Called outside of transactions. Raises WeComError."""

    def falls_back(self, event: Event) -> bool:
        """Return whether the group is told of such an event instead when it cannot be sent this way."""
        return False
