"""The queue of requests for a bounded number of threads. They wait on the event loop, so that a request whose client
leaves is never begun, and a client with a hundred requests does not delay the others (docs/decisions/0012).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

MOST_WAITING = 1_000  # requests; each holds its connection and up to 128 KB of what was sent
MOST_OF_ONE = 100  # of one client; a browser asks for some thirty files at once


class Full(Exception):
    """Too many wait already."""


@dataclass(eq=False)
class _Waiting:
    who: Collection[str]
    place: asyncio.Future[None]


class Places:
    """A number of places, and those who wait for one. Belongs to one event loop.

    The next place goes to the client that has the fewest, among equals to the one that came first. A client never has
    them all, so that a slow request does not hold up the others; unless one client stands for many people (`for_many`).
    `who` are the names by which a request's client is known; the request counts for each of them, without any for no
    client.
    """

    def __init__(self, count: int, *, for_many: bool = False) -> None:
        self.free = count
        self.most_of_one = count if for_many else max(1, count - 1)
        self.most_asking = MOST_WAITING if for_many else MOST_OF_ONE
        self._taken: Counter[str] = Counter()
        self._asking: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def place(self, who: Collection[str]) -> AsyncIterator[None]:
        """Wait for a place, and hold it. Raises Full at once when there is no room to wait."""
        if self.may_have_one(who):  # no waiting request may have it: they were asked when it became free
            self._give(who)
        else:
            await self._wait(who)
        try:
            yield
        finally:
            self._give_back(who)

    def may_have_one(self, who: Collection[str]) -> bool:
        """Tell whether this client would get a place at once."""
        return self.free > 0 and self._taken_by(who) < self.most_of_one

    async def _wait(self, who: Collection[str]) -> None:
        if len(self._waiting) >= MOST_WAITING or any(self._asking[one] >= self.most_asking for one in who):
            raise Full
        waiting = _Waiting(who, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._asking.update(who)
        try:
            await waiting.place
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._leave(waiting)
            else:  # in the same moment in which it got its place
                self._give_back(who)
            raise

    def _fill(self) -> None:
        while ready := [one for one in self._waiting if self.may_have_one(one.who) and not one.place.cancelled()]:
            following = min(ready, key=lambda one: self._taken_by(one.who))
            self._leave(following)
            self._give(following.who)
            following.place.set_result(None)

    def _leave(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        self._asking -= Counter(waiting.who)

    def _taken_by(self, who: Collection[str]) -> int:
        return max((self._taken[one] for one in who), default=0)

    def _give(self, who: Collection[str]) -> None:
        self.free -= 1
        self._taken.update(who)

    def _give_back(self, who: Collection[str]) -> None:
        self.free += 1
        self._taken -= Counter(who)
        self._fill()
