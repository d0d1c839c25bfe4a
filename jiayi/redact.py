"""Log filter that masks secrets and e-mail addresses, also in lines that libraries write."""

import logging
import re
from collections.abc import Iterable

# Each finds a secret and, in its group, what stands before it and stays.
_secrets: list[re.Pattern[str]] = []
_ADDRESS = re.compile(r"[^\s\"'<>()\[\]{},:;=@]{1,64}@[^\s\"'<>()\[\]{},:;=@/]{1,255}\.[^\s\"'<>()\[\]{},:;=@/.]{2,63}")


def hide(*, parameters: Iterable[str] = (), paths: Iterable[str] = ()) -> None:
    """Have `mask` leave out the values of these parameters, and what follows these paths, in this process.

    The settings call it, before any line is written: the apps know their secrets, this module knows no app.
    """
    if names := "|".join(map(re.escape, parameters)):
        # name=value, also percent-encoded inside another URL, and "name": "value" of JSON or of a printed dict.
        start, end = r"(?:(?<![0-9A-Za-z_])|(?<=%26)|(?<=%3F))", r"""(?:=|%3D|["']\s*:\s*["'])"""
        _add(rf"""({start}(?:{names}){end})[^&\s"'<>]+""", re.IGNORECASE)
    if names := "|".join(map(re.escape, paths)):
        _add(rf"""(/(?:{names})/)[^/\s"'<>?#]+""")


def _add(pattern: str, flags: int = 0) -> None:
    secret = re.compile(pattern, flags)
    if secret not in _secrets:  # settings that are read twice add nothing
        _secrets.append(secret)


def mask(text: str) -> str:
    """Return the text without what logs must not hold: e-mail addresses, and the secrets that `hide` was told of."""
    for secret in _secrets:
        text = secret.sub(r"\1***", text)
    return _ADDRESS.sub("***@***", text) if "@" in text else text


class RedactSecrets(logging.Filter):
    """A logging filter that masks secrets in message and traceback. Lets every record pass and never raises."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place and return True."""
        try:
            _mask_record(record)
        except Exception:  # a filter that raises breaks the caller; a record it could not read may hold anything
            record.msg, record.args = "(unreadable log record)", ()
            record.exc_info = record.exc_text = record.stack_info = None
        return True


def _mask_record(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit: logging would print them unmasked
        record.msg, record.args = f"{record.msg!s} {record.args!r}", ()
        message = record.msg
    masked = mask(message)
    if masked != message:
        record.msg, record.args = masked, ()
    if record.exc_info and not record.exc_text:
        # Formatters print exc_text when it is there instead of formatting the exception again.
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        record.exc_text = mask(record.exc_text)
