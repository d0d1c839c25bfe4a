"""`manage.py deliver` as a process: how it ends, and that it shows it is alive."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from jiayi.health import WORKER, seen
from tests.support.hostile import ScriptedServer, Wire, answer, hang
from tests.support.people import World
from tests.support.processes import end, start_manage
from tests.support.size import whole
from wecom.models import Notification
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due

# Threads and signals are the same on every database.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

State = Notification.State


@contextmanager
def worker(**more: str) -> Iterator[subprocess.Popen[bytes]]:
    connection.close()
    process = start_manage("deliver", **more)
    try:
        yield process
    finally:
        end(process)


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
        first, second = request_test("group"), request_test("group")
        with worker() as process:
            server.wait_for(1, timeout=60)
            process.send_signal(signal.SIGTERM)
            asked_to_end.set()
            assert process.wait(8) == 0
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.state, second.state) == (State.DELIVERED, State.WAITING)
        assert len(server.requests) == 1


@whole
def test_sigterm_ends_within_ten_seconds_while_wecom_hangs_and_loses_nothing(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    """A direct message may need several requests of up to 10 s each; the end does not wait for all of them."""

    def slow_token(wire: Wire) -> None:
        time.sleep(3)
        answer(access_token="t", expires_in=7200)(wire)

    settings.WECHAT_APP_SECRET = "the-secret"
    (tmp_path / "secret").write_text("the-secret")
    bind_wecom_account(world.li, "LiMing")
    row = request_test("app", world.li)
    with ScriptedServer([slow_token, hang()]) as wecom:
        settings.WECHAT_API_BASE_URL = wecom.url
        more = {"WECHAT_API_BASE_URL": wecom.url, "WECHAT_APP_SECRET_FILE": str(tmp_path / "secret")}
        with worker(**more) as process:
            wecom.wait_for(1, timeout=60)
            process.send_signal(signal.SIGTERM)
            # It ends by itself after 9.5 s; without that it would take 13. A busy machine needs the second between.
            assert process.wait(12) == 0
        wecom.play([answer(msgid="m")])
        Notification.objects.filter(pk=row.pk, state=State.SENDING).update(leased_until=timezone.now())
        send_due()
        row.refresh_from_db()
        assert (row.state, row.attempts) == (State.DELIVERED, 2)
        sent = [request.body for request in wecom.requests if request.path.endswith("/message/send")]
        assert len(sent) == 2
        assert len(set(sent)) == 1, "so WeCom does not show it twice"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(world: World, silent: ScriptedServer, number: signal.Signals) -> None:
    row = request_test("group")
    with worker() as process:
        silent.wait_for(1, timeout=60)
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None, "the first one waits for the message in hand"
        deadline = time.monotonic() + 5
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(number)  # again, should the first one not have been noticed yet
            time.sleep(0.1)
        assert process.poll() == -number
    row.refresh_from_db()
    assert row.state == State.SENDING
    assert row.leased_until is not None


def test_a_worker_that_waits_for_wecom_is_seen(world: World, silent: ScriptedServer) -> None:
    assert seen(WORKER) is None
    request_test("group")
    with worker() as process:
        silent.wait_for(1, timeout=60)
        first = seen(WORKER)
        assert first is not None
        assert process.poll() is None
