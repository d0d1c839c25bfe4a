"""The time at which a case's follow-up advisor will be alerted, kept on the case for the member's page.

The page must not promise what will not happen: an alert counts while it is due, by a channel that works, after at most
TRIES attempts, to an advisor who has a WeCom account.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from cases.actions import note_alert_due
from cases.models import ALERT_SOON, Case
from jiayi.statements import given, kept_values
from wecom.models import Channel, Notification
from wecom.outbound.channels import transport_of
from wecom.outbound.events import MEMBER_WROTE

State = Notification.State

TRIES = 3


def keep_alerts_due(cases: Iterable[int | None]) -> None:
    """Write on these cases (ids) when their advisors are told.

    Called whenever an alert, or the channel it goes by, changes. A case that is locked is skipped: the time is only a
    hint, and whoever has the channel's row never waits.
    """
    for pk in sorted({pk for pk in cases if pk is not None}):
        for (before,) in _free.all(case=pk):
            due = _due(pk)
            if due != before:
                note_alert_due(pk, due)


@kept_values
def _free() -> QuerySet[Case, tuple[Any, ...]]:
    case = Case.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=given("case")).order_by()
    return case.values_list("alert_due_at")


def _due(case: int) -> datetime | None:
    """Return when the case's advisor is told, if they are."""
    alerts = _alerts.all(case=case, since=timezone.now() - ALERT_SOON)
    return min((due for channel, due in alerts if not transport_of(channel).problem()), default=None)


@kept_values
def _alerts() -> QuerySet[Notification, tuple[Any, ...]]:
    """The alerts of a case that count, whatever the settings say of their channels."""
    broken = Channel.objects.filter(needs_mending=True, paused_until__isnull=False).values("name")
    rows = Notification.objects.filter(
        Q(case__advisor=None) | ~Q(case__advisor__wecom_userid=""),
        case=given("case"),
        event=MEMBER_WROTE.name,
        state__in=[State.WAITING, State.SENDING],
        due_at__gte=given("since"),
        attempts__lte=TRIES,
    )
    return rows.exclude(channel__in=broken).order_by().values_list("channel", "due_at")
