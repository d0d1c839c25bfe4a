"""Settings from the environment. Each helper fails loudly and names the variable."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

T = TypeVar("T")


def env_str(name: str, default: str | None = None) -> str:
    """Return the variable without surrounding space; without a default it must be set.

    Raises ImproperlyConfigured, naming the variable.
    """
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. .env.example explains it.")
    return default


def env_bool(name: str, default: bool) -> bool:
    """Return true or false; anything but true/false/1/0/yes/no raises ImproperlyConfigured."""
    value = env_str(name, "")
    if not value:
        return default
    if value.lower() in {"true", "1", "yes"}:
        return True
    if value.lower() in {"false", "0", "no"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value[:20]!r}.")


def env_int(name: str, default: int, *, minimum: int = 0, maximum: int = 2**31) -> int:
    """Return a whole number between minimum and maximum, else raise ImproperlyConfigured."""
    value = env_str(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= 10 and minimum <= int(value) <= maximum):
        raise ImproperlyConfigured(f"{name} must be a whole number from {minimum} to {maximum}.")
    return int(value)


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated values, without empty ones."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_parsed(name: str, default: str, parse: Callable[[str], T]) -> T | None:
    """Return the variable as `parse` reads it, or None when it is empty and has no default.

    Raises ImproperlyConfigured with what `parse` complains about.
    """
    value = env_str(name, default)
    try:
        return parse(value) if value else None
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}.") from None


def env_secret(name: str, default: str | None = None) -> str:
    """Return a secret: from NAME, or from the file that NAME_FILE points at.

    Raises ImproperlyConfigured when the file cannot be read, or nothing is set and there is no default.
    """
    path = env_str(f"{name}_FILE", "")
    if not path:
        return env_str(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {error.strerror}: {path}") from None


def parse_web_address(text: str) -> str:
    """Return an address that a link may lead to. Raises ValueError unless it is http or https, and names nobody."""
    try:
        found = urlsplit(text)
        good = found.scheme in {"http", "https"} and found.hostname and "@" not in found.netloc and text.isprintable()
    except ValueError:
        good = False
    if not good or " " in text:
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
