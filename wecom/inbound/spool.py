"""A spool on the disk for verified callbacks that the database cannot take; they are brought in later.

WeCom promises no repetition of a callback that was answered, and none of one that is late, so a verified callback must
not depend on either. Its file is on the disk before WeCom is answered. Files are brought in in the order of arrival,
before any callback that came after them, and are routed as of their arrival: see receive (docs/decisions/0004).
"""

import fcntl
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection

from wecom.failpoints import failpoint
from wecom.inbound.envelope import Inbound
from wecom.inbound.receive import receive

AT_A_TIME = 10.0  # seconds; then the worker has other things to do

logger = logging.getLogger("jiayi.wecom")


def put_aside(inbound: Inbound, received_at: datetime) -> None:
    """Write a verified message to the spool, on the disk when this returns. Raises OSError."""
    folder = _folder()
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"received_at": received_at.isoformat(), "inbound": asdict(inbound)}, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    failpoint("spool.written")
    # Names sort by the time of arrival, in microseconds.
    os.replace(temporary, folder / f"{round(received_at.timestamp() * 1e6):020d}-{inbound.identity}.json")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def is_empty() -> bool:
    """Return whether nothing waits to be brought in."""
    return next(_folder().glob("*.json"), None) is None


def bring_in(seconds: float = AT_A_TIME) -> int | None:
    """Receive the callbacks that were put aside, the oldest first; receiving one again changes nothing.

    Returns how many were received within `seconds`, or None while another thread or process does it. Raises django's
    DatabaseError or InterfaceError when the database still cannot take them.
    """
    if is_empty():
        return 0
    until = time.monotonic() + seconds
    with _alone() as is_ours:
        if not is_ours:
            return None
        done = 0
        for path in sorted(_folder().glob("*.json")):
            left = until - time.monotonic()
            if left <= 0:
                break
            done += _bring_in(path, left)
        return done


def _bring_in(path: Path, wait: float) -> bool:
    try:
        inbound, received_at = _read(path)
        receive(inbound, received_at, late=True, wait=wait)
    except Exception as error:
        nothing_wrong_with_it = (DatabaseError, InterfaceError)  # away, busy, or not migrated yet
        if isinstance(error, nothing_wrong_with_it) and not isinstance(error, DataError | IntegrityError):
            raise
        # It stays on the disk for a person to look at, and does not hold up later ones.
        logger.exception("a message put aside cannot be handled: %s", path.name)
        path.rename(path.with_suffix(".failed"))
        return False
    failpoint("spool.brought_in")
    path.unlink()
    return True


@contextmanager
def _alone() -> Iterator[bool]:
    """Let one thread on this machine bring in at a time: two would overtake each other. Yields whether it is ours."""
    with (_folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def waiting_since() -> datetime | None:
    """Return when the oldest message that still waits here came, if one does."""
    oldest = min((path.name for path in _folder().glob("*.json")), default="")
    stamp = oldest.partition("-")[0]
    return datetime.fromtimestamp(int(stamp) / 1e6, UTC) if stamp.isdigit() else None


def failed() -> int:
    """Return how many messages put aside could not be handled and wait for a person (`*.failed` in the spool)."""
    return len(list(_folder().glob("*.failed")))


def _read(path: Path) -> tuple[Inbound, datetime]:
    stored = json.loads(path.read_text(encoding="utf-8"))
    fields = stored["inbound"]
    inbound = Inbound(**{**fields, "leaves": tuple((name, text) for name, text in fields["leaves"])})
    return inbound, datetime.fromisoformat(stored["received_at"])


def _folder() -> Path:
    """Return the folder of this database: what was meant for one must never be brought into another."""
    made = connection.settings_dict
    where = "|".join(str(made[part]) for part in ("ENGINE", "HOST", "PORT", "NAME"))
    folder = Path(settings.VAR_DIR) / "spool" / hashlib.sha256(where.encode()).hexdigest()[:12]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
