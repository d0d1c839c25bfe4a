"""Findings of a check-up: each one thing that is in order, or that is not, with what to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.timesince import timesince
from django.utils.translation import gettext as _

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """One line of the check-up, in the reader's language and without a secret. What is not ok says how to mend it."""

    title: str
    level: Level
    detail: str
    fix: str = ""


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before `now` something was, to the largest unit."""
    if (now - moment).total_seconds() < 60:
        return _("不到一分钟前")
    return _("%s前") % age(moment, now)


def age(moment: datetime, now: datetime) -> str:
    """Return the time from `moment` to `now`, to the largest unit, in whole minutes at least."""
    return timesince(moment, now, depth=1).replace("\xa0", " ")
