"""Wake-ups between processes: which row changed, told to every process on commit.

PostgreSQL carries them as NOTIFY inside the transaction. SQLite has no such thing, so they are rows that a reader sees
when `PRAGMA data_version` moves; readers in the writer's own process look at the commit. A wake-up is a hint; the
database is the truth (docs/decisions/0002).
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection, transaction

from jiayi.models import WakeUp
from jiayi.statements import insert

CHANNEL = "jiayi"
KEPT_WAKE_UPS = 5_000
SQLITE_INTERVAL = 0.05  # seconds between two looks at data_version
RECONNECT_AFTER = 1.0  # seconds

logger = logging.getLogger("jiayi.bus")

Event = dict[str, Any]

# Of SQLite's listeners in this process.
_listening: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()


def publish(event: Event) -> None:
    """Tell every process about `event` when (and only if) the current transaction commits.

    `event` holds ids, never texts: NOTIFY takes less than 8,000 bytes and anyone with the database can listen.
    """
    payload = json.dumps(event)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
        return
    row = WakeUp(payload=payload)
    insert(row)
    transaction.on_commit(_nudge, robust=True)
    if row.pk % 1000 == 0:
        WakeUp.objects.filter(pk__lte=row.pk - KEPT_WAKE_UPS).delete()


async def listen() -> AsyncIterator[Event | None]:
    """Yield every event published from now on; None means that some may have been missed up to here.

    The first None comes as soon as it listens: a page may have opened, and looked for what it missed, before that.
    """
    source = _listen_postgresql if connection.vendor == "postgresql" else _listen_sqlite
    while True:
        try:
            async for event in source():
                yield event
        except (psycopg2.Error, sqlite3.Error, OSError) as error:
            logger.warning("listening for wake-ups failed (%s), trying again", type(error).__name__)
        await asyncio.sleep(RECONNECT_AFTER)


async def _listen_postgresql() -> AsyncIterator[Event | None]:
    loop = asyncio.get_running_loop()
    listener = await loop.run_in_executor(None, _open_listener)
    ready = asyncio.Event()
    socket = listener.fileno()  # a connection that broke does not tell it any more, and its number is used again
    loop.add_reader(socket, ready.set)
    try:
        yield None
        while True:
            await ready.wait()
            ready.clear()
            listener.poll()
            while listener.notifies:
                yield json.loads(listener.notifies.pop(0).payload)
    finally:
        loop.remove_reader(socket)
        listener.close()


def _open_listener() -> Any:
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    listener = psycopg2.connect(**parameters)
    listener.set_session(autocommit=True)
    with listener.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    return listener


async def _listen_sqlite() -> AsyncIterator[Event | None]:
    # Both statements take microseconds and never wait for a writer (WAL), so they run on the event loop itself.
    reader = sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)
    listening = asyncio.get_running_loop(), (nudged := asyncio.Event())
    _listening.add(listening)
    try:
        (last,) = reader.execute(f"SELECT COALESCE(MAX(id), 0) FROM {WakeUp._meta.db_table}").fetchone()  # noqa: S608
        seen = None
        yield None
        while True:
            (version,) = reader.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                query = f"SELECT id, payload FROM {WakeUp._meta.db_table} WHERE id > ? ORDER BY id"  # noqa: S608
                for row_id, payload in reader.execute(query, (last,)).fetchall():
                    last = row_id
                    yield json.loads(payload)
            with suppress(TimeoutError):
                await asyncio.wait_for(nudged.wait(), SQLITE_INTERVAL)
            nudged.clear()
    finally:
        _listening.discard(listening)
        reader.close()


def _nudge() -> None:
    """Have the listeners of this process look at once; those of others do at their next look."""
    for loop, nudged in tuple(_listening):
        loop.call_soon_threadsafe(nudged.set)
