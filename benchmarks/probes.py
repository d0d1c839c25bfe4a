"""What the others notice while somebody attacks: requests sent at a steady beat, whether or not the last was answered.

A client that waits for its answer before it asks again would count an outage of a minute as one slow request.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

EVERY = 0.4  # seconds between two requests of one probe; WeCom delivers a few a minute
PAGE_PATIENCE = 30.0  # seconds after which a person has left
WECOM_PATIENCE = 5.0  # seconds after which WeCom cuts the line (DOC 90238)
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """`status` is 0 when none came: nobody answered in time, or the line was cut. `seconds` since the beginning."""

    status: int
    seconds: float


async def ask(port: int, sent: bytes, patience: float) -> Answer:
    """Send one request, which closes its connection, on a connection of its own, and wait for the whole answer."""
    began, status = time.perf_counter(), 0
    with suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                answer = await _exchange(reader, writer, sent)
                status = int(answer.split(b" ", 2)[1])
            finally:
                writer.transport.abort()  # at once, as a browser whose tab is closed
    return Answer(status, time.perf_counter() - began)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> bytes:
    with suppress(ConnectionError):  # a refusal may come, and the line be cut, before all of a file was sent
        for start in range(0, len(sent), CHUNK):
            writer.write(sent[start : start + CHUNK])
            await writer.drain()
    return await reader.read()


@dataclass
class Probe:
    """One kind of request at a steady beat. `make` gives the next one; `answers` are its answers, late ones too."""

    port: int
    make: Callable[[], bytes]
    patience: float
    answers: list[Answer] = field(default_factory=list)

    async def until(self, done: "asyncio.Future[None]") -> None:
        """Send until `done`, then wait for what is under way."""
        async with asyncio.TaskGroup() as under_way:
            for moment in _beat():
                if done.done():
                    return
                under_way.create_task(self._once())
                await asyncio.sleep(max(0.0, moment - time.perf_counter()))

    async def _once(self) -> None:
        self.answers.append(await ask(self.port, self.make(), self.patience))

    @property
    def seconds(self) -> list[float]:
        return [answer.seconds for answer in self.answers]


def _beat() -> Iterator[float]:
    moment = time.perf_counter()
    while True:
        moment += EVERY
        yield moment
