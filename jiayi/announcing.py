"""Whether what happens now is announced to people, for commands that make or mend rows in bulk."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_announcing = ContextVar("announcing", default=True)


def is_announced() -> bool:
    """Receivers that tell people something ask this first."""
    return _announcing.get()


@contextmanager
def unannounced() -> Iterator[None]:
    """Do something without anybody being told: demo data, imports."""
    token = _announcing.set(False)
    try:
        yield
    finally:
        _announcing.reset(token)
