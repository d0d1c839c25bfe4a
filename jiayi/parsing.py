"""Parsers of the values of settings. Each raises ValueError with words that go on from the variable's name.

The words never hold the value: some carry a password.
"""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MAIL_PORTS = {"console": 25, "smtp": 25, "smtp+tls": 587, "smtps": 465}


class MailServer(NamedTuple):
    """How e-mail is sent: `scheme` is console, smtp, smtp+tls or smtps."""

    scheme: str
    host: str
    port: int
    user: str
    password: str


def parse_site_url(text: str) -> SplitResult:
    """Return the parts of the address that people use. Raises ValueError unless it is http or https without a path."""
    found = _split(text.rstrip("/"))
    if found is None or found.scheme not in {"http", "https"} or not found.hostname or found.path:
        raise ValueError("must be like https://jiayi.example, without a path")
    return found


def parse_web_address(text: str) -> str:
    """Return an address that a link may lead to. Raises ValueError unless it is http or https, without a user name."""
    found = _split(text)
    good = found and found.scheme in {"http", "https"} and found.hostname and "@" not in found.netloc
    if not good or not text.isprintable() or " " in text:
        raise ValueError("must be like https://jiayi.example/privacy")
    return text


def parse_email(text: str) -> str:
    """Return an e-mail address. Raises ValueError when it is none."""
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError("must be like office@jiayi.example") from None
    return text


def parse_phone(text: str) -> str:
    """Return a telephone number as people write it. Raises ValueError when it is none."""
    if not re.fullmatch(r"\+?[0-9(][0-9 ().-]{4,30}", text):
        raise ValueError("must be like +1 416 555 0100")
    return text


def parse_time_zone(text: str) -> str:
    """Return the name of a time zone. Raises ValueError when there is none of that name."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone like America/Toronto") from None
    return text


def parse_location(text: str) -> str:
    """Return an internal location of nginx, before which file names are put. Raises ValueError when it is none."""
    if not re.fullmatch(r"/(?:[0-9A-Za-z._~-]+/)+", text):
        raise ValueError("must begin and end with a slash, like /stored/")
    return text


def parse_redis_url(text: str) -> str:
    """Return the address of a Redis server, or of several (Django splits them). Raises ValueError when one is none."""
    for found in map(_split, re.split("[;,]", text)):
        host = found and found.scheme in {"redis", "rediss"} and found.hostname
        if not host and not (found and found.scheme == "unix" and found.path):
            raise ValueError("must be like redis://host:6379/0 or rediss://user:password@host:6379/0")
    return text


def parse_mail_url(text: str) -> MailServer:
    """Return the mail server of an EMAIL_URL. Raises ValueError when it is none."""
    found = _split(text)
    if found is None or found.scheme not in MAIL_PORTS or (found.scheme != "console" and not found.hostname):
        raise ValueError("must be console://, smtp://, smtp+tls:// or smtps://user:password@host:port")
    port = found.port or MAIL_PORTS[found.scheme]
    user, password = unquote(found.username or ""), unquote(found.password or "")
    return MailServer(found.scheme, found.hostname or "", port, user, password)


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address, or None when it cannot be parsed or its port is invalid."""
    try:
        found = urlsplit(text)
        return found if found.port is None or found.port else None
    except ValueError:
        return None
