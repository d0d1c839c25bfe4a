"""Limits of the robot and of each advisor. Counted from the rows of Attempt, so they hold across workers and hosts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q, QuerySet

from advisors.models import Advisor
from jiayi.statements import given, kept_values
from wecom.api.errcodes import Verdict, explain
from wecom.models import Attempt, Channel, Notification

Priority = Notification.Priority

MARGIN = timedelta(seconds=1)  # WeCom may see two requests closer together than we sent them
SPACING = timedelta(seconds=1)
SEND_LEASE = timedelta(seconds=60)  # for one request to WeCom; an attempt without an end counts as under way so long
FAILURES = 5  # when so many different notifications in a row did not get through, the cause is not in them
PER_MEMBER = 25  # application messages to one member in a minute; above 30 WeCom drops them silently (DOC 90236)
KEPT_FOR_ALERTS = 5  # of these; a card about a waiting client never waits for a hundred assignments


@dataclass(frozen=True)
class Places:
    """The messages that the robot may send now, and how many of the last minute's were no alerts, or were news.

    Assignments and news together have half of the limit at most, news alone a quarter: however many there are, the
    next alert finds a place.
    """

    free: int
    limit: int
    others: int = 0
    news: int = 0

    def left(self, priority: int) -> int:
        """Return how many messages of this priority may be sent now."""
        if priority == Priority.ALERT:
            return self.free
        half = max(1, self.limit // 2) - self.others
        quarter = max(1, self.limit // 4) - self.news
        return min(self.free, half, quarter) if priority == Priority.NEWS else min(self.free, half)

    def used(self, priority: int) -> int:
        """Return how many of the last minute's messages were of this priority, or of a lower one."""
        return self.news if priority == Priority.NEWS else self.others


class Tried(NamedTuple):
    """The columns of a recent attempt that the robot's limits need."""

    started_at: datetime
    finished_at: datetime | None
    outcome: str
    priority: int
    member_id: int | None


def recent_messages(now: datetime) -> list[Tried]:
    """Return the robot's attempts that count now. The channel's row must be locked."""
    _limit, seconds = settings.WECHAT_ROBOT_LIMIT
    return [Tried(*row) for row in _messages.all(**_since(now, timedelta(seconds=seconds) + MARGIN))]


@kept_values
def _messages() -> QuerySet[Attempt, tuple[Any, ...]]:
    columns = "started_at", "finished_at", "outcome", "notification__priority", "notification__member_id"
    return _recent(Channel.Name.GROUP).values_list(*columns)


def free_places(recent: Sequence[Tried], now: datetime) -> Places:
    """Return what the robot may send now, after these messages.

    Most of the limit goes out at once, the last quarter a second apart, so that a flood leaves room for what comes
    meanwhile and is gathered. An attempt counts from its end, which is never before WeCom saw it.
    """
    limit, _seconds = settings.WECHAT_ROBOT_LIMIT
    used = len(recent)
    others = sum(one.priority != Priority.ALERT for one in recent)
    news = sum(one.priority == Priority.NEWS for one in recent)
    latest = max((one.started_at for one in recent), default=None)
    if any(moment and moment > now for one in recent for moment in (one.started_at, one.finished_at)):
        _clock_was_put_back(now)
    is_soon = latest is not None and now - SPACING < latest <= now
    if used >= limit or (used >= limit * 3 // 4 and is_soon):
        return Places(0, limit, others, news)
    return Places(limit - used, limit, others, news)


def places_of_members(recent: Sequence[Tried]) -> Counter[int]:
    """Return how many of these messages were alerts about each member (by id).

    One that did not arrive is not held against them: it is tried again as soon as any other.
    """
    alerts = [one for one in recent if one.priority == Priority.ALERT]
    arrived = [one for one in alerts if one.finished_at is None or one.outcome == "ok"]
    return Counter(one.member_id for one in arrived if one.member_id is not None)


def _clock_was_put_back(now: datetime) -> None:
    """Count attempts dated in the future from now on: they then limit one window, and not all the time until then."""
    attempts = Attempt.objects.filter(channel=Channel.Name.GROUP)
    attempts.filter(started_at__gt=now).update(started_at=now)
    attempts.filter(finished_at__gt=now).update(finished_at=now)


def member_is_full(advisor: Advisor, now: datetime, priority: int) -> bool:
    """Return whether another application message to this advisor might be dropped, or take a place that alerts need."""
    most = PER_MEMBER if priority == Priority.ALERT else PER_MEMBER - KEPT_FOR_ALERTS
    return len(_to_advisor.all(advisor=advisor.pk, **_since(now, timedelta(seconds=60) + MARGIN))) >= most


@kept_values
def _to_advisor() -> QuerySet[Attempt, tuple[Any, ...]]:
    return _recent(Channel.Name.APP).filter(notification__advisor=given("advisor")).values_list("pk")


def is_failing(channel: str) -> bool:
    """Return whether the last FAILURES attempts, of as many notifications, failed for a reason outside of them."""
    ended = Attempt.objects.filter(channel=channel, finished_at__isnull=False).order_by("-started_at", "-pk")
    last = list(ended.values_list("notification", "outcome", "errcode")[:FAILURES])
    passing = [
        outcome != "ok" and (code is None or explain(code).verdict is Verdict.RETRY) for _pk, outcome, code in last
    ]
    return all(passing) and len({pk for pk, _outcome, _code in last}) == FAILURES


def _recent(channel: str) -> QuerySet[Attempt]:
    under_way = Q(finished_at=None, started_at__gt=given("started_since"))
    return Attempt.objects.filter(under_way | Q(finished_at__gt=given("ended_since")), channel=channel)


def _since(now: datetime, window: timedelta) -> dict[str, datetime]:
    """Return what `_recent` is given: an attempt counts from its end, or as long as it may be under way."""
    return {"started_since": now - window - SEND_LEASE, "ended_since": now - window}
