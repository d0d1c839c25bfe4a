"""When a notification is looked at. Whether it is sent then, decision.py says.

A time is reckoned from who follows the case and from their rules at that moment. Whatever changes these has what waits
looked at again (docs/decisions/0021).
"""

from datetime import datetime

from django.db import transaction
from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from wecom.models import Notification

State = Notification.State
CHUNK = 500  # rows in one transaction


def not_after(moment: datetime) -> Greatest:
    """Return a waiting row's new `due_at`: at `moment` if it was later, but never before WeCom's next try."""
    earlier = Least("due_at", Value(moment, DateTimeField()))
    return Greatest(earlier, Coalesce("retry_at", earlier))


def look_again(rows: QuerySet[Notification]) -> None:
    """Have those of the rows that wait looked at now. Whoever calls it has locked their case, or them."""
    rows.filter(state=State.WAITING).update(due_at=not_after(timezone.now()))


def look_at_all() -> None:
    """Have everything that waits looked at again: the settings may be others than those by which it was put off.

    What somebody works on at this moment is passed over, so that nobody's transaction holds up a worker's start.
    """
    later = Notification.objects.filter(state=State.WAITING, due_at__gt=timezone.now())
    pks = list(later.values_list("pk", flat=True))
    for start in range(0, len(pks), CHUNK):
        with transaction.atomic():
            rows = Notification.objects.filter(pk__in=pks[start : start + CHUNK])
            free = rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
            look_again(Notification.objects.filter(pk__in=list(free)))
