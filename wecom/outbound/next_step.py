"""The steps that a decision can choose for a due notification: send, cancel or postpone it."""

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
    """Do not send it. `reason` is for administrators, in Chinese."""

    reason: str


@dataclass(frozen=True)
class Postpone:
    """Decide again at `until`. `reason` is for administrators, in Chinese."""

    until: datetime
    reason: str


NextStep = Send | Cancel | Postpone
