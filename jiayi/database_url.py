"""Parser of DATABASE_URL, with the options that SQLite and PostgreSQL need here."""

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

ENGINES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
SHAPE = "must be like postgres://user:password@host:5432/jiayi, postgres:///jiayi or sqlite:////path/of/a/file"


def parse_database_url(text: str) -> dict[str, Any]:
    """Return the entry of DATABASES for an address.

    Raises ValueError, without the address, when it is none or of another kind of database.
    """
    try:
        # Kept open with health checks: the bounded thread pool keeps its connections (docs/decisions/0001).
        found: dict[str, Any] = {**dj_database_url.parse(text, conn_max_age=60, conn_health_checks=True)}
    except ValueError:  # dj_database_url's own are of this kind
        raise ValueError(SHAPE) from None
    if found["ENGINE"] not in ENGINES or not found["NAME"]:
        raise ValueError(SHAPE)
    if found["ENGINE"].endswith("sqlite3"):
        return found | {"OPTIONS": _sqlite_options()}
    # A host that does not answer must not hold a callback longer than WeCom waits (5 s); the address may say otherwise.
    return found | {"OPTIONS": {"connect_timeout": 3, **found.get("OPTIONS", {})}}


def _sqlite_options() -> dict[str, Any]:
    return {
        # IMMEDIATE + WAL + a busy timeout: no "database is locked"; FULL: what was answered is on the disk.
        "transaction_mode": "IMMEDIATE",
        "timeout": 4,  # seconds; below the 5 s after which WeCom gives a callback up
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=4000;",
    }


def make_folder(folder: Path) -> None:
    """Make the folder of the SQLite file where it is missing. Raises ImproperlyConfigured when that is not allowed."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{folder} cannot be made: {error.strerror}.") from None
