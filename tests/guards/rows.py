"""What stands in the database, written down so that two requests can be compared by what they left behind."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db.models import Model

APPS = ("members", "advisors", "cases", "wecom")
# Random or a hash: only that something stands there can be compared.
RANDOM = {"password", "file", "thumbnail", "sha256", "lease", "identity"}
MADE_BY_US = re.compile("[0-9a-f]{32}")  # of messages that no client sent
LONG_AGO = 2020  # what is older was not written by the product now

Rows = dict[str, list[dict[str, Any]]]


def models() -> list[type[Model]]:
    """Return the models of ours, without sessions: their keys are random, and signing in or out is not compared."""
    ours = [model for app in APPS for model in apps.get_app_config(app).get_models() if not model._meta.proxy]
    return [model for model in ours if not issubclass(model, AbstractBaseSession)]


def newest_pks() -> dict[str, int]:
    """The highest primary key of each model; what is higher later is new."""
    return {
        model._meta.label: model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
        for model in models()
    }


def dump(known: dict[str, int]) -> Rows:
    """Every row of ours. Times, random values and the keys of new rows are blotted out; the rest is as it is."""
    return {model._meta.label: _rows(model, known) for model in models()}


def _rows(model: type[Model], known: dict[str, int]) -> list[dict[str, Any]]:
    """Read as plain values: a manager that defers a field would have each row ask for it by itself."""
    fields = model._meta.concrete_fields
    rows = model._default_manager.order_by("pk").values_list(*(field.attname for field in fields))
    return [
        {field.attname: _value(value, model, field, known) for field, value in zip(fields, row, strict=True)}
        for row in rows
    ]


def _value(value: Any, model: type[Model], field: Any, known: dict[str, int]) -> Any:
    target = field.related_model or (model if field.primary_key else None)
    if target is not None and isinstance(value, int):
        return value if value <= known.get(target._meta.label, 0) else "new"
    if isinstance(value, datetime):
        return "now" if value.year > LONG_AGO else value.isoformat()
    if isinstance(value, UUID) or field.name in RANDOM:
        return bool(value)
    if field.name == "client_id" and MADE_BY_US.fullmatch(value):
        return "random"
    return value


def changed(before: Rows, after: Rows) -> list[str]:
    """The rows that differ, in words."""
    return [f"{label}: {row}" for label in after for row in after[label] if row not in before[label]] + [
        f"gone from {label}: {row}" for label in before for row in before[label] if row not in after[label]
    ]
