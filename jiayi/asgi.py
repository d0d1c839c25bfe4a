"""One process, one port: the live stream on the event loop, everything else as synchronous Django in threads."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jiayi.settings")

from a2wsgi import WSGIMiddleware

from jiayi.wsgi import application as wsgi_application

_wsgi: Any = wsgi_application  # has set Django up; the imports below need that

from django.conf import settings  # noqa: E402

from cases import stream  # noqa: E402

STREAM_PATH = "/api/events/"

_threads: Any = WSGIMiddleware(_wsgi, workers=settings.WEB_THREADS)


async def application(scope: stream.Scope, receive: stream.Receive, send: stream.Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"] == STREAM_PATH:
        await stream.serve(scope, receive, send)
    elif scope["type"] == "http":
        await _threads(scope, receive, send)


async def _lifespan(receive: stream.Receive, send: stream.Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
