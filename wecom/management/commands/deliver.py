import logging
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from wecom.delivery import deliver_due
from wecom.media import fetch_due_media
from wecom.spool import bring_in

POLL_EVERY = 0.25  # seconds; one cheap query on a partial index
AFTER_AN_ERROR = 2.0  # seconds

logger = logging.getLogger("jiayi.wecom")


def work(stopping: Callable[[], bool] = lambda: False) -> int:
    """Do everything that is due once. Returns how many things were tried."""
    return bring_in() + deliver_due(stopping) + fetch_due_media(stopping)


class Command(BaseCommand):
    help = "Send notifications to WeCom as they become due. SIGTERM finishes the one in hand and ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(f"{work()} sent or tried")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            wait = POLL_EVERY
            try:
                close_old_connections()
                work(stop.is_set)
            except DatabaseError:
                # The database is away for a moment; what is due stays due.
                logger.exception("notifications could not be read or marked")
                wait = AFTER_AN_ERROR
            stop.wait(wait)
