"""An ASGI application that runs a WSGI application in a few threads of its own."""

import asyncio
import contextvars
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import lru_cache
from io import BytesIO

from django.core.handlers.asgi import ASGIRequest
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from jiayi.bridge import App, Left, Receive, Request, Send
from jiayi.places import Full, Places
from jiayi.scope import Scope, who_asks

# Nothing happens when they are left out. A POST that has arrived is carried out although its client has gone: WeCom's
# message is stored, and a member's is not lost because the phone changed its network.
LEFT_OUT = {"GET", "HEAD"}
GIVES_WAY = 1.0  # seconds at most, so that a flood of what goes first does not stop the rest


class Pool:
    """Threads, and the queue in front of them. Belongs to one event loop.

    A request that may write is not begun while the pool `first` has work: both would want the same locks, and SQLite,
    where writers poll for the one lock, keeps no order among them.
    """

    def __init__(
        self, app: App, threads: int, name: str, *, first: "Pool | None" = None, for_many: bool = False
    ) -> None:
        self._app = app
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = Places(threads, for_many=for_many)
        # Who sends something long holds a thread for as long as the network takes: never all of them.
        self._long = Places(max(1, threads // 2), for_many=for_many)
        # And who gives way waits with a thread in hand, which those who only read are never without.
        self._writing = Places(max(1, threads - 1))
        self._tasks: set[asyncio.Task[None]] = set()
        self._first = first
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it over when its client leaves before its turn comes."""
        request = Request(scope, receive, send)
        try:
            await request.arrive()
        except Left:
            await _say_late(request)
            return
        # Of its own, so that it goes on although the server ends what belongs to a connection that is gone.
        task = asyncio.create_task(self._serve(request))
        self._tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._done)
        try:
            await asyncio.shield(task)
        finally:
            if not task.done():
                request.leave()

    async def _serve(self, request: Request) -> None:
        who = who_asks(request.scope)
        async with AsyncExitStack() as held:
            try:
                if request.is_long:
                    await held.enter_async_context(self._long.place(who))
                if self._first and request.scope["method"] not in LEFT_OUT:
                    await held.enter_async_context(self._writing.place(who))
                is_wanted = await self._has_place(held, request, who)
            except Full:
                return await _say_busy(request)
            if is_wanted:
                if self._first and request.scope["method"] not in LEFT_OUT:
                    await self._first.at_rest()
                run = contextvars.copy_context().run
                await asyncio.get_running_loop().run_in_executor(self._executor, run, request.serve, self._app)
            return None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()

    async def at_rest(self) -> None:
        """Wait until it has nothing in hand, or for a second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GIVES_WAY):
                await self._idle.wait()

    async def _has_place(self, held: AsyncExitStack, request: Request, who: list[str]) -> bool:
        """Wait for a place; return whether the client is still there."""
        place = held.enter_async_context(self._places.place(who))
        if request.is_long or request.scope["method"] not in LEFT_OUT or self._places.may_have_one(who):
            await place
            return True
        waiting, gone = asyncio.create_task(place), asyncio.create_task(request.gone())
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if waiting.done():
            await waiting
            return True
        waiting.cancel()
        return False


async def _say_late(request: Request) -> None:
    """Answer that the rest of the request did not come; mostly the client has left and does not read it."""
    start = {"type": "http.response.start", "status": 408, "headers": [(b"connection", b"close")]}
    with suppress(Left):
        await request.answer([start, {"type": "http.response.body", "body": b""}])


async def _say_busy(request: Request) -> None:
    """Answer that too many wait, in the reader's language."""
    language = translation.get_language_from_request(ASGIRequest(request.scope, BytesIO()))
    is_api = request.scope["path"].startswith("/api/")
    headers = [
        (b"content-type", b"application/json" if is_api else b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
        (b"retry-after", b"5"),
        (b"vary", b"Accept-Language, Cookie"),
        (b"x-content-type-options", b"nosniff"),
    ]
    body = _busy(language, is_api)
    start = {"type": "http.response.start", "status": 503, "headers": headers}
    with suppress(Left):
        await request.answer([start, {"type": "http.response.body", "body": body}])


@lru_cache(maxsize=8)
def _busy(language: str, is_api: bool) -> bytes:
    with translation.override(language):
        if is_api:
            return json.dumps({"detail": _("网站正忙，请等几秒再试。")}, ensure_ascii=False).encode()
        return render_to_string("503.html").encode()
