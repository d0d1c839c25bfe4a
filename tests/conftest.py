from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import settings as hypothesis_settings

from tests.support.people import World, make_world

# No deadline for an example, which a busy machine would break, and the same examples every time: `make fuzz` is for
# new ones.
hypothesis_settings.load_profile("ci")


def _delete_from_all(self: DatabaseOperations, style: Any, tables: list[str], **_: Any) -> list[str]:
    return [f"DELETE FROM {self.quote_name(table)};" for table in tables]


# After a test with real transactions. TRUNCATE makes new files for some forty tables and their indexes, a second each
# time; the few rows of a test are gone in milliseconds. Foreign keys are checked at the end of the transaction.
DatabaseOperations.sql_flush = _delete_from_all  # type: ignore[method-assign,assignment]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL run what asks a database: the rest was tested on SQLite, and does not know the difference."""
    if connection.vendor != "postgresql":
        return
    asks = {
        item
        for item in items
        if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in asks])
    items[:] = [item for item in items if item in asks]


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def world(db: None) -> World:
    """The named cast of tests/support/people.py, on an empty database."""
    return make_world()
