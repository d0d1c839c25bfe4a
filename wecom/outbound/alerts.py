"""The time at which a case's follow-up advisor will be alerted, kept on the case for the member's page.

The page must not promise what will not happen: an alert counts while it is due, by a channel that works, after at most
TRIES attempts, to an advisor who has a WeCom account.
"""

from collections.abc import Iterable
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


def keep_alerts_due(cases: Iterable[int | None]) -> None:
    """Write on these cases (ids) when their advisors are told; two queries, and one for each case that changes.

    Called whenever an alert, or the channel it goes by, changes. A case that is locked is skipped: the time is only a
    hint, and whoever has the channel's row never waits.
    """
    known = sorted({pk for pk in cases if pk is not None})
    free = Case.objects.filter(pk__in=known).order_by("pk").select_for_update(no_key=True, skip_locked=True)
    before = dict(free.values_list("pk", "alert_due_at"))
    due = _due(list(before)) if before else {}
    for pk, moment in before.items():
        if moment != due.get(pk):
            note_alert_due(pk, due.get(pk))


def _due(cases: list[int]) -> dict[int, datetime]:
    """Return the cases whose advisor is told, and when; the others are left out."""
    ways = [name for name in MEMBER_WROTE.channels if not transport_of(name).problem()]
    broken = Channel.objects.filter(needs_mending=True, paused_until__isnull=False).values("name")
    rows = Notification.objects.filter(
        Q(case__advisor=None) | ~Q(case__advisor__wecom_userid=""),
        case__in=cases,
        event=MEMBER_WROTE.name,
        channel__in=ways,
        state__in=[State.WAITING, State.SENDING],
        due_at__gte=timezone.now() - ALERT_SOON,
        attempts__lte=TRIES,
    )
    soonest = rows.exclude(channel__in=broken).order_by().values("case").annotate(due=Min("due_at"))
    return {row["case"]: row["due"] for row in soonest}
