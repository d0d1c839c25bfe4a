"""Notes of which settings a program started with, to find one that `.env` has changed under since."""

import hashlib
import logging
import os
import tempfile
from pathlib import Path

from django.conf import settings

from jiayi.env import env_file, env_file_digest

WEB = "web"  # the other one is jiayi.health.WORKER

logger = logging.getLogger("jiayi")


def note_start(program: str) -> None:
    """Note on this machine's disk, for `outdated`, with which settings a program starts now."""
    path = note_of(program)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w") as file:
            file.write(settings.ENV_FILE_DIGEST)
        os.replace(temporary, path)
    except OSError as error:
        logger.warning("the start of %s cannot be noted in %s: %s", program, path.parent, error.strerror)


def outdated(*programs: str) -> list[str]:
    """Return which of these run with other settings than `.env` has now; of one that never ran nothing is known.

    Raises ImproperlyConfigured when `.env` cannot be read.
    """
    now = env_file_digest()
    return [program for program in programs if _noted(program) not in {now, None}]


def _noted(program: str) -> str | None:
    path = note_of(program)
    return path.read_text() if path.exists() else None


def note_of(program: str) -> Path:
    """Return where the start of a program is noted."""
    # What was started with another file (a test beside a running site) says nothing of this one.
    file = hashlib.sha256(os.fsencode(env_file())).hexdigest()[:12]
    return Path(settings.VAR_DIR) / "started" / f"{program}-{file}"
