"""Scanning files for viruses, where a scanner is configured (CLAMD_URL), before they are served.

A file is looked at when it is sent. Without a verdict by then, it waits: a state of its row, so that no crash forgets
it. The worker (`manage.py deliver`) asks again until there is one. What is infected is kept, and never served.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Attachment
from jiayi.bus import publish
from jiayi.clamd import ScannerUnavailable, scan
from jiayi.errors import Conflict

State = Attachment.State

AT_ONCE = 3.0  # seconds an upload waits for the scanner
PATIENCE = 60.0  # seconds the worker gives it
LEASE = timedelta(seconds=90)  # longer than PATIENCE: one worker at a time has a file
AGAIN_AFTER = timedelta(seconds=10)
LOOK_EVERY = 1.0  # seconds; one query on a partial index
PAUSE = 10.0  # seconds after a failure in which no upload waits for the scanner

logger = logging.getLogger("jiayi.files")
_pause_until = 0.0  # of this process, by the monotonic clock


@dataclass(frozen=True)
class Verdict:
    """What is known of a file: its Attachment.State, and the scanner's name for what it found, "" if nothing."""

    state: str
    finding: str = ""


def look(file: IO[bytes]) -> Verdict:
    """Return the verdict on a file being sent. Takes up to AT_ONCE seconds: never call it in a transaction."""
    global _pause_until
    if settings.CLAMD_URL is None:
        return Verdict(State.READY)
    if time.monotonic() < _pause_until:
        return Verdict(State.WAITING)
    try:
        return _verdict(scan(file, settings.CLAMD_URL, seconds=AT_ONCE))
    except ScannerUnavailable as error:
        _pause_until = time.monotonic() + PAUSE
        logger.warning("a file waits for the scanner: %s", error)
        return Verdict(State.WAITING)


def scan_due() -> int:
    """Have the files that wait scanned, those first that are due the longest. Returns how many got a verdict.

    Stops at the first without one: most often the scanner is away.
    """
    done = 0
    while settings.CLAMD_URL is not None and (waiting := _claim()) is not None:
        try:
            with waiting.file.open("rb") as file:
                finding = scan(file, settings.CLAMD_URL, seconds=PATIENCE)
        except ScannerUnavailable as error:
            logger.warning("message %s: its file waits for the scanner: %s", waiting.message_id, error)
            _still(waiting).update(scan_due_at=timezone.now() + AGAIN_AFTER)
            return done
        except Exception:
            # Missing, or the storage is away. The lease brings it back; the others do not wait for it.
            logger.exception("message %s: its file cannot be read to be scanned", waiting.message_id)
            continue
        _set(_still(waiting), waiting, _verdict(finding))
        done += 1
    return done


def scan_until(stopped: Callable[[], bool], wait: Callable[[float], None]) -> None:
    """Scan what is due, now and then, until `stopped()`. Meant for a thread of its own: a scanner may hang."""
    while settings.CLAMD_URL is not None and not stopped():
        try:
            close_old_connections()
            scan_due()
        except Exception:
            # The database is away, or a mistake of ours: what waits stays waiting, and is looked at again.
            logger.exception("files could not be scanned")
        wait(LOOK_EVERY)


def scan_again(attachment: Attachment) -> None:
    """Have a file scanned once more, whatever was found before; until then it waits. Raises Conflict if it does so.

    Nothing without a scanner.
    """
    if settings.CLAMD_URL is None:
        return
    looked_at = Attachment.objects.filter(pk=attachment.pk).exclude(state=State.WAITING)
    if not _set(looked_at, attachment, Verdict(State.WAITING)):
        raise Conflict(_("没有变化：这个文件已经在等待安全检查。"))


def _claim() -> Attachment | None:
    """Take the file that is due the longest. The worker that moves its time has it, for a while."""
    now = timezone.now()
    due = Attachment.objects.filter(state=State.WAITING, scan_due_at__lte=now).order_by("scan_due_at")
    while (row := due.select_related("message__case__member", "message__case__advisor").first()) is not None:
        if _still(row).update(scan_due_at=now + LEASE):
            row.scan_due_at = now + LEASE
            return row
    return None


def _still(waiting: Attachment) -> QuerySet[Attachment]:
    """The row while it is ours: another worker may have it since the lease ran out."""
    return Attachment.objects.filter(pk=waiting.pk, state=State.WAITING, scan_due_at=waiting.scan_due_at)


def _verdict(finding: str) -> Verdict:
    if finding:
        logger.warning("a file did not pass the scanner: %s", finding)
    return Verdict(State.INFECTED if finding else State.READY, finding)


@transaction.atomic
def _set(rows: QuerySet[Attachment], attachment: Attachment, verdict: Verdict) -> bool:
    """Write the verdict if the row is among `rows`, and show the message anew on the open pages of those on the case.

    Returns whether it was.
    """
    due = timezone.now() if verdict.state == State.WAITING else None
    if not rows.update(state=verdict.state, finding=verdict.finding, scan_due_at=due):
        return False
    message = attachment.message
    publish({"type": "message", "case": message.case.pk, "seq": message.seq, "users": message.case.people})
    return True
