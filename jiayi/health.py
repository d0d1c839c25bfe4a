"""Heartbeats of background processes, by which /healthz tells whether the delivery worker runs."""

from datetime import datetime, timedelta

from django.utils import timezone

from jiayi.models import Heartbeat

WORKER = "deliver"  # manage.py deliver, on any machine
BEAT_EVERY = 10.0  # seconds between two beats of one process
GONE_AFTER = timedelta(seconds=60)


def beat(name: str) -> None:
    """Note that the process called `name` is at work now. One query. Raises django's DatabaseError."""
    now = timezone.now()
    if not Heartbeat.objects.filter(name=name).update(seen_at=now):
        Heartbeat.objects.get_or_create(name=name, defaults={"seen_at": now})


def seen(name: str) -> datetime | None:
    """Return when the process called `name` was last at work, or None. One query. Raises django's DatabaseError."""
    return Heartbeat.objects.filter(name=name).values_list("seen_at", flat=True).first()


def is_gone(last: datetime | None) -> bool:
    """Whether a process last seen then has been away for longer than a working one ever is."""
    return last is None or timezone.now() - last > GONE_AFTER


def worker_state() -> str:
    """Return what /healthz says of the delivery worker. One query. Raises django's DatabaseError."""
    last = seen(WORKER)
    if last is None:
        return "never seen"
    return f"not seen for {(timezone.now() - last).total_seconds():.0f} s" if is_gone(last) else "ok"
