"""Closing this thread's database connection before waiting for another server."""

from django.db import connections


def let_go_of_the_database() -> None:
    """Close this thread's database connections, unless it is inside a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
