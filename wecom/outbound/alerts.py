"""The time at which a case's follow-up advisor will be alerted, kept on the case for the member's page.

The page must not promise what will not happen: an alert counts while it is due, by a channel that works, after at most
TRIES attempts, to an advisor who has a WeCom account.
"""

from datetime import datetime

from django.db.models import Min, Q
from django.utils import timezone

from cases.actions import note_alert_due
from cases.models import ALERT_SOON, Case
from wecom.models import Channel, Notification
from wecom.outbound.channels import transport_of
from wecom.outbound.events import MEMBER_WROTE

State = Notification.State

TRIES = 3


def keep_alert_due(case_id: int) -> None:
    """Write on the case when its advisor is told. A case that is locked is skipped: the time is only a hint."""
    free = Case.objects.filter(pk=case_id).select_for_update(no_key=True, skip_locked=True)
    if free.values_list("pk").first():
        note_alert_due(case_id, _due(case_id))


def _due(case_id: int) -> datetime | None:
    ways = [name for name in MEMBER_WROTE.channels if not transport_of(name).problem()]
    broken = Channel.objects.filter(needs_mending=True, paused_until__isnull=False).values("name")
    rows = Notification.objects.filter(
        Q(case__advisor=None) | ~Q(case__advisor__wecom_userid=""),
        case=case_id,
        event=MEMBER_WROTE.name,
        channel__in=ways,
        state__in=[State.WAITING, State.SENDING],
        due_at__gte=timezone.now() - ALERT_SOON,
        attempts__lte=TRIES,
    )
    due: datetime | None = rows.exclude(channel__in=broken).aggregate(Min("due_at"))["due_at__min"]
    return due
