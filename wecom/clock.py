"""A clock that all workers share: leases and the robot's limit must hold although the clocks of hosts differ."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def shared_now() -> datetime:
    """Return the time now: by the database's clock on PostgreSQL, by this machine's on SQLite, where all share it."""
    return _database_time() if connection.vendor == "postgresql" else timezone.now()


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
