"""When a notification is looked at. Whether it is sent then, decision.py says.

A time is reckoned from who follows the case and from their rules at that moment. Whatever changes these has what waits
looked at again (docs/decisions/0021).
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from wecom.models import Notification

State = Notification.State
RULES = (
    "TIME_ZONE",
    "WECHAT_GROUP_QUIET_HOURS",
    "OFFICE_HOURS",
    "ESCALATE_AFTER",
    "ESCALATE_UNANSWERED_AFTER",
    "EMAIL_REMINDER_AFTER",
)

CHUNK = 500

_followed = ""  # the rules by which this process has looked at everything
_passed_over: list[int] = []  # what it has still to look at by these


def not_after(moment: datetime) -> Greatest:
    """Return a waiting row's new `due_at`: at `moment` if it was later, but never before WeCom's next try."""
    earlier = Least("due_at", Value(moment, DateTimeField()))
    return Greatest(earlier, Coalesce("retry_at", earlier))


def look_again(rows: QuerySet[Notification]) -> None:
    """Have those of the rows that wait looked at now. Whoever calls it has locked their case."""
    rows.filter(state=State.WAITING).update(due_at=not_after(timezone.now()))


def follow_settings() -> None:
    """Have everything that waits looked at again when this process starts, or finds other settings than before.

    Until the last program with the old settings has ended, others may put things off by these: each looks for itself.
    """
    global _followed, _passed_over
    rules = repr([getattr(settings, name) for name in RULES])
    if rules != _followed:
        later = Notification.objects.filter(state=State.WAITING, due_at__gt=timezone.now())
        _followed, _passed_over = rules, _look_at(list(later.values_list("pk", flat=True)))
    elif _passed_over:
        _passed_over = _look_at(_passed_over)


def _look_at(pks: list[int]) -> list[int]:
    """Return which of these somebody works on at this moment: they are not waited for."""
    passed_over = set(pks)
    for start in range(0, len(pks), CHUNK):
        with transaction.atomic():
            rows = Notification.objects.filter(pk__in=pks[start : start + CHUNK])
            free = list(rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
            look_again(Notification.objects.filter(pk__in=free))
            passed_over -= set(free)
    return sorted(passed_over)
