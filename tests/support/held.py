"""A real server with pages that last as long as a test wants, and tell which of them were begun.

And with time limits of its own (HELD_…), so that a test need not wait as long as people do.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from cases.live import stream
from jiayi import bus, pool
from jiayi.urls import handler500, urlpatterns
from tests.support.page import PATIENCE
from tests.support.server import Server

__all__ = ["handler500", "urlpatterns"]

pool.GIVES_WAY = float(os.environ.get("HELD_GIVES_WAY", pool.GIVES_WAY))
if respond_within := os.environ.get("HELD_RESPOND_WITHIN"):
    from wecom.inbound import callback  # which is not there when wecom is uninstalled

    callback.RESPOND_WITHIN = float(respond_within)
stream.CHECKED_FOR = float(os.environ.get("HELD_CHECKED_FOR", stream.CHECKED_FOR))
stream.PING_EVERY = int(os.environ.get("HELD_PING_EVERY", stream.PING_EVERY))
bus.RECONNECT_AFTER = float(os.environ.get("HELD_RECONNECT_AFTER", bus.RECONNECT_AFTER))

SLOW = 0.2  # seconds
LONG = 64 * 1024  # bytes of each of a hundred pieces: more than the sockets between hold


@csrf_exempt
def held(request: HttpRequest, name: str) -> HttpResponse:
    """Answer when the test lets go; a `slow` one a little later still."""
    folder = Path(os.environ["HELD_FOLDER"])
    (folder / name).touch()
    deadline = time.monotonic() + 60
    while (folder / "hold").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(SLOW if name.startswith("slow") else 0)
    return HttpResponse(name)


def long(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with more than a client that reads nothing takes."""
    return StreamingHttpResponse(b"x" * LONG for _ in range(100))


urlpatterns = [*urlpatterns, path("held/long/", long), path("held/<name>/", held)]


def held_settings(**more: str) -> dict[str, str]:
    """What a server is told so that it runs with the settings of this file, and with `more`."""
    given = os.environ.get("DJANGO_SETTINGS_MODULE", settings.SETTINGS_MODULE)
    return {"DJANGO_SETTINGS_MODULE": "tests.settings_held", "HELD_SETTINGS": given, **more}


class HeldServer(Server):
    """While `holding`, every request to /held/NAME/ keeps its thread."""

    def __init__(self, threads: int, **more: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        super().__init__(
            **held_settings(HELD_FOLDER=str(self.folder), WEB_THREADS=str(threads), **more),
        )

    @contextmanager
    def holding(self) -> Iterator[None]:
        (self.folder / "hold").touch()
        try:
            yield
        finally:
            (self.folder / "hold").unlink()

    def begun(self, seconds: float = PATIENCE, count: int = 0) -> set[str]:
        """The names of what was begun; waits until there are `count` of them."""
        deadline = time.monotonic() + seconds
        while True:
            names = {one.name for one in self.folder.iterdir()} - {"hold"}
            if len(names) >= count or time.monotonic() > deadline:
                return names
            time.sleep(0.02)

    def has_read_all(self) -> bool:
        """Whether nothing that was sent waits in the kernel any more, neither connections nor what they brought."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
            ours = [one for one in sockets if int(one[1].partition(":")[2], 16) == self.port]
            if not any(int(one[4].partition(":")[2], 16) for one in ours):
                return True
            time.sleep(0.05)
        return False

    def has_seen_all(self) -> bool:
        """Whether all that was sent is in the queue, and who hung up is known to have.

        What the event loop is asked after that it answers after that, and for this it needs no thread.
        """
        return self.has_read_all() and all(self.request("GET", "/api/events/")[0] == 401 for _ in range(3))

    def forget(self) -> None:
        for one in self.folder.iterdir():
            one.unlink()

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.folder)
