"""What can become of a notification that is due: it is sent, cancelled or put off."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from advisors.models import Advisor


@dataclass(frozen=True)
class Send:
    """Send it to `advisor` (the follow-up advisor now, or none); it tells about what `came` (kind → how many)."""

    advisor: Advisor | None
    came: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Cancel:
    reason: str


@dataclass(frozen=True)
class Postpone:
    until: datetime
    reason: str


NextStep = Send | Cancel | Postpone
