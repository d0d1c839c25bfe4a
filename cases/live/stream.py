"""The live stream: server-sent events on a raw ASGI route.

An open stream holds neither a thread nor a database connection, only a queue. One hub per process listens for
wake-ups, asks the database once what they mean (cases/live/shows.py) and feeds the queues. See docs/decisions/0002.
"""

import asyncio
import json
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from cases.live.shows import Show, shows
from jiayi.bus import Event, listen
from jiayi.scope import Scope, header, session_key
from members.models import User
from members.sessions import session_users

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
T = TypeVar("T")

PING_EVERY = 15  # seconds; proxies cut silent connections, and a client must notice a dead one
CHECK_EVERY_PINGS = 4  # a session that ended is noticed on an idle stream after a minute
CHECKED_FOR = 2.0  # seconds for which a checked session may be sent to without another look
SEND_SECONDS = 30  # for one frame
# Not yet written to one reader; one slower than that reconnects and catches up by seq.
QUEUE_LIMIT = 200  # frames
QUEUE_BYTES = 1024 * 1024
STREAMS_PER_USER = 6  # a browser holds one, however many tabs are open (static/js/live/tabs.js)
BATCH = 500

logger = logging.getLogger("jiayi.stream")
# The database work of all streams of this process: two threads, two connections, however many streams there are.
_executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="stream")


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    def call() -> T:
        close_old_connections()
        try:
            return function(*args)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_executor, call)


def frame(event: str, data: dict[str, Any]) -> bytes:
    """Return one server-sent event; JSON escapes line breaks, so no text can forge another event."""
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class Stream:
    """One open page: who it belongs to and what is still to be written to it. None in the queue ends it."""

    __slots__ = ("checked_at", "ended", "queue", "session_key", "unwritten", "user_id")

    def __init__(self, user_id: int, session_key: str) -> None:
        self.user_id = user_id
        self.session_key = session_key
        # The session may end while the stream is being opened: the first event looks again.
        self.checked_at = float("-inf")
        self.ended = False
        self.unwritten = 0  # bytes in the queue
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, data: bytes) -> None:
        if self.queue.qsize() < QUEUE_LIMIT and self.unwritten + len(data) <= QUEUE_BYTES:
            self.unwritten += len(data)
            self.queue.put_nowait(data)
        else:
            self.end()

    async def next(self) -> bytes | None:
        data = await self.queue.get()
        self.unwritten -= len(data or b"")
        return data

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self.queue.put_nowait(None)


