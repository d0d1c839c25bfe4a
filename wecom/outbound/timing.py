"""Times at which waiting notifications are looked at. decision.py decides whether they are sent then.

A time is computed from the follow-up advisor and their rules at that moment. Every change of these has the waiting rows
looked at again (docs/decisions/0021).
"""

from datetime import datetime

from django.db import transaction
from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from wecom.models import Notification
from wecom.outbound.alerts import keep_alerts_due
from wecom.outbound.events import MEMBER_WROTE

State = Notification.State
CHUNK = 500  # rows in one transaction


def not_after(moment: datetime) -> Greatest:
    """Return a waiting row's new `due_at`: at `moment` if it was later, but never before WeCom's next try."""
    earlier = Least("due_at", Value(moment, DateTimeField()))
    return Greatest(earlier, Coalesce("retry_at", earlier))


def look_again(rows: QuerySet[Notification]) -> None:
    """Have those of the rows that wait looked at now. The caller has locked their case, or the rows."""
    rows.filter(state=State.WAITING).update(due_at=not_after(timezone.now()))


def look_at_all() -> None:
    """Have all that waits looked at again: the settings may have changed since it was postponed.

    Rows that are locked are passed over, so that no open transaction holds up the start of a worker.
    """
    later = Notification.objects.filter(state=State.WAITING, due_at__gt=timezone.now())
    pks = list(later.values_list("pk", flat=True))
    for start in range(0, len(pks), CHUNK):
        with transaction.atomic():
            rows = Notification.objects.filter(pk__in=pks[start : start + CHUNK])
            free = rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
            looked_at = Notification.objects.filter(pk__in=list(free))
            look_again(looked_at)
            keep_alerts_due(looked_at.filter(event=MEMBER_WROTE.name).values_list("case", flat=True))
