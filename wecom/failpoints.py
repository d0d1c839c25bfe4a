"""A hook for tests of crashes, which end a process at a named place."""

import os
import signal


def failpoint(name: str) -> None:
    """Kill this process here if the environment variable FAILPOINT names this place; tests of crashes use it."""
    if os.environ.get("FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
