"""The tables of wake-ups (SQLite) and of heartbeats."""

from django.db import models


class WakeUp(models.Model):
    """One wake-up on SQLite, where there is no NOTIFY. See jiayi/bus.py."""

    payload = models.TextField()

    def __str__(self) -> str:
        return self.payload


class Heartbeat(models.Model):
    """When a process that works in the background was last at work. See jiayi/health.py."""

    name = models.CharField(max_length=40, unique=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.seen_at:%Y-%m-%d %H:%M:%S}"
