"""The refusals of the domain. Each carries a message for the person who asked, in their language."""


class Refused(Exception):
    """Base of all refusals; `message` is meant to be shown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(Refused):
    """What was sent cannot be accepted as it is."""


class Conflict(Refused):
    """The request is valid, but the object's state does not allow it now (closed, reviewed already)."""


class Unavailable(Exception):
    """A service we depend on is unavailable: nothing was written, and the request can be repeated later.

    `message` is meant to be shown. Not a refusal: automatic retries go on after it. `retry_after`: seconds from now, 0
    when unknown.
    """

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.message, self.retry_after = message, retry_after


class TooMany(Refused):
    """A limit is reached. `retry_after`: seconds from now; 0 when waiting does not help."""

    def __init__(self, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Gone(Refused):
    """The object does not exist for this person, whether or not it exists for others."""
