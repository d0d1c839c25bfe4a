"""Whether an advisor is about to be told, for the member's page: it must not promise what will not happen."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from wecom.models import Channel, Notification
from wecom.outbound.channels import APP, GROUP, problem_of

State = Notification.State

# A notification that is late by more has met something; one that comes later waits for the end of quiet hours.
SOON = timedelta(minutes=2)
TRIES = 3


def about_to_tell(cases: Collection[int]) -> set[int]:
    """Return which of these cases (ids) an advisor is being told about: due now, on a way that works. One query."""
    ways = [name for name in (GROUP, APP) if not problem_of(name)]
    if not ways:
        return set()
    now = timezone.now()
    broken = Channel.objects.filter(needs_mending=True, paused_until__isnull=False).values("name")
    heard = Q(case__advisor=None) | ~Q(case__advisor__wecom_userid="")
    rows = Notification.objects.filter(
        heard,
        event=Notification.Event.MEMBER_WROTE,
        channel__in=ways,
        case__in=cases,
        state__in=[State.WAITING, State.SENDING],
        due_at__range=(now - SOON, now + SOON),
        attempts__lte=TRIES,
    )
    return {pk for pk in rows.exclude(channel__in=broken).values_list("case", flat=True) if pk}
