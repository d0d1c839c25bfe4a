"""System checks of the configuration. Ids are stable, also when a check moves to an app; each hint says what to do."""

import sqlite3
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error as DatabaseFailure
from django.db import connection
from django.http.request import validate_host

from jiayi.mail import mail_is_configured
from jiayi.redact import mask

# SQLite's WAL could, rarely, be corrupted by a reset before this version; Debian 12 has 3.40.1.
SOUND_SQLITE = (3, 51, 3)


@register(Tags.security, deploy=True)
def check_addresses(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not settings.SITE_URL.startswith("https://"):
        hint = "Set SITE_URL=https://…: cookies, links in WeCom and e-mails depend on it."
        found.append(Error("SITE_URL is not https.", hint=hint, id="jiayi.E003"))
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts in ALLOWED_HOSTS: a forged Host header would end up in e-mailed links."
        found.append(Error("ALLOWED_HOSTS allows every host.", hint=hint, id="jiayi.E004"))
    host = urlsplit(settings.SITE_URL).hostname or ""
    # As requests name it: an IPv6 address stands in brackets.
    if not validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS):
        hint = f"Add {host} to ALLOWED_HOSTS, or leave it empty: the site refuses everybody who follows its own links."
        found.append(Error("ALLOWED_HOSTS does not hold the host of SITE_URL.", hint=hint, id="jiayi.E005"))
    return found


@register(Tags.database, deploy=True)
def check_database(**kwargs: Any) -> list[CheckMessage]:
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine.endswith("sqlite3") and sqlite3.sqlite_version_info < SOUND_SQLITE:
        hint = "Use PostgreSQL (DATABASE_URL=postgres://…) in production, and keep backups."
        return [
            Warning(f"SQLite {sqlite3.sqlite_version} has a rare WAL corruption bug.", hint=hint, id="jiayi.W001"),
        ]
    return []


@register(Tags.database, deploy=True)
def check_database_answers(**kwargs: Any) -> list[CheckMessage]:
    was_open = connection.connection is not None
    try:
        connection.ensure_connection()
    except DatabaseFailure as error:
        # The driver's first line; the further ones guess. It names host, user and database, and no password.
        said = mask(next(iter(str(error).splitlines()), error.__class__.__name__)).strip()
        hint = "Start the database, and compare DATABASE_URL with the name, the user and the password that it has."
        return [Error(f"The database cannot be reached: {said}", hint=hint, id="jiayi.E006")]
    if not was_open:
        connection.close()
    return []


@register(deploy=True)
def check_media_root(**kwargs: Any) -> list[CheckMessage]:
    files = Path(settings.MEDIA_ROOT)
    # In var we make the folder ourselves. Elsewhere, what is missing is perhaps a disk that was not mounted.
    is_made = Path(settings.VAR_DIR) in files.parents and not files.exists()
    if not isinstance(default_storage, FileSystemStorage) or is_made:
        return []
    if problem := unwritable(files):
        hint = "Make it, for the user that Jiayi runs as, name it in both units' ReadWritePaths, or set MEDIA_ROOT."
        return [Error(f"MEDIA_ROOT, {files}, cannot be written: {problem}.", hint=hint, id="jiayi.E008")]
    return []


def unwritable(folder: Path) -> str:
    """Return why no file can be made in a folder, or "". It tries: rights alone do not tell of a read-only disk."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or error.__class__.__name__
    return ""


@register()
def check_mail(**kwargs: Any) -> list[CheckMessage]:
    if not mail_is_configured():
        hint = (
            "Set EMAIL_URL=smtp+tls://user:password@host:587, or nobody can reset a password, "
            "and members who have left are not told of replies."
        )
        return [Warning("E-mail only goes to the console.", hint=hint, id="jiayi.W002")]
    return []
