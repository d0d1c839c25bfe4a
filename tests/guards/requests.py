"""What the guards send: the request that a row of the access table calls a good one, in each encoding."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.guards.access import Row, row_of
from tests.guards.routes import Route
from tests.guards.stage import JSON, Stage
from tests.support.recording import undone

# allauth remembers in a session where a stranger wanted to go.
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)(?!.{1,20}members_session)", re.IGNORECASE)
FORM = "application/x-www-form-urlencoded"


def filled(row: Row, values: dict[str, str]) -> dict[str, Any]:
    """The row's good request, with the values of a case in place of {number} and the like."""
    sends = row.sends or {}
    return {name: value.format_map(values) if isinstance(value, str) else value for name, value in sends.items()}


def encoded(data: dict[str, Any], *, form: bool) -> tuple[str, str]:
    """As the page sends it: a form, or JSON. Gives body and content type."""
    return (urlencode(data), FORM) if form else (json.dumps(data), JSON)


def multipart(data: dict[str, Any]) -> tuple[bytes, str]:
    return encode_multipart(BOUNDARY, data), MULTIPART_CONTENT


def send_good(stage: Stage, actor: str, method: str, route: Route, values: dict[str, str]) -> tuple[Any, list[str]]:
    """Send what the row says; give the answer and the statements that would have written something."""
    row = row_of(route)
    data, content_type = encoded(filled(row, values), form=row.form) if method != "GET" else ("", "")
    with undone(), written() as statements:
        return stage.ask(actor, method, route.url(values), data, content_type), statements


@contextmanager
def written() -> Iterator[list[str]]:
    """The statements inside that write something, as they come. Far cheaper than Django's CaptureQueriesContext."""
    found: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITES.match(sql):
            found.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found
