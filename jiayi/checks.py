"""Mistakes in the configuration, told before they hurt. Ids are stable; each hint says what to do."""

import sqlite3
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from jiayi.mail import mail_is_configured

# SQLite's WAL could, rarely, be corrupted by a reset before this version; Debian 12 has 3.40.1.
SOUND_SQLITE = (3, 51, 3)


@register()
def check_sandbox(**kwargs: Any) -> list[CheckMessage]:
    if settings.WECOM_SANDBOX and not settings.DEBUG and "wecom.sandbox" not in settings.INSTALLED_APPS:
        hint = "Unset WECOM_SANDBOX: it answers in WeCom's place and lets anybody write as any colleague."
        return [Error("WECOM_SANDBOX is on although DEBUG is off.", hint=hint, id="jiayi.E002")]
    return []


@register(Tags.security, deploy=True)
def check_addresses(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not settings.SITE_URL.startswith("https://"):
        hint = "Set SITE_URL=https://…: cookies, links in WeCom and e-mails depend on it."
        found.append(Error("SITE_URL is not https.", hint=hint, id="jiayi.E003"))
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts in ALLOWED_HOSTS: a forged Host header would end up in e-mailed links."
        found.append(Error("ALLOWED_HOSTS allows every host.", hint=hint, id="jiayi.E004"))
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


@register()
def check_mail(**kwargs: Any) -> list[CheckMessage]:
    if not mail_is_configured():
        hint = (
            "Set EMAIL_URL=smtp+tls://user:password@host:587, or nobody can reset a password, "
            "and members who have left are not told of replies."
        )
        return [Warning("E-mail only goes to the console.", hint=hint, id="jiayi.W002")]
    return []
