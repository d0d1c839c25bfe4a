"""When the database cannot take a callback: a verified message waits in a file, and the worker brings it in later.

WeCom promises no repetition for an answered request, and none at all for a late one; what was verified must not
depend on either. The file is on the disk before WeCom is answered.
"""

import hashlib
import json
import logging
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connection

from wecom.envelope import Inbound
from wecom.failpoints import failpoint
from wecom.inbound import receive

logger = logging.getLogger("jiayi.wecom")


def put_aside(inbound: Inbound) -> None:
    """Write a verified message to the spool, on the disk when this returns. Raises OSError."""
    folder = _folder()
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(inbound), file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    failpoint("spool.written")
    os.replace(temporary, folder / f"{inbound.identity}.json")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def bring_in() -> int:
    """Give what was put aside to the database; repeating one changes nothing. Returns how many went in."""
    done = 0
    for path in sorted(_folder().glob("*.json")):
        try:
            receive(_read(path))
        except OperationalError:
            logger.exception("a message put aside still cannot be stored")
            break
        except Exception:
            # It stays on the disk for a person to look at, and does not hold up what came after it.
            logger.exception("a message put aside cannot be handled: %s", path.name)
            path.rename(path.with_suffix(".failed"))
            continue
        failpoint("spool.brought_in")
        path.unlink()
        done += 1
    return done


def failed() -> int:
    """Return how many messages put aside could not be handled and wait for a person (`*.failed` in the spool)."""
    return len(list(_folder().glob("*.failed")))


def _read(path: Path) -> Inbound:
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Inbound(**{**stored, "leaves": tuple((name, text) for name, text in stored["leaves"])})


def _folder() -> Path:
    """A folder for each database: what was meant for one must never be brought into another."""
    made = connection.settings_dict
    where = "|".join(str(made[part]) for part in ("ENGINE", "HOST", "PORT", "NAME"))
    folder = Path(settings.VAR_DIR) / "spool" / hashlib.sha256(where.encode()).hexdigest()[:12]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
