"""Wake-ups: heard after the commit, at once in the process that writes, and never when it is rolled back."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import pytest
from django.db import connection, transaction

from jiayi import bus

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 5.0  # seconds; the looks at data_version are a minute apart


async def heard(writes: Callable[[], None]) -> list[bus.Event | None]:
    """What a listener hears of these writes, made in another thread, up to the event `last`."""
    found: list[bus.Event | None] = []
    async with asyncio.timeout(SOON), aclosing(bus.listen()) as events:  # type: ignore[type-var]
        assert await anext(events) is None  # it listens
        written = asyncio.create_task(asyncio.to_thread(_and_close, writes))
        async for event in events:
            found.append(event)
            if event == {"type": "last"}:
                break
        await written
    return found


def _and_close(writes: Callable[[], None]) -> None:
    try:
        writes()
    finally:
        connection.close()


def test_a_listener_of_the_same_process_hears_at_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "SQLITE_INTERVAL", 60.0)

    def writes() -> None:
        with transaction.atomic():
            bus.publish({"type": "first"})
            bus.publish({"type": "last"})

    assert asyncio.run(heard(writes)) == [{"type": "first"}, {"type": "last"}]


def test_what_is_rolled_back_is_never_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "SQLITE_INTERVAL", 60.0)

    def writes() -> None:
        with transaction.atomic():
            bus.publish({"type": "undone"})
            transaction.set_rollback(True)
        with transaction.atomic():
            bus.publish({"type": "last"})

    assert asyncio.run(heard(writes)) == [{"type": "last"}]
