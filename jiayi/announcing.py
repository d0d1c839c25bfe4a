"""Switch that keeps notifications off, for commands that make or mend rows in bulk."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_announcing = ContextVar("announcing", default=True)


def is_announced() -> bool:
    """Whether people are notified of changes now. Receivers that notify ask this first."""
    return _announcing.get()


@contextmanager
def unannounced() -> Iterator[None]:
    """Make changes without notifying people: demo data, imports."""
    token = _announcing.set(False)
    try:
        yield
    finally:
        _announcing.reset(token)
