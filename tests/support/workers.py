"""Workers of their own process, forked from the test: they know its settings and patches, and can be killed.

A test that forks needs `transaction=True`: a child sees only what is committed. The child opens a database connection
of its own; those of the parent are closed before, because no connection survives being used by two processes.
"""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connections

from wecom.outbound.sending import send_due

# Newer Pythons warn because the parent has threads (its servers); the child uses none of their locks.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


def fork(call: Callable[[], object]) -> int:
    """Run `call` in a child process and return its id. Whoever calls this ends it with `end` or waits for it."""
    connections.close_all()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        call()
        connections.close_all()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def killed_at(failpoint: str, call: Callable[[], object]) -> None:
    """Run `call` in a child process that is killed (SIGKILL) at this place. Fails if it never gets there."""

    def run() -> None:
        os.environ["FAILPOINT"] = failpoint
        call()

    _pid, status = os.waitpid(fork(run), 0)
    assert os.WIFSIGNALED(status), f"{failpoint} was not reached (exit code {os.waitstatus_to_exitcode(status)})"
    assert os.WTERMSIG(status) == signal.SIGKILL


def kill(child: int) -> None:
    """Kill a child process and wait until it is gone."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def work_for_ever() -> None:
    """What `manage.py deliver` does, without its signals and with short pauses."""
    while True:
        try:
            send_due()
        except DatabaseError:
            traceback.print_exc()
        time.sleep(0.02)


@contextmanager
def workers(count: int) -> Iterator[list[int]]:
    """Have so many workers at work, and kill them at the end."""
    children: list[int] = []
    try:
        children += [fork(work_for_ever) for _ in range(count)]
        yield children
    finally:
        for child in children:
            kill(child)


def wait_until(done: Callable[[], bool], seconds: float) -> None:
    """Ask until it is so. Raises AssertionError after so many seconds."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, f"not so after {seconds:g} s"
        time.sleep(0.02)
