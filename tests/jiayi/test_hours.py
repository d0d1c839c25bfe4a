"""Quiet hours and office hours in Toronto: over midnight, and on the two days when the clock is changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from jiayi.hours import parse_office, parse_span

TORONTO = ZoneInfo("America/Toronto")
NIGHT = parse_span("22:00-07:00")


@pytest.fixture(autouse=True)
def in_toronto(settings: Settings) -> None:
    settings.TIME_ZONE = "America/Toronto"


def there(text: str, fold: int = 0) -> datetime:
    """The moment when clocks in Toronto show this; fold=1: the second time, in the night the hour is repeated."""
    return datetime.fromisoformat(text).replace(tzinfo=TORONTO, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("2026-11-23 23:00", "2026-11-24 07:00"),
        ("2026-11-24 00:00", "2026-11-24 07:00"),
        ("2026-11-24 06:59", "2026-11-24 07:00"),
        ("2026-03-07 23:00", "2026-03-08 07:00"),  # an hour shorter
        ("2026-10-31 23:00", "2026-11-01 07:00"),  # an hour longer
    ],
)
def test_a_night_ends_in_the_morning(moment: str, end: str) -> None:
    assert NIGHT.covers(there(moment))
    assert NIGHT.next_end(there(moment)) == there(end)


def test_the_day_is_not_the_night() -> None:
    assert not NIGHT.covers(there("2026-11-24 07:00"))
    assert not NIGHT.covers(there("2026-11-24 21:59"))


def test_quiet_hours_that_end_in_the_repeated_hour_never_end_in_the_past() -> None:
    """01:30 comes twice on 1 November 2026; from the second one on, the end is not the first one's."""
    early = parse_span("22:00-01:45")
    for fold in (0, 1):
        moment = there("2026-11-01 01:30", fold)
        assert early.covers(moment)
        assert early.next_end(moment) > moment
        assert early.next_end(moment) - moment <= timedelta(minutes=75)


def test_quiet_hours_that_end_in_the_hour_left_out_end_within_that_hour() -> None:
    early = parse_span("22:00-02:30")
    end = early.next_end(there("2026-03-08 01:00"))
    assert timedelta(hours=1) <= end - there("2026-03-08 01:00") <= timedelta(hours=1, minutes=30)


def test_office_time_goes_on_over_a_changed_clock() -> None:
    office = parse_office("1-5 09:00-18:00")
    half_an_hour = timedelta(minutes=30)
    assert office.time_after(there("2026-03-06 17:50"), half_an_hour) == there("2026-03-09 09:20")
    assert office.time_after(there("2026-10-30 17:50"), half_an_hour) == there("2026-11-02 09:20")
    assert office.time_after(there("2026-11-24 10:00"), timedelta()) == there("2026-11-24 10:00")
    assert office.time_after(there("2026-11-24 18:01"), timedelta()) == there("2026-11-25 09:00")
