import gc
from collections.abc import Iterator
from types import FunctionType

import pytest
from django.core.cache import cache
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker, Settings

from tests.support import flush
from tests.support.clock import clock
from tests.support.people import World, make_world
from tests.support.post_office import PostOffice
from tests.support.recording import Recording, record
from tests.support.size import FULL

__all__ = ["clock"]  # a fixture of all tests

# No deadline for an example, which a busy machine would break, and the same examples every time: `make fuzz` is for
# new ones.
hypothesis_settings.load_profile("ci")
flush.make_quick()

# A test that names one of these asks what this database does.
OF_THE_ENGINE = {"IntegrityError", "connection", "explain"}


def pytest_collection_finish() -> None:
    """Have the garbage collector look seldom: what is loaded by now is large, and a tenth of the time went there.

    Not gc.freeze(): tests/guards/test_signals.py finds the signals among what the collector knows.
    """
    gc.set_threshold(20_000, 20, 20)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what asks the database's engine, and runs on SQLite too: real transactions, constraints, plans.

    Others that are about locks, the spool or searching are marked by hand, or their modules are. The rest runs once, on
    PostgreSQL, as does what needs real transactions only because another process or thread takes part (`once`).
    """
    if item.get_closest_marker("once"):
        return
    database = item.get_closest_marker("django_db")
    function = getattr(item, "function", None)
    names = set(function.__code__.co_names) if isinstance(function, FunctionType) else set()
    if (database and database.kwargs.get("transaction")) or names & OF_THE_ENGINE:
        item.add_marker("engine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no small size, unless this is the full one; the last line of the run says how many."""
    left_out = [] if FULL else [item for item in items if _has_no_small_size(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _has_no_small_size(item: pytest.Item) -> bool:
    return any(mark.kwargs.get("small") is False for mark in item.iter_markers("sized"))


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture(scope="session")
def recording(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Recording[World]:
    """The named cast, made once."""
    with django_db_blocker.unblock():
        return record(make_world)


@pytest.fixture
def world(db: None, recording: Recording) -> World:
    """The named cast of tests/support/people.py, on an empty database."""
    return recording.replay()


@pytest.fixture
def office(settings: Settings) -> Iterator[PostOffice]:
    """A mail server that the product sends to."""
    with PostOffice() as office:
        office.serve(settings)
        yield office