class Hub:
    """All open streams of this process, and the tasks that feed them."""

    def __init__(self) -> None:
        self.streams: dict[int, list[Stream]] = defaultdict(list)
        self.tasks: list[asyncio.Task[None]] = []
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()

    def add(self, stream: Stream, stopping: asyncio.Event | None) -> None:
        """Feed this stream from now on. `stopping` is set when the server is about to end (gunicorn.conf.py)."""
        if not self.tasks:
            jobs = [self._listen(), self._dispatch(), self._ping()]
            jobs += [self._end_when(stopping)] if stopping else []
            self.tasks = [asyncio.create_task(job) for job in jobs]
        mine = self.streams[stream.user_id]
        mine.append(stream)
        for oldest in mine[:-STREAMS_PER_USER]:
            oldest.put(frame("crowded", {}))  # else it would come back at once, and push out the next
            oldest.end()

    def remove(self, stream: Stream) -> None:
        """Feed this stream no more. Removing it twice does no harm."""
        mine = self.streams.get(stream.user_id, [])
        if stream in mine:
            mine.remove(stream)
        if not mine:
            self.streams.pop(stream.user_id, None)

    def all(self) -> list[Stream]:
        return [stream for mine in self.streams.values() for stream in mine]

    async def _listen(self) -> None:
        async for event in listen():
            self.events.put_nowait(event)

    async def _dispatch(self) -> None:
        while True:
            batch = [await self.events.get()]
            while not self.events.empty() and len(batch) < BATCH:
                batch.append(self.events.get_nowait())
            try:
                await self._handle(batch)
            except Exception:
                # A page that missed an event sees the gap in `seq`, or is told to ask again here.
                logger.exception("an event could not be shown")
                self._resync()

    async def _handle(self, batch: list[Event | None]) -> None:
        events = [event for event in batch if event is not None]
        if len(events) < len(batch):
            self._resync()
        revoked = {event["user"] for event in events if event["type"] == "revoked"}
        await self._check([stream for user in revoked for stream in self.streams.get(user, [])], fresh=0)
        found = await _in_thread(_shows_of, events, set(self.streams))
        await self._check([s for user in {show[0] for show in found} for s in self.streams.get(user, [])], CHECKED_FOR)
        for user, name, data in found:
            ready = frame(name, data)
            for stream in self.streams.get(user, []):
                if not stream.ended:
                    stream.put(ready)

    async def _check(self, streams: Iterable[Stream], fresh: float) -> None:
        """End those whose session is over; a look less than `fresh` seconds old is good enough."""
        now = time.monotonic()
        due = [stream for stream in streams if now - stream.checked_at >= fresh]
        for start in range(0, len(due), BATCH):
            part = due[start : start + BATCH]
            alive = await _in_thread(session_users, {stream.session_key for stream in part})
            for stream in part:
                owner = alive.get(stream.session_key)
                if owner is None or owner.pk != stream.user_id:
                    self.remove(stream)
                    stream.end()
                stream.checked_at = now

    async def _ping(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(PING_EVERY)
            count += 1
            for stream in self.all():
                stream.put(b": ping\n\n")
            if count % CHECK_EVERY_PINGS == 0:
                try:
                    await self._check(self.all(), PING_EVERY)
                except DatabaseError:
                    logger.exception("sessions could not be checked, trying again at the next turn")

    async def _end_when(self, stopping: asyncio.Event) -> None:
        """End every stream in time, so that a stop of the server does not wait for them; the pages come back."""
        await stopping.wait()
        for stream in self.all():
            stream.end()

    def _resync(self) -> None:
        for stream in self.all():
            stream.put(frame("resync", {}))


def _shows_of(events: list[Event], connected: set[int]) -> list[Show]:
    return [show for event in events for show in shows(event, connected)]


hub = Hub()


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `GET /api/events/`: the live stream of the signed-in person, or an error as JSON."""
    if scope["method"] != "GET":
        return await _refuse(send, 405, "Method not allowed.")
    if _is_foreign(scope):
        return await _refuse(send, 403, "Cross-site request.")
    key = session_key(scope)
    user = await _in_thread(_owner, key) if key else None
    if user is None:
        return await _refuse(send, 401, "请先登录。/ Please sign in.")
    stream = Stream(user.pk, key)
    hub.add(stream, scope.get("state", {}).get("stopping"))
    gone = asyncio.create_task(_wait_for_disconnect(receive, stream))
    try:
        await _write(stream, send)
    except TimeoutError:
        logger.info("a live stream whose reader takes nothing was ended")
    finally:
        gone.cancel()
        hub.remove(stream)


async def _write(stream: Stream, send: Send) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # The account: a page left open from before another person signed in must not show their messages.
    hello = b"retry: 2000\n" + frame("hello", {"user": stream.user_id})
    await send({"type": "http.response.body", "body": hello, "more_body": True})
    while not stream.ended or not stream.queue.empty():
        data = await stream.next()
        if data is None:
            break
        # A reader that takes nothing would hold its stream without end; it reconnects and catches up by seq.
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait_for_disconnect(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, (b"cache-control", b"no-store")]}
    )
    await send({"type": "http.response.body", "body": body})


def _owner(session_key: str) -> User | None:
    return session_users([session_key]).get(session_key)


def _is_foreign(scope: Scope) -> bool:
    """Whether a page of another site asks. Older browsers send no Sec-Fetch-Site, but an Origin across sites."""
    if header(scope, b"sec-fetch-site") in {"cross-site", "same-site"}:
        return True
    origin = header(scope, b"origin")
    own = {header(scope, b"host"), urlsplit(settings.SITE_URL).netloc}
    return bool(origin) and origin.rpartition("//")[2] not in own
