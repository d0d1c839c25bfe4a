"""What the guards send: the request that a row of the access table calls a good one, in each encoding."""

import json
from typing import Any
from urllib.parse import urlencode

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.guards.access import Row
from tests.guards.stage import JSON

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
