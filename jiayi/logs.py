"""Logging: one line an event; secrets are masked even in a library's debug lines."""

from typing import Any


def logging_settings(level: str) -> dict[str, Any]:
    """Return LOGGING for the least level that is written."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": "jiayi.redact.RedactSecrets"}},
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["redact"], "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": []},  # with DEBUG on, its own would write each line a second time, unmasked
            "django.server": {"handlers": ["console"], "propagate": False},
            "PIL": {"level": "WARNING"},  # its debug lines are what stands in people's pictures
        },
    }
