"""What the guards send: the request that a row of the access table calls a good one, in each encoding."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext

from tests.guards.access import Row, row_of
from tests.guards.routes import Route
from tests.guards.stage import JSON, Stage, undone

# allauth remembers in a session where a stranger wanted to go.
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)(?!.{1,20}django_session)", re.IGNORECASE)
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
    with undone(), CaptureQueriesContext(connection) as captured:
        response = stage.ask(actor, method, route.url(values), data, content_type)
        return response, [query["sql"] for query in captured.captured_queries if WRITES.match(query["sql"])]
