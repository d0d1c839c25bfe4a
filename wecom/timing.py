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
    global _followed
    rules = repr([getattr(settings, name) for name in RULES])
    if rules != _followed and _look_at_all():
        _followed = rules


def _look_at_all() -> bool:
    """Return whether nothing was passed over: what somebody works on at this moment is not waited for."""
    last, complete = 0, True
    while True:
        with transaction.atomic():
            later = Notification.objects.filter(state=State.WAITING, due_at__gt=timezone.now(), pk__gt=last)
            chunk = list(later.order_by("pk").values_list("pk", flat=True)[:CHUNK])
            if not chunk:
                return complete
            rows = Notification.objects.filter(pk__in=chunk)
            free = list(rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
            look_again(Notification.objects.filter(pk__in=free))
            last, complete = chunk[-1], complete and len(free) == len(chunk)
