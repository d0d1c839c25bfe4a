"""Signed-in sessions: whose they are, and ending all of one person."""

from collections.abc import Iterable

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from members.models import User


def session_users(session_keys: Iterable[str]) -> dict[str, User]:
    """Return, for those of the session keys that are signed in right now, whom they belong to. Two queries.

    A session is dead when it ended or was logged out, when its user was deactivated, or when the password changed.
    """
    plain = [key for key in session_keys if "\0" not in key]  # PostgreSQL would break off
    sessions = Session.objects.filter(session_key__in=plain, expire_date__gt=timezone.now())
    decoded = {session.session_key: session.get_decoded() for session in sessions}
    users = User.objects.filter(is_active=True).in_bulk(
        {int(data[SESSION_KEY]) for data in decoded.values() if SESSION_KEY in data and BACKEND_SESSION_KEY in data}
    )
    signed_in = {}
    for key, data in decoded.items():
        user = users.get(int(data.get(SESSION_KEY, 0)))
        if user is not None and _hash_matches(user, data.get(HASH_SESSION_KEY, "")):
            signed_in[key] = user
    return signed_in


def end_sessions(user: User) -> None:
    """End all sessions of an account: when a deactivated one is activated again, it is signed out."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def _hash_matches(user: User, stored: str) -> bool:
    valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(stored, one) for one in valid)
