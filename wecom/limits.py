"""What may be sent now. Counted from the rows of Attempt, so it holds across workers and hosts."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from advisors.models import Advisor
from wecom.models import Attempt, Channel

CLOCKS = timedelta(seconds=1)  # by which clocks of different hosts may differ
SPACING = timedelta(seconds=1)
LEASE = timedelta(seconds=60)  # an attempt without an end counts as under way for so long
PER_MEMBER = 25  # application messages to one member in a minute; above 30 WeCom drops them silently (DOC 90236)


def free_places(now: datetime) -> int:
    """Return how many messages the robot may send now. The channel's row must be locked.

    Most of the limit goes out at once, the last quarter a second apart, so that a flood leaves room for what comes
    meanwhile and is gathered. An attempt counts from its end, which is never before WeCom saw it.
    """
    limit, seconds = settings.WECHAT_ROBOT_LIMIT
    window = timedelta(seconds=seconds) + CLOCKS
    recent = _recent(now, window)
    used = recent.count()
    if used >= limit:
        return 0
    latest = recent.order_by("-started_at").values_list("started_at", flat=True).first()
    if used >= limit * 3 // 4 and latest is not None and now - latest < SPACING:
        return 0
    return int(limit - used)


def member_is_full(advisor: Advisor, now: datetime) -> bool:
    """Whether another application message to this advisor might be dropped."""
    minute = timedelta(seconds=60) + CLOCKS
    return _recent(now, minute, Channel.Name.APP).filter(notification__advisor=advisor).count() >= PER_MEMBER


def _recent(now: datetime, window: timedelta, channel: str = Channel.Name.GROUP) -> QuerySet[Attempt]:
    under_way = Q(finished_at=None, started_at__gt=now - window - LEASE)
    return Attempt.objects.filter(under_way | Q(finished_at__gt=now - window), channel=channel)
