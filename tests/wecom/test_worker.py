"""`manage.py deliver` as a process: how it ends, and that it shows it is alive."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from jiayi.health import WORKER, seen
from tests.people import World, says
from tests.processes import start_manage
from tests.wecom.hostile import ScriptedServer, Wire, answer, hang
from wecom.delivery import deliver_due
from wecom.models import Notification
from wecom.notifications import send_test

pytestmark = pytest.mark.django_db(transaction=True)

State = Notification.State


@contextmanager
def worker() -> Iterator[subprocess.Popen[str]]:
    connection.close()
    process = start_manage("deliver")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@pytest.fixture
def silent(settings: Settings) -> Iterator[ScriptedServer]:
    """A group robot that takes every request and answers none."""
    with ScriptedServer([hang()]) as server:
        settings.WECHAT_WEBHOOK_URL = server.webhook_url("test-robot-key")
        yield server


def test_sigterm_finishes_the_message_in_hand_and_takes_no_other(world: World, settings: Settings) -> None:
    asked_to_end = threading.Event()

    def slow(wire: Wire) -> None:
        asked_to_end.wait(8)
        answer()(wire)

    with ScriptedServer([slow]) as server:
        settings.WECHAT_WEBHOOK_URL = server.webhook_url("test-robot-key")
        first, second = send_test("group"), send_test("group")
        with worker() as process:
            server.wait_for(1, timeout=20)
            process.send_signal(signal.SIGTERM)
            asked_to_end.set()
            assert process.wait(8) == 0
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.state, second.state) == (State.DELIVERED, State.WAITING)
        assert len(server.requests) == 1


def test_sigterm_ends_within_ten_seconds_while_wecom_hangs_and_loses_nothing(
    world: World, silent: ScriptedServer, settings: Settings
) -> None:
    says(world.case, world.wang, "在吗？")
    with worker() as process:
        silent.wait_for(1, timeout=20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    with ScriptedServer() as robot:
        settings.WECHAT_WEBHOOK_URL = robot.webhook_url("test-robot-key")
        later = timezone.now() + timedelta(seconds=61)  # the lease of the one in hand has run out then
        Notification.objects.filter(state=State.SENDING).update(leased_until=timezone.now())
        Notification.objects.filter(state=State.WAITING, due_at__lt=later).update(due_at=timezone.now())
        deliver_due()
        assert Notification.objects.get(event="member_wrote").state == State.DELIVERED
        repeated = {request.body for request in [*silent.requests, *robot.requests]}
        assert len(repeated) == 1, "a repetition is the same text with the same reference"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(world: World, silent: ScriptedServer, number: signal.Signals) -> None:
    row = send_test("group")
    with worker() as process:
        silent.wait_for(1, timeout=20)
        process.send_signal(number)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(2) == -number
    row.refresh_from_db()
    assert row.state == State.SENDING
    assert row.leased_until is not None


def test_a_worker_that_waits_for_wecom_is_seen(world: World, silent: ScriptedServer) -> None:
    assert seen(WORKER) is None
    send_test("group")
    with worker() as process:
        silent.wait_for(1, timeout=20)
        first = seen(WORKER)
        assert first is not None
        assert process.poll() is None
