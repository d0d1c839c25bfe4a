"""Keeps secrets and people's addresses out of the logs, also out of lines that libraries write."""

import logging
import re

_NAMES = "key|access_token|corpsecret|media_id|msg_signature|echostr"
_SECRET = re.compile(
    # name=value, also percent-encoded inside another URL, and "name": "value" of JSON or of a printed dict.
    rf"""((?:(?<![0-9A-Za-z_])|(?<=%26)|(?<=%3F))(?:{_NAMES})(?:=|%3D|["']\s*:\s*["']))[^&\s"'<>]+""",
    re.IGNORECASE,
)
# What opens something by its path alone: a reset link, the one-click end of reminders, a file.
_PATH = re.compile(r"(/(?:password/reset/key|reminders-off|api/files)/)[^/\s\"'<>?#]+")
_ADDRESS = re.compile(r"[^\s\"'<>()\[\]{},:;=@]{1,64}@[^\s\"'<>()\[\]{},:;=@/]{1,255}\.[^\s\"'<>()\[\]{},:;=@/.]{2,63}")


def mask(text: str) -> str:
    """Return the text without what logs must not hold.

    Masked are the values of WeCom's secret parameters (key, access_token, corpsecret, ...), the part of a path that
    is a secret, and e-mail addresses.
    """
    text = _PATH.sub(r"\1***", _SECRET.sub(r"\1***", text))
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
