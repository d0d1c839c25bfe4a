from django.db import models


class WakeUp(models.Model):
    """One wake-up on SQLite, where there is no NOTIFY. See jiayi/bus.py."""

    payload = models.TextField()

    def __str__(self) -> str:
        return self.payload
