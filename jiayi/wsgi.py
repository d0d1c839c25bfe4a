"""The WSGI application: everything but the live stream; on hosts without it the page asks by `?after=` instead."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jiayi.settings")

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


def only_utf8(app: App) -> App:
    """Have every request read as UTF-8, the only encoding a browser sends.

    Python knows encodings (rot13, idna …) on which Django breaks off while it makes the request, before any of its
    middleware could answer: a 500 for a request that names one.
    """

    def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return app({**environ, "CONTENT_TYPE": _without_charset(environ.get("CONTENT_TYPE", ""))}, start_response)

    return plain


def _without_charset(content_type: str) -> str:
    try:
        kind, parameters = parse_header_parameters(content_type)
    except (ValueError, LookupError):  # too long, or in an encoding of its own (RFC 2231)
        return ""
    if "charset" not in parameters:
        return content_type
    return f"{kind}; boundary={parameters['boundary']}" if "boundary" in parameters else kind


application = only_utf8(get_wsgi_application())
