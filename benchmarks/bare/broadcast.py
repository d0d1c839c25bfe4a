"""The bare server's own broadcast: what is left of a live stream without Django, database and rights.

`GET /stream` opens a stream, `POST /` puts its body on the queue of the first one that was opened.
"""

import asyncio
from typing import Any

_queues: list[asyncio.Queue[bytes]] = []
_tasks: list[asyncio.Task[None]] = []
_END = b""


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["path"] == "/stream":
        await _stream(scope, receive, send)
    else:
        await _post(scope, receive, send)


async def _post(scope: Any, receive: Any, send: Any) -> None:
    if scope["method"] == "POST":
        message = await receive()
        _queues[0].put_nowait(b"event: message\ndata: " + message["body"] + b"\n\n")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _stream(scope: Any, receive: Any, send: Any) -> None:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    _queues.append(queue)
    if not _tasks:
        _tasks.append(asyncio.create_task(_end_all(scope["state"]["stopping"])))
    gone = asyncio.create_task(_gone(receive, queue))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"event: hello\ndata: {}\n\n", "more_body": True})
    while (data := await queue.get()) is not _END:
        await send({"type": "http.response.body", "body": data, "more_body": True})
    gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Any, queue: asyncio.Queue[bytes]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    queue.put_nowait(_END)


async def _end_all(stopping: asyncio.Event) -> None:
    await stopping.wait()
    for queue in _queues:
        queue.put_nowait(_END)
