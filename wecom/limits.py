"""What may be sent now. Counted from the rows of Attempt, so it holds across workers and hosts."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet

from advisors.models import Advisor
from wecom.errcodes import Verdict, explain
from wecom.models import Attempt, Channel

MARGIN = timedelta(seconds=1)  # WeCom may see two requests closer together than we sent them
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
    recent = _recent(now, timedelta(seconds=seconds) + MARGIN)
    seen = recent.aggregate(used=Count("pk"), started=Max("started_at"), finished=Max("finished_at"))
    used, latest = seen["used"], seen["started"]
    if any(moment and moment > now for moment in (latest, seen["finished"])):
        _clock_was_put_back(now)
    is_soon = latest is not None and now - SPACING < latest <= now
    if used >= limit or (used >= limit * 3 // 4 and is_soon):
        return 0
    return int(limit - used)


def _clock_was_put_back(now: datetime) -> None:
    """Let what was sent "in the future" count from now: for one whole window, and not until that future comes."""
    attempts = Attempt.objects.filter(channel=Channel.Name.GROUP)
    attempts.filter(started_at__gt=now).update(started_at=now)
    attempts.filter(finished_at__gt=now).update(finished_at=now)


def member_is_full(advisor: Advisor, now: datetime) -> bool:
    """Whether another application message to this advisor might be dropped."""
    minute = timedelta(seconds=60) + MARGIN
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
