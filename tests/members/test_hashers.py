"""Passwords are hashed as they are on the real site, which the other tests leave out for their speed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from pytest_django import Settings

from jiayi.settings import PASSWORD_HASHERS
from tests.support.threads import at_once

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")  # "5" begins the kernel's own record of the most memory anew


@pytest.fixture(autouse=True)
def real(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS


def memory(line: str) -> int:
    """MB of memory this process has (VmRSS) or had at the most (VmHWM)."""
    return int(STATUS.read_text().split(f"{line}:")[1].split()[0]) // 1024


def most_while(*calls: Callable[[], object]) -> int:
    """MB of memory that this process had more, at the most, while the calls were made at once."""
    CLEAR.write_text("5")
    before = memory("VmRSS")
    at_once(*calls)
    return memory("VmHWM") - before


def test_a_password_is_hashed_with_argon2_and_known_again() -> None:
    hashed = make_password("a-brand-new-password")
    assert identify_hasher(hashed).algorithm == "argon2"
    assert (check_password("a-brand-new-password", hashed), check_password("another", hashed)) == (True, False)


@pytest.mark.skipif(not CLEAR.exists(), reason="this system does not tell a process's memory")
def test_passwords_are_hashed_one_at_a_time_so_that_sign_ups_leave_room_for_everybody() -> None:
    hashed = make_password("a-brand-new-password")
    one = most_while(partial(make_password, "a-brand-new-password"))
    assert one > 80, "hashing takes memory, or guessing would be cheap"
    assert most_while(*[partial(make_password, f"a-brand-new-password {n}") for n in range(4)]) < 1.6 * one
    assert most_while(*[partial(check_password, f"a-brand-new-password {n}", hashed) for n in range(4)]) < 1.6 * one
