"""The delivery worker: sends notifications and e-mails, fetches media, brings in spooled callbacks, scans files."""

import logging
import os
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection

from cases.files.scanning import scan_due, scan_until
from jiayi.health import BEAT_EVERY, WORKER, beat
from jiayi.running import note_start
from members.account_mail import send_account_mail
from wecom.inbound.media import fetch_due_media
from wecom.inbound.spool import bring_in
from wecom.outbound.events import APP, EMAIL, GROUP
from wecom.outbound.sending import send_due
from wecom.outbound.timing import look_at_all

POLL_EVERY = 0.25  # seconds; one cheap query on an index
MAIL_EVERY = 1.0  # seconds; an e-mail is due after minutes
AFTER_AN_ERROR = 2.0  # seconds
# Seconds from the signal to the end. WeCom has 10 for one request, and one message may need several (a new token, a
# picture): waiting for all of them could take a minute.
END_WITHIN = 9.5

logger = logging.getLogger("jiayi.wecom")


def work(stopping: Callable[[], bool] = lambda: False) -> int:
    """Do everything that is due with WeCom once: spooled callbacks, notifications, media. Returns how many were tried.

    A mistake of ours in one job does not hold up the others. Raises JobFailed after all of them, and at once what the
    database raises when it is away for a moment.
    """
    tried, failed = 0, False
    for job in (bring_in, partial(send_due, stopping, (GROUP, APP)), partial(fetch_due_media, stopping)):
        try:
            tried += job() or 0
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("one of the worker's jobs failed")
            failed = True
    if failed:
        raise JobFailed
    return tried


class JobFailed(Exception):
    """One of the jobs failed by a mistake of ours; it is in the log."""


def work_on_mail(stopping: Callable[[], bool], wait: Callable[[float], None]) -> None:
    """Send e-mails until `stopping()` says so: in a thread, so that no mail server holds up what goes to WeCom."""
    while not stopping():
        pause = MAIL_EVERY
        try:
            close_old_connections()
            send_account_mail(stopping)  # first: a person who signs in waits for it
            send_due(stopping, (EMAIL,))
        except Exception:
            # The database is away for a moment, or a mistake of ours: what is due stays due.
            logger.exception("e-mails could not be read or marked")
            pause = AFTER_AN_ERROR
        wait(pause)
    connection.close()


class Stop:
    """The request to end the process: SIGTERM or Ctrl-C. The second one ends it at once."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        limit = threading.Timer(END_WITHIN, _leave)
        limit.daemon = True
        limit.start()

    def is_asked(self) -> bool:
        """Return whether the process was asked to end."""
        return self._asked.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep for so many seconds, or until the process is asked to end."""
        self._asked.wait(seconds)


def _leave() -> None:
    """End the process although WeCom or the mail server has not answered.

    Whether the message arrived is unknown, as after a kill: its lease runs out (in a minute, an e-mail's in three), and
    the next worker sends it again, as the same.
    """
    logger.warning("no answer before the end; the message in hand is sent again when its lease is over")
    os._exit(0)


class Pulse:
    """Notes in the database that this worker is alive, at most once every BEAT_EVERY seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def beat(self) -> None:
        """Note that the worker is alive, unless that was noted less than BEAT_EVERY ago."""
        if time.monotonic() >= self._next:
            beat(WORKER)
            self._next = time.monotonic() + BEAT_EVERY


def work_once() -> int:
    """Do everything that is due once, e-mails and scans included. Returns how many things were tried.

    Raises JobFailed and what the database raises, as work() does.
    """
    Pulse().beat()
    look_at_all()
    return work() + send_account_mail() + send_due(channels=(EMAIL,)) + scan_due()


def work_until(stop: Stop) -> None:
    """Do what is due with WeCom, again and again, until the process is asked to end.

    Outlasts a database that is away and a job that failed: both are logged, and tried again after AFTER_AN_ERROR.
    """
    pulse = Pulse()

    def stopping() -> bool:
        # Asked before each message: a worker that waits for WeCom again and again shows a pulse, a stuck one does not.
        pulse.beat()
        return stop.is_asked()

    has_looked = False
    while not stop.is_asked():
        wait = POLL_EVERY
        try:
            close_old_connections()
            if not has_looked:
                look_at_all()
                has_looked = True
            work(stopping)
        except (DatabaseError, InterfaceError):
            # The database is away for a moment; what is due stays due.
            logger.exception("notifications could not be read or marked")
            wait = AFTER_AN_ERROR
        except JobFailed:
            wait = AFTER_AN_ERROR
        stop.wait(wait)


class Command(BaseCommand):
    help = (
        "Send notifications to WeCom, and e-mails to members, as they become due. "
        "SIGTERM (or Ctrl-C) finishes the message in hand and ends, "
        "within 10 s even if WeCom does not answer: that message is then sent again by the next worker, within a "
        "minute. A second signal ends at once, with the same consequence."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(f"{work_once()} sent or tried")
            return
        stop = Stop()
        note_start(WORKER)
        # Beside the rest: a scanner that hangs holds up no notification.
        threading.Thread(target=scan_until, args=(stop.is_asked, stop.wait), name="scan", daemon=True).start()
        mail = threading.Thread(target=work_on_mail, args=(stop.is_asked, stop.wait), daemon=True)
        mail.start()
        work_until(stop)
        mail.join()
