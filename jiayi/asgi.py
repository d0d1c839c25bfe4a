"""The ASGI application: the live stream on the event loop, everything else as synchronous Django in threads.

WeCom's callback has threads of its own, so that it never waits for pages, uploads and searches.
"""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jiayi.settings")

from jiayi.wsgi import application as wsgi_application

_wsgi: Any = wsgi_application  # has set Django up; the imports below need that

from django.conf import settings  # noqa: E402

from cases.live import stream  # noqa: E402
from jiayi.pool import Pool  # noqa: E402
from jiayi.scope import Scope  # noqa: E402

STREAM_PATH = "/api/events/"
CALLBACK_PATH = "/api/wechat/receive"
CALLBACK_THREADS = 2

_callback = Pool(_wsgi, CALLBACK_THREADS, "callback", for_many=True)
_pages = Pool(_wsgi, settings.WEB_THREADS, "page", first=_callback)


async def application(scope: Scope, receive: stream.Receive, send: stream.Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"] == STREAM_PATH:
        await stream.serve(scope, receive, send)
    elif scope["type"] == "http":
        pool = _callback if scope["path"] == CALLBACK_PATH else _pages
        await pool(scope, receive, send)


async def _lifespan(receive: stream.Receive, send: stream.Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
