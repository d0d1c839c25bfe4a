"""Times of the day and office hours, in the practice's time zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

_SPAN = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_OFFICE = re.compile(r"([1-7])-([1-7]) (.+)")


@dataclass(frozen=True)
class Span:
    """From one time of the day to another; it may run over midnight."""

    start: time
    end: time

    def covers(self, moment: datetime) -> bool:
        """Whether `moment` (aware) falls into it, start included, end excluded."""
        now = _local(moment).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def next_end(self, moment: datetime) -> datetime:
        """Return the first end of the span after `moment`; in the night when an hour comes twice, also the second."""
        here = _local(moment)
        days = (here.date(), here.date() + timedelta(days=1))
        ends = [datetime.combine(day, self.end, here.tzinfo).replace(fold=fold) for day in days for fold in (0, 1)]
        # Compared in UTC: within one zone Python compares what the clocks show.
        return next(end for end in ends if end.astimezone(UTC) > moment)


@dataclass(frozen=True)
class Office:
    """Weekdays (1 = Monday) and the hours of each."""

    first_day: int
    last_day: int
    hours: Span

    def time_after(self, start: datetime, duration: timedelta) -> datetime:
        """Return when `duration` of office time has passed since `start` (aware)."""
        here, left = _local(start), duration
        for _day in range(3660):
            opens, closes = self._of(here.date(), here)
            begin = max(here, opens)
            if begin + left <= closes:
                return begin + left
            left -= max(closes - begin, timedelta())
            here = datetime.combine(here.date() + timedelta(days=1), time(), here.tzinfo)
        return here

    def coming_week(self, moment: datetime) -> tuple[datetime, datetime, datetime]:
        """Return when the first day of an office week begins and ends, today or next, and when its last day begins."""
        here = _local(moment)
        first = here.date() + timedelta(days=(self.first_day - here.isoweekday()) % 7)
        opens, closes = self._of(first, here)
        return opens, closes, self._of(first + timedelta(days=self.last_day - self.first_day), here)[0]

    def _of(self, day: date, here: datetime) -> tuple[datetime, datetime]:
        opens = datetime.combine(day, self.hours.start, here.tzinfo)
        if not self.first_day <= day.isoweekday() <= self.last_day:
            return opens, opens
        return opens, datetime.combine(day, self.hours.end, here.tzinfo)


def parse_span(text: str) -> Span:
    """Read `22:00-08:00`. Raises ValueError."""
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ValueError("must be like 22:00-08:00")
    numbers = [int(number) for number in found.groups()]
    return Span(time(numbers[0], numbers[1]), time(numbers[2], numbers[3]))


def parse_office(text: str) -> Office:
    """Read `1-5 09:00-18:00`: Monday to Friday. Raises ValueError."""
    found = _OFFICE.fullmatch(text.strip())
    if not found:
        raise ValueError("must be like 1-5 09:00-18:00, 1 being Monday")
    office = Office(int(found[1]), int(found[2]), parse_span(found[3]))
    if office.first_day > office.last_day or office.hours.start >= office.hours.end:
        raise ValueError("must end after it begins")
    return office


def _local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(settings.TIME_ZONE))
