"""What may be sent now. Counted from the rows of Attempt, so it holds across workers and hosts."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from advisors.models import Advisor
from wecom.errcodes import Verdict, explain
from wecom.models import Attempt, Channel

CLOCKS = timedelta(seconds=1)  # by which clocks of different hosts may differ
SPACING = timedelta(seconds=1)
LEASE = timedelta(seconds=60)  # an attempt without an end counts as under way for so long
MAIL_LEASE = timedelta(minutes=3)  # a mail server may take EMAIL_TIMEOUT for each of a dozen answers
FAILURES = 5  # so many different notifications in a row that did not get through: it is not them
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


def is_failing(channel: str) -> bool:
    """Whether the last tries of different notifications all failed for a reason that is not theirs."""
    ended = Attempt.objects.filter(channel=channel, finished_at__isnull=False).order_by("-started_at", "-pk")
    last = list(ended.values_list("notification", "outcome", "errcode")[:FAILURES])
    passing = [
        outcome != "ok" and (code is None or explain(code).verdict is Verdict.RETRY) for _pk, outcome, code in last
    ]
    return all(passing) and len({pk for pk, _outcome, _code in last}) == FAILURES


def _recent(now: datetime, window: timedelta, channel: str = Channel.Name.GROUP) -> QuerySet[Attempt]:
    under_way = Q(finished_at=None, started_at__gt=now - window - LEASE)
    return Attempt.objects.filter(under_way | Q(finished_at__gt=now - window), channel=channel)
