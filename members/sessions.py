"""Signed-in sessions: whose they are, and ending all of one person."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from members.models import Session, User


def session_users(session_keys: Iterable[str]) -> dict[str, User]:
    """Return, for those of the session keys that are signed in right now, whom they belong to. One query.

    A session is dead when it ended or was logged out, when its user was deactivated, or when the password changed.
    """
    plain = [key for key in session_keys if "\0" not in key]  # PostgreSQL would break off
    alive = Session.objects.filter(session_key__in=plain, expire_date__gt=timezone.now(), user__is_active=True)
    found = {row.session_key: (row.user, row.get_decoded()) for row in alive.select_related("user")}
    return {key: user for key, (user, data) in found.items() if user is not None and _is_signed_in(user, data)}


def end_sessions(user: User) -> None:
    """End all sessions of an account: when a deactivated one is activated again, it is signed out."""
    user.sessions.filter(expire_date__gt=timezone.now()).delete()


def _is_signed_in(user: User, data: dict[str, Any]) -> bool:
    if data.get(SESSION_KEY) != str(user.pk) or BACKEND_SESSION_KEY not in data:
        return False
    valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(data.get(HASH_SESSION_KEY, ""), one) for one in valid)
