"""While and after something is broken: what pauses, what is tried again when, and that only the broken one suffers."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, open_case
from tests.support.app import App
from tests.support.clock import NOON
from tests.support.hostile import Received, Response, answer, hang, http_answer, redirect, reset
from tests.support.people import World, says
from tests.support.robot import Robot
from wecom.api import client
from wecom.api.client import WeComError
from wecom.api.errcodes import Verdict
from wecom.management.commands.deliver import JobFailed, work
from wecom.models import Attempt, Channel, Notification, ReplyTarget
from wecom.outbound import events, queue
from wecom.outbound.decision import decide
from wecom.outbound.marks import mark_delivered, mark_failed
from wecom.outbound.next_step import NextStep
from wecom.outbound.queue import claim
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = Notification.State
BUSY = {"errcode": -1, "errmsg": "busy"}
OFTEN = {"errcode": 45009, "errmsg": "too often"}
DISABLED = {"errcode": 93004, "errmsg": "disabled"}


@pytest.fixture
def told(clock: time_machine.Traveller, world: World, robot: Robot) -> World:
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    return world


def ask_for(count: int) -> list[Notification]:
    """Ask for so many notifications that no digest gathers."""
    return [request_test("group") for _ in range(count)]


def states(rows: list[Notification]) -> list[str]:
    return [Notification.objects.get(pk=row.pk).state for row in rows]


def group() -> Channel:
    return Channel.objects.get(name="group")


# The channel --------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_five_failures_in_a_row_pause_the_channel_and_one_probe_at_a_time_follows(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    rows = ask_for(10)
    robot.script = [BUSY] * 1000
    send_due()
    assert len(robot.requests) == 5, "a WeCom that hangs must not cost ten seconds for each notification"
    assert group().paused_until == NOON + timedelta(seconds=30)
    assert "系统繁忙" in group().problem
    assert not group().needs_mending, "nobody can do anything about it"
    for probes in range(1, 7):
        clock.shift(31)
        send_due()
        assert len(robot.requests) == 5 + probes
    robot.script = []
    clock.shift(31)
    send_due()
    assert states(rows) == [State.DELIVERED] * 10, "whatever waited for a later try goes out at once"
    assert (group().problem, group().paused_until) == ("", None)


def test_one_notification_that_fails_again_and_again_does_not_pause_the_channel(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    (row,) = ask_for(1)
    robot.script = [BUSY] * 8
    for _ in range(8):
        send_due()
        clock.shift(2000)
    assert len(robot.requests) == 8
    assert group().paused_until is None


def test_a_limit_pauses_the_channel_for_its_minute_however_often_the_row_was_tried(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    tried, fresh = ask_for(2)
    Notification.objects.filter(pk=tried.pk).update(attempts=12)
    robot.script = [OFTEN]
    send_due()
    assert group().paused_until == NOON + timedelta(seconds=60)
    clock.shift(59)
    send_due()
    assert states([fresh]) == [State.WAITING]
    clock.shift(2)
    send_due()
    assert states([fresh]) == [State.DELIVERED]


@pytest.mark.engine
def test_a_success_that_was_under_way_does_not_lift_a_pause(told: World, robot: Robot) -> None:
    ask_for(2)
    limited, under_way = claim("group"), claim("group")
    assert limited is not None
    assert under_way is not None
    mark_failed(limited, WeComError("太频繁", Verdict.RETRY, 45009, wait=60.0), timedelta())
    mark_delivered(under_way, client.Answer(0, "ok", {}, 5))
    assert group().paused_until == NOON + timedelta(seconds=60)
    assert group().last_success_at == NOON


def test_a_robot_switched_off_is_probed_slowly_and_mended_by_the_first_success(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    rows = ask_for(3)
    robot.script = [DISABLED] * 1000
    for _ in range(60):
        send_due()
        assert group().needs_mending
        assert "重新启用" in group().problem
        clock.shift(60)
    assert 11 <= len(robot.requests) <= 13, "every five minutes"
    assert Notification.objects.count() == 3, "one red notice, not one alarm for each probe"
    robot.script = []
    clock.shift(301)
    send_due()
    assert states(rows) == [State.DELIVERED] * 3
    assert (group().needs_mending, group().problem, group().paused_until) == (False, "", None)


def test_a_network_failure_meanwhile_does_not_hide_what_must_be_mended(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    ask_for(8)
    robot.script = [DISABLED, *[BUSY] * 20]
    send_due()
    clock.shift(301)
    send_due()
    assert len(robot.requests) > 5
    assert group().needs_mending
    assert "重新启用" in group().problem


# Only the broken one ------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_digest_that_wecom_refuses_is_sent_one_by_one(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (2, 60)
    cases = [told.case, told.other_case, open_case(told.wang, "访客签证", advisor=told.li)]
    Notification.objects.all().delete()
    for case in cases:
        says(case, case.member, "在吗？")
    alerts = list(Notification.objects.filter(event=events.MEMBER_WROTE.name).order_by("pk"))

    def spam(request: Received) -> Response:
        text = request.json["text"]["content"]
        if f"#{told.other_case.number}" in text:
            return answer(40201, "spam")
        robot.payloads.append(request.json)
        return answer()

    robot.play(spam)
    for _ in range(6):
        send_due()
        clock.shift(61)
    assert states(alerts) == [State.DELIVERED, State.FAILED, State.DELIVERED]
    assert len(robot.texts) == 2
    assert not [text for text in robot.texts if "汇总" in text]


def test_of_a_digest_only_what_was_tried_for_24_hours_is_given_up(
    told: World, robot: Robot, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (1, 60)
    says(told.case, told.wang, "一")
    says(told.other_case, told.lin, "二")
    old, fresh = Notification.objects.filter(event=events.MEMBER_WROTE.name).order_by("pk")
    Notification.objects.filter(pk=old.pk).update(trying_since=NOON - timedelta(hours=24, minutes=1))
    robot.script = [BUSY]
    send_due()
    assert states([old, fresh]) == [State.FAILED, State.WAITING]


def test_a_mistake_of_ours_in_sending_fails_that_one_and_not_the_worker(
    told: World, robot: Robot, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, other = ask_for(2)
    send = client.send_to_group

    def broken(address: client.RobotAddress, payload: dict[str, dict[str, str]]) -> client.Answer:
        if f"编号 {poison.reference}）" in payload["text"]["content"]:
            raise TypeError("poison")
        return send(address, payload)

    monkeypatch.setattr("wecom.outbound.channels.robot.send_to_group", broken)
    send_due()
    assert states([poison, other]) == [State.FAILED, State.DELIVERED]
    assert "服务器日志" in Notification.objects.get(pk=poison.pk).note
    assert Attempt.objects.filter(notification=poison, finished_at=None).count() == 0


@pytest.mark.engine
def test_a_database_that_is_away_for_a_moment_fails_nothing(
    told: World, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ask_for(1)

    def away(row: Notification, now: datetime) -> NextStep:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as broken:
        broken.setattr(queue, "decide", away)
        with pytest.raises(OperationalError):
            send_due()
    send_due()
    assert states(rows) == [State.DELIVERED]


# The app ------------------------------------------------------------------------------------------------


@pytest.fixture
def app(told: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 1.5)  # healthy answers too must come within it
    with App() as server:
        settings.WECHAT_API_BASE_URL = server.url
        settings.WECHAT_APP_SECRET = "canary-secret"
        yield server


@pytest.mark.parametrize(
    "fault",
    [hang(), reset(), http_answer(502), answer(-1), redirect(307, "http://127.0.0.1:9/"), http_answer(200, b"<html>")],
    ids=["hangs", "resets", "502", "busy", "redirect", "HTML"],
)
def test_a_direct_message_is_tried_again_and_the_group_is_told_meanwhile(
    told: World,
    app: App,
    robot: Robot,
    clock: time_machine.Traveller,
    caplog: pytest.LogCaptureFixture,
    fault: Response,
) -> None:
    caplog.set_level(logging.DEBUG)
    says(told.case, told.wang, "在吗？")
    healthy = app._script
    app.play(
        lambda request: answer(access_token="canary-token", expires_in=7200) if "gettoken" in request.path else fault
    )
    send_due()
    direct = Notification.objects.get(channel="app")
    assert direct.state == State.WAITING
    assert NOON + timedelta(seconds=1.6) <= direct.due_at <= NOON + timedelta(seconds=2.4)
    assert len(robot.texts) == 1
    app.play(healthy)
    clock.shift(3)
    send_due()
    direct.refresh_from_db()
    assert direct.state == State.DELIVERED
    assert len(app.messages) == 1
    written = caplog.text + "".join(
        repr(row) for model in (Notification, Attempt, Channel) for row in model.objects.values()
    )
    assert "canary-" not in written


@pytest.mark.parametrize("data", [{"access_token": "x" * 5000}, {"access_token": "a\0"}, {"expires_in": 10**30}])
def test_an_odd_token_does_not_end_the_worker(
    told: World, app: App, robot: Robot, clock: time_machine.Traveller, data: dict[str, Any]
) -> None:
    says(told.case, told.wang, "在吗？")
    healthy = app._script
    app.play([answer(**{"access_token": "t", "expires_in": 7200, **data})])
    send_due()
    app.play(healthy)
    clock.shift(3)
    send_due()
    assert Notification.objects.get(channel="app").state == State.DELIVERED


def test_a_direct_message_tried_again_goes_to_whoever_follows_the_case_by_then(
    told: World, app: App, clock: time_machine.Traveller
) -> None:
    says(told.case, told.wang, "我的护照号是 E12345678")
    app.script = [BUSY]
    send_due()
    assign_advisor(told.case, told.zhang, by=told.admin)
    clock.shift(3)
    send_due()
    cards = [message for message in app.messages if message["msgtype"] == "template_card"]
    assert [card["touser"] for card in cards] == ["ZhangWei"], "the advisor before must not read of it any more"
    assert ReplyTarget.objects.get(advisor=told.zhang).case == told.case


# Clocks and mistakes ------------------------------------------------------------------------------------


def test_a_clock_that_was_put_back_stops_nothing_for_longer_than_a_window(
    told: World, robot: Robot, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (4, 60)
    ask_for(4)
    for _ in range(5):
        send_due()
        clock.shift(1)
    assert len(robot.texts) == 4
    clock.shift(timedelta(hours=-1))
    (late,) = ask_for(1)
    send_due()
    assert states([late]) == [State.WAITING], "a whole window first: nobody knows how long ago they were sent"
    clock.shift(62)
    send_due()
    assert states([late]) == [State.DELIVERED]


def test_a_pause_of_before_the_clock_was_put_back_is_over(
    told: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [DISABLED]
    ask_for(1)
    send_due()
    clock.shift(timedelta(hours=-1))
    ask_for(1)
    send_due()
    assert len(robot.texts) == 1


@pytest.mark.engine
def test_a_mistake_of_ours_that_the_database_refuses_fails_that_one_and_not_the_others(
    told: World, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, other = ask_for(2)

    def broken(row: Notification, now: datetime) -> NextStep:
        if row.pk == poison.pk:
            Channel.objects.create(name="group")  # there is one already
        return decide(row, now)

    monkeypatch.setattr(queue, "decide", broken)
    send_due()
    assert states([poison, other]) == [State.FAILED, State.DELIVERED]


@pytest.mark.engine
def test_a_mistake_in_one_of_the_workers_jobs_does_not_hold_up_the_others(
    told: World, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ask_for(1)

    def broken() -> int:
        raise ValueError("poison")

    monkeypatch.setattr("wecom.management.commands.deliver.bring_in", broken)
    with pytest.raises(JobFailed):
        work()
    assert states(rows) == [State.DELIVERED]
