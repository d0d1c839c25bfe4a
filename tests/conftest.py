from typing import Any

import pytest
from django.core.cache import cache
from django.db.backends.postgresql.operations import DatabaseOperations

from tests.people import World, make_world


def _delete_from_all(self: DatabaseOperations, style: Any, tables: list[str], **_: Any) -> list[str]:
    return [f"DELETE FROM {self.quote_name(table)};" for table in tables]


# After a test with real transactions. TRUNCATE makes new files for some forty tables and their indexes, a second each
# time; the few rows of a test are gone in milliseconds. Foreign keys are checked at the end of the transaction.
DatabaseOperations.sql_flush = _delete_from_all  # type: ignore[method-assign,assignment]


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def world(db: None) -> World:
    """The named cast of tests/people.py, on an empty database."""
    return make_world()
