"""Statements of the core path, compiled once in each process and kept.

Of the milliseconds a callback took, Django spent three quarters on building its queries and compiling them to SQL, the
same ones each time (docs/decisions/0026). A kept statement is such a query, built once with `given("name")` in the
places of what changes, and run with the values. Columns, joins and the objects that come back are Django's own.
"""

import copy
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.query import ModelIterable
from django.db.models.signals import post_save
from django.db.models.sql import Query, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

M = TypeVar("M", bound=Model)


class _Given(Expression):
    """The place of a value that comes when the statement is run."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:
        return "%s", [self]


def given(name: str) -> Any:
    """Stand, in a kept statement, for the value of this name: a number, text, time or primary key."""
    return _Given(name)


class _Statement:
    """A query with its SQL for each kind of database."""

    def __init__(self, build: Callable[[], Query]) -> None:
        self._build = build
        self._compiled: dict[str, tuple[SQLCompiler, str, tuple[Any, ...]]] = {}

    def _with(self, values: dict[str, Any]) -> tuple[SQLCompiler, str, tuple[Any, ...]]:
        """Return the compiler that made it, which all threads share, its SQL, and the values in their places."""
        if connection.vendor not in self._compiled:
            made = self._build().get_compiler(connection=connection)
            self._compiled[connection.vendor] = (made, *made.as_sql())
        compiler, sql, places = self._compiled[connection.vendor]
        return compiler, sql, tuple(_prepared(values[one.name]) if isinstance(one, _Given) else one for one in places)


def _prepared(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


class _Select(_Statement):
    """The SELECT of a function that returns a queryset."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self.__doc__ = build.__doc__
        super().__init__(lambda: build().query)

    def _ready(self, values: dict[str, Any]) -> SQLCompiler:
        """Return a compiler that runs it with these values, of which none may be None: nothing equals NULL.

        Raises TransactionManagementError when it locks rows and no transaction is open, as Django does.
        """
        assert None not in values.values(), "SQL compares nothing with NULL"
        shared, sql, params = self._with(values)
        if shared.query.select_for_update and connection.get_autocommit():
            raise TransactionManagementError("rows cannot be locked outside of a transaction")
        compiler = copy.copy(shared)
        compiler.connection = connection
        compiler.as_sql = lambda *_args, **_more: (sql, params)  # type: ignore[method-assign]
        return compiler


class kept(_Select, Generic[M]):
    """Keep the SELECT of a function that returns a queryset of objects."""

    def __init__(self, build: Callable[[], QuerySet[M]]) -> None:
        super().__init__(build)

    def all(self, **values: Any) -> list[M]:
        """Return what it finds with these values."""
        return list(ModelIterable(_Running(self._ready(values))))  # type: ignore[arg-type]

    def first(self, **values: Any) -> M | None:
        """Return the only one it finds, or the first by the order and limit of its own; None without one."""
        return next(iter(self.all(**values)), None)


class kept_values(_Select):
    """Keep the SELECT of a function that returns a values_list()."""

    def all(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return what it finds with these values."""
        return list(self._ready(values).results_iter(tuple_expected=True))  # type: ignore[arg-type]


class _Running:
    """What Django's ModelIterable asks of a queryset."""

    db = "default"
    _known_related_objects: dict[Any, Any] = {}

    def __init__(self, compiler: SQLCompiler) -> None:
        self.query, self._compiler = self, compiler

    def get_compiler(self, using: str) -> SQLCompiler:
        return self._compiler


class KeptUpdate(_Statement):
    """An UPDATE of the rows of a queryset."""

    def __init__(self, rows: Callable[[], QuerySet[Any]], **new: Any) -> None:
        def query() -> Any:
            made: Any = rows().query.chain(UpdateQuery)
            made.add_update_values(new)
            return made

        super().__init__(query)

    def run(self, **values: Any) -> int:
        """Change the rows; return how many there were."""
        _compiler, sql, params = self._with(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)


def save(row: Model, *fields: str) -> None:
    """Do what `row.save(update_fields=fields)` does, for models whose changes no receiver hears.

    Raises the model's DoesNotExist when the row is gone, an IntegrityError when the database refuses it.
    """
    values = {name: _for_database(row, row._meta.get_field(name), adding=False) for name in fields}
    if not _saving(type(row), fields).run(pk=row.pk, **values):
        raise type(row).DoesNotExist  # type: ignore[attr-defined]


@cache
def _saving(model: type[Model], fields: tuple[str, ...]) -> KeptUpdate:
    rows = model._base_manager.filter
    return KeptUpdate(lambda: rows(pk=given("pk")), **{name: given(name) for name in fields})


def insert(row: Model, *, unless: str = "") -> bool:
    """Write a new row and tell its post_save, as `row.save(force_insert=True)` does; return whether it was written.

    With `unless`, the name of a unique field, nothing is written when a row with the same value stands there; one that
    is being written by another transaction is waited for. Raises an IntegrityError when the database refuses it.
    """
    model = type(row)
    params = [_for_database(row, field, adding=True) for field in _fields(model)]
    with connection.cursor() as cursor:
        cursor.execute(_inserting(model, unless), params)
        written = cursor.fetchone()
    if written is None:
        return False
    row.pk, row._state.adding, row._state.db = written[0], False, connection.alias
    post_save.send(model, instance=row, created=True, update_fields=None, raw=False, using=connection.alias)
    return True


def _for_database(row: Model, field: Any, *, adding: bool) -> Any:
    return field.get_db_prep_save(field.pre_save(row, adding), connection)


@cache
def _fields(model: type[Model]) -> list["Field[Any, Any]"]:
    return [field for field in model._meta.local_concrete_fields if not field.primary_key]


@cache
def _inserting(model: type[Model], unless: str) -> str:
    """Return the INSERT of a whole row. PostgreSQL and SQLite write it alike, names in double quotes."""
    columns = ", ".join(f'"{field.column}"' for field in _fields(model))
    places = ", ".join(["%s"] * len(_fields(model)))
    conflict = f' ON CONFLICT ("{unless}") DO NOTHING' if unless else ""
    returned = f' RETURNING "{model._meta.pk.column}"'
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places}){conflict}{returned}'  # noqa: S608
