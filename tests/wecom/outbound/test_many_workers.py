"""Several workers on PostgreSQL, on hosts whose clocks differ: each notification is sent once, the robot's limit holds
for all of them together, and nobody's transaction holds up the others.

In full size (`make prove`) the windows are as long as WeCom's, for 200 notifications: about ten minutes.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from pytest_django import Settings

from cases.actions import assign_advisor, lock_case, mark_read
from cases.models import Case
from jiayi.errors import Refused
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.hostile import Received, Response, Wire, answer
from tests.support.people import World, says, some_members
from tests.support.robot import Robot
from tests.support.size import size, sized, whole
from tests.support.threads import at_once
from tests.support.workers import fork, forks, kill, wait_until, work_for_ever, workers
from wecom import clock
from wecom.models import Attempt, Notification
from wecom.outbound import events, limits
from wecom.outbound.channels import Transport
from wecom.outbound.limits import MARGIN
from wecom.outbound.queue import claim
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due
from wecom.outbound.states import resend

SECONDS, ROWS = size((2, 30), (60, 200))
MESSAGES = 20
State = Notification.State
database_time = clock._database_time  # before the fixture of conftest.py

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="several workers need PostgreSQL"),
    pytest.mark.timeout(60 + SECONDS * 20),
    forks,
]
assert connection is not None  # named in the condition above


@pytest.fixture(autouse=True)
def real_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_database_time", database_time)


def ask_for(count: int) -> None:
    """Ask for so many notifications that no digest gathers."""
    for _ in range(count):
        request_test("group")


def most_within(robot: Robot, seconds: float) -> int:
    """How many requests the robot got at most within any so many seconds."""
    times = sorted(request.time for request in robot.requests)
    return max(len([t for t in times if begin <= t < begin + seconds]) for begin in times)


def delivered() -> int:
    return Notification.objects.filter(state=State.DELIVERED).count()


@sized
def test_four_workers_send_each_once_within_the_limit(
    world: World, robot: Robot, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (MESSAGES, SECONDS)
    ask_for(ROWS)
    began = time.monotonic()
    with workers(4):
        wait_until(lambda: delivered() == ROWS, seconds=40 + SECONDS * 15)
    with capsys.disabled():
        took, most = time.monotonic() - began, most_within(robot, SECONDS)
        print(f"\n{ROWS} by 4 workers in {took:.0f} s; at most {most} in any {SECONDS} s;", end=" ")
        print(f"accepted: {dict(Counter(Counter(robot.texts).values()))}", end=" ")
    assert Counter(Counter(robot.texts).values()) == {1: ROWS}
    # The window is a second longer than the limit's: WeCom may see two requests closer together than we sent them.
    assert MARGIN.total_seconds() == 1
    assert most_within(robot, SECONDS) <= MESSAGES


def test_an_alert_goes_before_a_hundred_and_twenty_sign_ups_whichever_worker_takes_it(
    world: World, robot: Robot, settings: Settings
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (MESSAGES, SECONDS)
    some_members(120)
    says(world.case, world.wang, "在吗？")
    with workers(4):
        wait_until(lambda: delivered() == 121, seconds=30)
    first = Attempt.objects.order_by("started_at", "pk").values_list("notification__event", flat=True)[0]
    assert first == events.MEMBER_WROTE.name
    assert len(robot.texts) == 3
    assert len([text for text in robot.texts if text.startswith("【汇总】")]) == 2
    assert not Attempt.objects.exclude(outcome="ok").exists()


@whole
def test_the_limit_and_the_leases_hold_on_hosts_whose_clocks_differ(
    world: World, robot: Robot, settings: Settings
) -> None:
    """By its own clock a host that is ahead would see a window that is over, and leases that have ended."""
    rows, seconds = 10, 2
    settings.WECHAT_ROBOT_LIMIT = (5, seconds)
    robot.play(slow(0.05))
    ask_for(rows)

    def at(offset: float) -> Callable[[], None]:
        def work() -> None:
            with time_machine.travel(datetime.now(UTC) + timedelta(seconds=offset), tick=True):
                work_for_ever()

        return work

    hosts = [fork(at(offset)) for offset in (0, 600, -600)]
    try:
        wait_until(lambda: delivered() == rows, seconds=40)
    finally:
        for host in hosts:
            kill(host)
    assert len(robot.requests) == rows, "nothing twice"
    assert most_within(robot, seconds) <= 5


def slow(seconds: float) -> Callable[[Received], Response]:
    def script(_request: Received) -> Response:
        def respond(wire: Wire) -> None:
            time.sleep(seconds)
            answer()(wire)

        return respond

    return script


@whole
def test_the_limit_holds_across_workers_that_are_killed_and_started_again(
    world: World, robot: Robot, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (8, 1)
    monkeypatch.setattr(Transport, "lease", timedelta(seconds=0.5))
    monkeypatch.setattr(limits, "SEND_LEASE", timedelta(seconds=0.5))
    robot.play(slow(0.03))
    rows = 16
    ask_for(rows)
    chance = random.Random(4)
    kills = 0
    while delivered() < rows and kills < 24:
        with workers(2):
            time.sleep(chance.uniform(0.05, 0.5))
        kills += 2
    with workers(2):
        wait_until(lambda: delivered() == rows, seconds=30)
    assert len(robot.requests) <= rows + kills
    assert most_within(robot, 1) <= 8


# Nobody holds up anybody --------------------------------------------------------------------------------


@contextmanager
def another_connection(work: Callable[[], object]) -> Iterator[None]:
    """Do this in a transaction of its own that stays open meanwhile, as one of a web process that hangs does."""
    ready, over = threading.Event(), threading.Event()

    def hang() -> None:
        try:
            with transaction.atomic():
                work()
                ready.set()
                over.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hang)
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        over.set()
        thread.join()


def deliver_and_close() -> None:
    """What a worker does once, in a thread of its own."""
    try:
        send_due()
    finally:
        connections.close_all()


def test_a_transaction_that_hangs_in_one_case_does_not_hold_up_the_others(world: World, robot: Robot) -> None:
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    left = Notification.objects.get(case=world.case, event=events.MEMBER_WROTE.name)
    Notification.objects.filter(pk=left.pk).update(
        state=State.SENDING, lease="dead", leased_until=datetime.now(UTC) - timedelta(seconds=5)
    )

    def write() -> None:
        lock_case(world.case.pk)
        Notification.objects.filter(case=world.case, event=events.STILL_UNREAD.name).update(last_seq=9)

    with another_connection(write):
        worker = threading.Thread(target=deliver_and_close)
        worker.start()
        worker.join(15)
        assert not worker.is_alive(), "it waits for somebody's transaction"
        assert len(robot.texts) == 1
        assert f"#{world.other_case.number}" in robot.texts[0]
    send_due()
    assert len(robot.texts) == 2


def test_a_mark_that_waits_for_a_case_does_not_hold_up_the_claims(world: World, robot: Robot) -> None:
    says(world.case, world.wang, "一")
    robot.script = [{"errcode": -1}]
    with another_connection(lambda: lock_case(world.case.pk)):
        marking = threading.Thread(target=deliver_and_close)
        marking.start()
        wait_until(lambda: bool(robot.requests), 10)
        time.sleep(0.3)  # it waits for the case now
        request_test("group")
        began = time.monotonic()
        assert claim("group") is not None
        assert time.monotonic() - began < 10, "where the other transaction hangs for 20 s"
    marking.join()


ROUNDS = 12


def test_everything_at_once_neither_deadlocks_nor_tells_twice(world: World, app: App, robot: Robot) -> None:
    """Members, both advisors in WeCom and on the site, an administrator and three workers, in the same two cases."""
    cases = (world.case, world.other_case)

    def member(case: Case) -> Callable[[], None]:
        return lambda: again(lambda n: says(case, case.member, f"第 {n} 条"))

    def colleague(userid: str) -> Callable[[], None]:
        wecom = WeCom()
        plain = [wecom.message(userid, "text", {"Content": f"#{cases[n % 2].number} 好的"}) for n in range(ROUNDS)]
        return lambda: again(lambda n: wecom.post(plain[n]))

    def administrator(number: int) -> None:
        assign_advisor(cases[number % 2], (world.zhang, world.li)[number % 2], by=world.admin)
        for row in Notification.objects.filter(state=State.CANCELLED).order_by("-pk")[:2]:
            with suppress(Refused):
                resend(row)

    def reader(number: int) -> None:
        with suppress(Refused):
            mark_read(cases[number % 2], world.li.user, 99)

    def worker() -> None:
        again(lambda _n: send_due())

    people = [member(cases[0]), member(cases[1]), colleague("LiMing"), colleague("ZhangWei")]
    at_once(*people, lambda: again(administrator), lambda: again(reader), worker, worker, worker)
    assert not Attempt.objects.filter(outcome__contains="程序出错").exists()
    assert not Notification.objects.filter(state=State.SENDING).exists()
    assert len(robot.texts) == len(set(robot.texts)), "each has a reference of its own, so one was told twice"


def again(call: Callable[[int], object]) -> None:
    """Do it again and again; what the database refuses, a deadlock above all, ends the test."""
    for number in range(ROUNDS):
        call(number)


# While WeCom takes its time -----------------------------------------------------------------------------


# Not what PostgreSQL does in the database by itself.
CLIENTS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"


def test_no_connection_to_postgresql_is_open_while_wecom_hangs(
    world: World, app: App, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of PostgreSQL itself, for the robot, the token, the message to an advisor and a card."""
    monkeypatch.setattr("wecom.api.client.DEADLINE_SECONDS", 10.0)
    says(world.case, world.wang, "在吗？")
    assign_advisor(world.other_case, world.zhang, by=world.admin)
    seen: list[tuple[str, int]] = []
    name = connection.settings_dict["NAME"]
    healthy = app._script

    def watched(request: Received) -> Response:
        others, patience = 1, time.monotonic() + 10
        while others and time.monotonic() < patience:  # a backend takes a moment to notice that it was hung up on
            with connection.cursor() as cursor:  # of the server's thread
                cursor.execute(CLIENTS, [name])
                others = cursor.fetchone()[0] - 1
        seen.append((request.path, others))
        connections.close_all()
        assert callable(healthy)
        return answer() if "webhook" in request.path else healthy(request)

    robot.play(watched)
    app.play(watched)
    connections.close_all()
    send_due()
    asked = {path.rpartition("/")[2] for path, _open in seen}
    assert asked == {"send", "gettoken"}
    assert len(seen) >= 4
    assert {count for _path, count in seen} == {0}
