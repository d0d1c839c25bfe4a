"""When a notification is looked at. Whether it is sent then, decision.py says: looking too early does no harm.

A time is reckoned from who follows the case and from their rules at that moment. Whatever changes these has what waits
looked at again (docs/decisions/0021).
"""

from datetime import datetime
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least
from django.utils import timezone

from advisors.models import Advisor
from wecom.models import GATHERED, Channel, Notification

State = Notification.State
RULES = (
    "TIME_ZONE",
    "WECHAT_GROUP_QUIET_HOURS",
    "OFFICE_HOURS",
    "ESCALATE_AFTER",
    "ESCALATE_UNANSWERED_AFTER",
    "EMAIL_REMINDER_AFTER",
)

_followed = ""  # the rules this process has seen on the robot's row, so that it asks once


def not_after(moment: datetime) -> Greatest:
    """Return a waiting row's new `due_at`: at `moment` if it was later, but never before WeCom's next try."""
    earlier = Least("due_at", Value(moment, DateTimeField()))
    return Greatest(earlier, Coalesce("retry_at", earlier))


def look_again(rows: QuerySet[Notification]) -> None:
    """Have those of the rows that wait looked at now. Must be called in the transaction of what changed."""
    waiting = rows.filter(state=State.WAITING)
    # In one order for everybody; a row that is being decided by the rule before is waited for, and decided again.
    locked = list(waiting.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    Notification.objects.filter(pk__in=locked).update(due_at=not_after(timezone.now()))


def look_again_for(advisor: Advisor) -> None:
    """Have what waits in this advisor's cases looked at now: their hours, presence or standing changed."""
    look_again(Notification.objects.filter(case__advisor=advisor, event__in=GATHERED))
    look_again(Notification.objects.filter(advisor=advisor))


def follow_settings() -> None:
    """Have everything that waits looked at again when the settings say other times than those it waits by."""
    global _followed
    rules = sha256(repr([getattr(settings, name) for name in RULES]).encode()).hexdigest()
    if rules == _followed:
        return
    with transaction.atomic():
        Channel.objects.get_or_create(name=Channel.Name.GROUP)
        if Channel.objects.filter(name=Channel.Name.GROUP).exclude(timed_by=rules).update(timed_by=rules):
            look_again(Notification.objects.all())
    _followed = rules
