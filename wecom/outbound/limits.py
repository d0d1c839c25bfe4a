"""Limits of the robot and of each advisor. Counted from the rows of Attempt, so they hold across workers and hosts."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet

from advisors.models import Advisor
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


def free_places(now: datetime) -> Places:
    """Return what the robot may send now. The channel's row must be locked.

    Most of the limit goes out at once, the last quarter a second apart, so that a flood leaves room for what comes
    meanwhile and is gathered. An attempt counts from its end, which is never before WeCom saw it.
    """
    limit, seconds = settings.WECHAT_ROBOT_LIMIT
    seen = _recent(now, timedelta(seconds=seconds) + MARGIN).aggregate(
        used=Count("pk"),
        others=Count("pk", filter=~Q(notification__priority=Priority.ALERT)),
        news=Count("pk", filter=Q(notification__priority=Priority.NEWS)),
        started=Max("started_at"),
        finished=Max("finished_at"),
    )
    used, latest = seen["used"], seen["started"]
    if any(moment and moment > now for moment in (latest, seen["finished"])):
        _clock_was_put_back(now)
    is_soon = latest is not None and now - SPACING < latest <= now
    if used >= limit or (used >= limit * 3 // 4 and is_soon):
        return Places(0, limit, seen["others"], seen["news"])
    return Places(int(limit - used), limit, seen["others"], seen["news"])


def places_of_members(now: datetime) -> Counter[int]:
    """Return how many of the robot's messages of the last minute were alerts about each member (by id).

    One that did not arrive is not held against them: it is tried again as soon as any other.
    """
    _limit, seconds = settings.WECHAT_ROBOT_LIMIT
    alerts = _recent(now, timedelta(seconds=seconds) + MARGIN).filter(notification__priority=Priority.ALERT)
    arrived = alerts.filter(Q(finished_at=None) | Q(outcome="ok"))
    of_members = arrived.filter(notification__member__isnull=False).values_list("notification__member")
    return Counter(dict(of_members.annotate(Count("pk")).order_by()))


def _clock_was_put_back(now: datetime) -> None:
    """Count attempts dated in the future from now on: they then limit one window, and not all the time until then."""
    attempts = Attempt.objects.filter(channel=Channel.Name.GROUP)
    attempts.filter(started_at__gt=now).update(started_at=now)
    attempts.filter(finished_at__gt=now).update(finished_at=now)


def member_is_full(advisor: Advisor, now: datetime, priority: int) -> bool:
    """Return whether another application message to this advisor might be dropped, or take a place that alerts need."""
    minute = timedelta(seconds=60) + MARGIN
    most = PER_MEMBER if priority == Priority.ALERT else PER_MEMBER - KEPT_FOR_ALERTS
    return _recent(now, minute, Channel.Name.APP).filter(notification__advisor=advisor).count() >= most


def is_failing(channel: str) -> bool:
    """Return whether the last FAILURES attempts, of as many notifications, failed for a reason outside of them."""
    ended = Attempt.objects.filter(channel=channel, finished_at__isnull=False).order_by("-started_at", "-pk")
    last = list(ended.values_list("notification", "outcome", "errcode")[:FAILURES])
    passing = [
        outcome != "ok" and (code is None or explain(code).verdict is Verdict.RETRY) for _pk, outcome, code in last
    ]
    return all(passing) and len({pk for pk, _outcome, _code in last}) == FAILURES


def _recent(now: datetime, window: timedelta, channel: str = Channel.Name.GROUP) -> QuerySet[Attempt]:
    under_way = Q(finished_at=None, started_at__gt=now - window - SEND_LEASE)
    return Attempt.objects.filter(under_way | Q(finished_at__gt=now - window), channel=channel)
