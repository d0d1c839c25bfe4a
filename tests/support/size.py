"""How large the longest tests are: small in `make test`, full in `make prove`, which CI runs too (TEST_SIZE=full)."""

import os
from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

FULL = os.environ.get("TEST_SIZE") == "full"
sized = pytest.mark.sized  # for every test that asks `size`: `make prove` runs these
whole = pytest.mark.sized(small=False)  # for a test that has no small size: it runs in `make prove` only

T = TypeVar("T")


def size(small: T, full: T) -> T:
    """Give what the test is made of in this run."""
    return full if FULL else small


def some(values: Iterable[T], every: int) -> list[T]:
    """Give what a test is parametrized with in this run: one of so many of the values, or all of them."""
    return list(values)[:: size(every, 1)]


def mostly_once(values: Iterable[T], every: int) -> list[Any]:
    """Give what a `sized` test is parametrized with that asks the database's engine: all of the values on PostgreSQL.

    On SQLite one of so many in small size, and all of them in full.
    """
    apart = size(every, 1)
    return [one if at % apart == 0 else pytest.param(one, marks=pytest.mark.once) for at, one in enumerate(values)]


def part(values: Iterable[T], every: int, at: int) -> list[T]:
    """Give what is tried at the place number `at` in this run: one of so many of the values, or all of them.

    Never nothing, and other values at each place, so that over some places all of them are tried.
    """
    found, every = list(values), size(every, 1)
    return found[at % min(every, len(found) or 1) :: every]
