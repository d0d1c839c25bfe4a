"""The stand-in's memory: the newest lines of its chats."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from wecom.sandbox.models import SandboxMessage
from wecom.textcut import without_control_characters

KEPT = 500
MINUTE = timedelta(seconds=60)
_TURN = 0x73616E64  # names the advisory lock; "sand"


@contextmanager
def turn() -> Iterator[None]:
    """A transaction that waits until no other one of these is under way.

    So a limit is counted and used up in one step, and ids become visible in their order: the page asks for `id >`.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite's IMMEDIATE already is such a lock
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        yield


def record(author: SandboxMessage.Author, kind: str, **fields: Any) -> SandboxMessage:
    """Add a line and drop those beyond the newest 500. What a database cannot hold (NUL, surrogates) is left out."""
    with turn():
        row = SandboxMessage.objects.create(author=author, **_storable({"kind": kind, **fields}))
        # Those of the last minute stay in any case: the limits are counted on them.
        SandboxMessage.objects.filter(pk__lte=row.pk - KEPT, created_at__lt=timezone.now() - MINUTE).delete()
    return row


def sent_within_a_minute(author: SandboxMessage.Author, userid: str = "") -> int:
    """Count what robot or app got through to this chat in the last 60 s."""
    recent = SandboxMessage.objects.filter(author=author, errcode=0, created_at__gt=timezone.now() - MINUTE)
    return recent.filter(userid__iexact=userid).exclude(kind__in=["card_update", "dropped"]).count()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return without_control_characters(value)
    if isinstance(value, dict):
        return {without_control_characters(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
