"""The refusals of the domain. Each carries a message for the person who asked, in their language."""


class Refused(Exception):
    """Base of all refusals; `message` is meant to be shown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(Refused):
    """What was sent cannot be accepted as it is."""


class Conflict(Refused):
    """Right in itself, but not in the state things are in now (a closed case, a reviewed advisor)."""


class Unavailable(Exception):
    """Something we depend on is away for a moment: nothing was written, and trying again later is right.

    `message` is meant to be shown. Not a refusal: what is tried again by itself must not give up because of it.
    `retry_after`: seconds from now, 0 when nobody knows.
    """

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.message, self.retry_after = message, retry_after


class TooMany(Refused):
    """Allowed, but too often in too short a time, or too much. `retry_after`: seconds from now, 0: not by waiting."""

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Gone(Refused):
    """The object does not exist for this person, whether or not it exists for others."""
