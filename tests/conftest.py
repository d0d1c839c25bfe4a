import pytest
from django.core.cache import cache

from tests.people import World, make_world


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def world(db: None) -> World:
    """The named cast of tests/people.py, on an empty database."""
    return make_world()
