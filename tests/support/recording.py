"""What many tests begin with, made once and put into the database of every test that asks for it: the named cast.

Making it walks through sign-up, approval and the first messages, 50 ms each time. What comes of that is written down
as rows and objects, undone, and written again by plain INSERTs: inside the savepoint of a test, or after the flush of
a test with real transactions. Every test gets objects of its own, and all times as if they had been made just now.
"""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import time_machine
from django.apps import apps
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Field, Model
from django.utils import timezone

T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """One table's rows as parameters of one INSERT."""

    insert: str
    values: list[Any]


@dataclass(frozen=True)
class Recording(Generic[T]):
    """What making something at the moment `at` wrote, and the objects it gave: rows, or a dataclass of rows or keys."""

    at: datetime
    rows: list[Rows]
    objects: bytes

    def replay(self) -> T:
        """Write it again, as of now, and give fresh objects."""
        by = timezone.now() - self.at
        with transaction.atomic(savepoint=False), connection.cursor() as cursor:
            for rows in self.rows:
                cursor.execute(rows.insert, [_moved(value, by) for value in rows.values])
        made: T = pickle.loads(self.objects)
        seen: set[int] = set()
        for one in getattr(made, "__dict__", {}).values():
            if isinstance(one, Model):
                _move(one, by, seen)
        return made


def record(make: Callable[[], T]) -> Recording[T]:
    """Make it on the empty database and undo it. The moment stands still: nothing is later than `at`."""
    with time_machine.travel(timezone.now(), tick=False), undone():
        before = {model: set(model._base_manager.values_list("pk", flat=True)) for model in _models()}
        made = make()
        rows = [rows for model, old in before.items() if (rows := _rows(model, old))]
        return Recording(timezone.now(), rows, pickle.dumps(made))


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside, and remembered in the cache, is as if it had never been."""
    cache.clear()
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # as Django's own TestCase does: for durable blocks
    with block:
        yield
        transaction.set_rollback(True)
    connection.run_on_commit = []


def _models() -> list[type[Model]]:
    return [
        model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy
    ]


def _rows(model: type[Model], old: set[Any]) -> Rows | None:
    fields: list[Field[Any, Any]] = list(model._meta.local_concrete_fields)
    new = model._base_manager.exclude(pk__in=old).order_by("pk").values_list(*(field.attname for field in fields))
    values = [_prepared(field, value) for row in new for field, value in zip(fields, row, strict=True)]
    if not values:
        return None
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    rows = ", ".join([row] * (len(values) // len(fields)))
    return Rows(f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES {rows}", values)


def _prepared(field: "Field[Any, Any]", value: Any) -> Any:
    """A time stays one, to be moved when it is written; the rest is as the database wants it."""
    return value if isinstance(value, datetime) else field.get_db_prep_save(value, connection)


def _moved(value: Any, by: timedelta) -> Any:
    return connection.ops.adapt_datetimefield_value(value + by) if isinstance(value, datetime) else value


def _move(one: Model, by: timedelta, seen: set[int]) -> None:
    """Move all times of an object and of those it knows."""
    if id(one) in seen:
        return
    seen.add(id(one))
    for name, value in vars(one).items():
        if isinstance(value, datetime):
            setattr(one, name, value + by)
    for known in one._state.fields_cache.values():
        if isinstance(known, Model):
            _move(known, by, seen)
