"""Settings from the environment and `.env`. Each helper fails loudly and names the variable, never a secret."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent


def take_env_file() -> str:
    """Put what `.env` says into the environment of this process, where that has no such variable itself.

    Returns the digest of what the file says. Raises ImproperlyConfigured when it cannot be read.
    """
    for name, value in _said().items():
        os.environ.setdefault(name, value)
    return env_file_digest()


def env_file_digest() -> str:
    """Return the digest of what `.env` says now, and the secrets that it points at; neither can be read from it.

    It is another one than at the start if anything has changed.
    Raises ImproperlyConfigured when the file cannot be read.
    """
    found = hashlib.sha256()
    # As they are written: what ${HOME} stands for depends on who asks.
    for name, value in sorted(_said(interpolate=False).items()):
        found.update(f"{name}={value}\0".encode())
        if name.endswith("_FILE"):
            found.update(_bytes_of(Path(value)))
    return found.hexdigest()


def env_file() -> Path:
    """Return where the settings' file is, or would be: `.env`, unless JIAYI_ENV_FILE names another."""
    return Path(os.environ.get("JIAYI_ENV_FILE", ROOT / ".env"))


def _said(*, interpolate: bool = True) -> dict[str, str]:
    path = env_file()
    try:
        said = dotenv_values(path, interpolate=interpolate)
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.__class__.__name__}.") from None
    return {name: value for name, value in said.items() if value is not None}


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:  # if it is one of ours, env_secret says what is wrong with it
        return b""


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


def env_choice(name: str, default: str, *others: str) -> str:
    """Return one of a few words, else raise ImproperlyConfigured."""
    value = env_str(name, default)
    if value not in {default, *others}:
        raise ImproperlyConfigured(f"{name} must be {', '.join(others)} or {default}.")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated values, without empty ones."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_parsed(name: str, default: str, parse: Callable[[str], T]) -> T | None:
    """Return the variable as `parse` reads it, or None when it is empty and has no default.

    Raises ImproperlyConfigured with what `parse` complains about.
    """
    value = env_str(name, default)
    return parsed(name, value, parse) if value else None


def parsed(name: str, value: str, parse: Callable[[str], T]) -> T:
    """Return a variable's value as `parse` reads it. Raises ImproperlyConfigured with what `parse` complains about."""
    try:
        return parse(value)
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
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE: is not text: {path}") from None
