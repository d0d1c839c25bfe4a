"""Presence of advisors at the website, by what they do on it; an open tab alone does not count."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from advisors.models import Advisor
from jiayi.bus import publish
from members.activity import note_member_active
from members.models import User

WRITE_EVERY = timedelta(seconds=15)


def note_activity(user: User) -> None:
    """Note that an advisor or a member does something on the website now."""
    advisor: Advisor | None = getattr(user, "advisor", None)
    if advisor is not None and advisor.may_work:
        mark_active(advisor)
    note_member_active(user)


def mark_active(advisor: Advisor) -> None:
    """Note that the advisor just did something on the website; those who see their cases learn it live."""
    now = timezone.now()
    was_present = advisor.is_present
    stale = Q(last_active_at__isnull=True) | Q(last_active_at__lt=now - WRITE_EVERY)
    if Advisor.objects.filter(stale, pk=advisor.pk).update(last_active_at=now) and not was_present:
        publish({"type": "presence", "advisor": advisor.pk})
    advisor.last_active_at = now
