"""The check-up: what it finds, what it says to do, where it is shown, and what it never shows."""

import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from advisors.actions import bind_wecom_account, suspend_advisor
from cases.actions import close_case, open_case
from jiayi.health import WORKER, beat
from tests.support.app import App
from tests.support.clock import NOON
from tests.support.colleague import WeCom
from tests.support.people import World
from tests.support.robot import Robot
from wecom.diagnosis.checkup import checkup
from wecom.diagnosis.findings import Finding
from wecom.models import Attempt, Channel, Notification
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = Notification.State
NOT_ALLOWED = "from ip: 203.0.113.9, more info at https://open.work.weixin.qq.com/devtool/query?e=60020"
SECRETS = ("test-robot-key", "the-secret", "testtoken", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "token-of-app")


def look(*, ask: bool = False) -> dict[str, Finding]:
    """Check everything up. Whatever is not in order says what to do, and nothing shows a secret."""
    found = checkup(ask_wecom=ask)
    assert [finding.title for finding in found if finding.level != "ok" and not finding.fix] == []
    assert not [secret for secret in SECRETS if secret in str(found)]
    by_title = {finding.title: finding for finding in found}
    assert len(by_title) == len(found)
    return by_title


# The group robot and the channels -----------------------------------------------------------------------


def test_a_site_in_order_has_nothing_bad(world: World, app: App, settings: Settings) -> None:
    settings.DEBUG = True  # the robot on this machine is then what is wanted
    beat(WORKER)
    request_test("group")
    request_test("app", world.li)
    send_due()
    WeCom().say("LiMing", "帮助")
    assert {finding.level for finding in look(ask=True).values()} == {"ok"}


@pytest.mark.parametrize("value", ["", "https://example.com/cgi-bin/webhook/send?key=test-robot-key", "half a key"])
def test_a_robot_without_a_valid_address_is_bad(world: World, settings: Settings, value: str) -> None:
    settings.WECHAT_WEBHOOK_URL = value
    found = look()["群机器人不能发送"]
    assert found.level == "bad"
    assert "WECHAT_WEBHOOK_URL" in found.detail
    assert ".env" in found.fix


def test_a_robot_on_this_machine_in_production_is_worth_a_warning(world: World, robot: Robot) -> None:
    found = look()["群机器人地址"]
    assert (found.level, f"127.0.0.1:{robot.port}" in found.detail) == ("warn", True)


def test_the_official_address_is_in_order(world: World) -> None:
    assert "qyapi.weixin.qq.com" in look()["群机器人地址"].detail
    assert look()["群机器人地址"].level == "ok"


def test_what_wecom_refused_is_bad_until_a_message_goes_through(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    robot.script = [{"errcode": 93000, "errmsg": "invalid webhook url"}]
    request_test("group")
    send_due()
    found = look()["群机器人不能发送"]
    assert found.level == "bad"
    assert "重新添加机器人" in found.detail
    assert "测试消息" in found.fix
    clock.shift(301)
    send_due()
    found = look()["群机器人的发送"]
    assert found.level == "ok"
    assert "最近成功：不到一分钟前" in found.detail
    assert "5 分钟前" in found.detail, "the last error stays on record"
    assert "群机器人不能发送" not in look()


def test_a_pause_because_of_the_limit_needs_nobody(world: World, robot: Robot) -> None:
    robot.script = [{"errcode": 45009, "errmsg": "api freq out of limit"}]
    request_test("group")
    send_due()
    found = look()["群机器人的发送"]
    assert found.level == "warn"
    assert "频率" in found.detail
    assert "不需要处理" in found.fix


def test_a_passing_error_is_a_warning(world: World, robot: Robot) -> None:
    robot.script = [{"errcode": -1, "errmsg": "busy"}]
    request_test("group")
    send_due()
    found = look()["群机器人的发送"]
    assert found.level == "warn"
    assert "系统繁忙" in found.detail


def test_a_channel_that_never_sent_asks_for_a_test_message(world: World, robot: Robot) -> None:
    assert "测试消息" in look()["群机器人的发送"].fix


# The queue and the worker -------------------------------------------------------------------------------


@pytest.mark.parametrize(("late", "level"), [(60, "ok"), (121, "warn"), (1801, "bad")])
def test_notifications_that_wait_too_long_are_told_with_the_age_of_the_oldest(
    world: World, clock: time_machine.Traveller, late: int, level: str
) -> None:
    for number in range(3):
        row = request_test("group")
        Notification.objects.filter(pk=row.pk).update(due_at=NOON - timedelta(seconds=late * (number == 1)))
    Notification.objects.filter(pk=request_test("group").pk).update(due_at=NOON + timedelta(hours=1))
    found = look()["等待发送"]
    assert found.level == level
    assert found.detail.startswith("3 条已到期未发")
    assert f"{late // 60} 分钟前" in found.detail
    assert "另有 1 条" in found.detail


def test_failures_count_for_a_day(world: World, robot: Robot, clock: time_machine.Traveller) -> None:
    robot.script = [{"errcode": 40058, "errmsg": "text.content exceed max length"}]
    request_test("group")
    send_due()
    assert look()["发送失败"].level == "warn"
    assert "1 条" in look()["发送失败"].detail
    clock.shift(timedelta(days=1, minutes=1))
    assert look()["发送失败"].level == "ok"


def test_a_worker_that_is_away_is_bad(world: World, clock: time_machine.Traveller) -> None:
    assert "manage.py deliver" in look()["发送进程"].fix
    beat(WORKER)
    assert look()["发送进程"].level == "ok"
    clock.shift(300)
    found = look()["发送进程"]
    assert found.level == "bad"
    assert "5 分钟前" in found.detail


# The callback and the app -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "level", "named"),
    [
        ({}, "ok", "三个值齐全"),
        ({"WECHAT_CALLBACK_TOKEN": ""}, "bad", "缺少 WECHAT_CALLBACK_TOKEN"),
        ({"WECHAT_CALLBACK_TOKEN": "with space"}, "bad", "WECHAT_CALLBACK_TOKEN"),
        ({"WECHAT_ENCODING_AES_KEY": "short"}, "bad", "WECHAT_ENCODING_AES_KEY"),
        ({"WECHAT_CORP_ID": "企业"}, "bad", "WECHAT_CORP_ID"),
        (dict.fromkeys(["WECHAT_CORP_ID", "WECHAT_CALLBACK_TOKEN", "WECHAT_ENCODING_AES_KEY"], ""), "warn", "没有设置"),
    ],
    ids=["in order", "one missing", "token", "key", "company", "none"],
)
def test_the_callbacks_values_are_checked_and_its_url_is_there_to_paste(
    world: World, settings: Settings, values: dict[str, str], level: str, named: str
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    found = look()["回调设置"]
    assert found.level == level
    assert named in found.detail
    assert "http://testserver/api/wechat/receive" in found.detail


def test_the_last_verified_callback_is_told(world: World, clock: time_machine.Traveller) -> None:
    assert look()["收到回调"].level == "warn"
    WeCom(clock=lambda: NOON.timestamp()).say("Stranger", "您好")
    clock.shift(7200)
    Client().post("/api/wechat/receive?msg_signature=0&timestamp=0&nonce=0", b"<xml/>", content_type="text/xml")
    found = look()["收到回调"]
    assert (found.level, "2 小时前" in found.detail) == ("ok", True)


@pytest.mark.parametrize(
    ("secret", "agent_id", "level"),
    [
        ("", "", "ok"),
        ("", "1000002", "ok"),
        ("the-secret", "1000002", "ok"),
        ("the-secret", "", "bad"),
        ("", "the app", "bad"),
    ],
)
def test_the_apps_values_belong_together(
    world: World, settings: Settings, secret: str, agent_id: str, level: str
) -> None:
    settings.WECHAT_APP_SECRET, settings.WECHAT_AGENT_ID = secret, agent_id
    assert look()["应用设置"].level == level


def test_an_app_taken_out_of_use_is_bad_only_while_something_waits_for_it(
    world: World, app: App, settings: Settings
) -> None:
    row = request_test("app", world.li)
    settings.WECHAT_APP_SECRET = ""
    send_due()
    assert "WECHAT_APP_SECRET" in look()["应用消息不能发送"].detail
    Notification.objects.filter(pk=row.pk).update(state=State.CANCELLED)
    assert "应用消息不能发送" not in look()


# Asking WeCom -------------------------------------------------------------------------------------------


def test_without_being_asked_to_wecom_is_not_asked(world: World, app: App) -> None:
    look()
    assert app.requests == []


def test_asking_changes_nothing_and_sends_nothing(world: World, app: App) -> None:
    found = look(ask=True)
    assert {found[title].level for title in ("企业微信接口", "access_token", "应用与可信 IP")} == {"ok"}
    assert [request.path.rpartition("cgi-bin")[2] for request in app.requests] == [
        "/agent/get",
        "/gettoken",
        "/agent/get",
    ]
    assert app.messages == []


def test_without_an_app_only_the_way_to_wecom_is_tried(world: World, app: App, settings: Settings) -> None:
    settings.WECHAT_APP_SECRET = ""
    found = look(ask=True)
    assert found["企业微信接口"].level == "ok"
    assert "access_token" not in found
    assert len(app.requests) == 1


def test_a_host_that_cannot_be_reached_ends_the_questions(world: World, app: App, settings: Settings) -> None:
    settings.WECHAT_API_BASE_URL = "http://127.0.0.1:9"
    found = look(ask=True)
    assert found["企业微信接口"].level == "bad"
    assert "access_token" not in found


def test_a_wrong_base_url_is_bad(world: World, app: App, settings: Settings) -> None:
    settings.WECHAT_API_BASE_URL = "https://example.com"
    assert "WECHAT_API_BASE_URL" in look(ask=True)["企业微信接口"].detail


def test_an_untrusted_address_is_told_with_the_address_to_enter(world: World, app: App) -> None:
    app.script = [{"errcode": 60020, "errmsg": f"not allow to access from your ip, {NOT_ALLOWED}"}]
    found = look(ask=True)["应用与可信 IP"]
    assert found.level == "bad"
    assert "203.0.113.9" in found.detail
    assert "企业可信 IP" in found.fix


def test_an_app_switched_off_is_bad(world: World, app: App) -> None:
    app.script = [{"errcode": 0, "agentid": 1000002, "close": 1}]
    assert look(ask=True)["应用与可信 IP"].level == "bad"


def test_wecom_being_busy_is_a_warning(world: World, app: App) -> None:
    app.script = [{"errcode": -1, "errmsg": "busy"}]
    assert look(ask=True)["应用与可信 IP"].level == "warn"


def test_a_refused_secret_is_not_tried_again_however_often_somebody_looks(world: World, app: App) -> None:
    app.token = {"errcode": 40001, "errmsg": "invalid credential"}
    for _ in range(3):
        found = look(ask=True)["access_token"]
        assert (found.level, "WECHAT_APP_SECRET" in found.detail) == ("bad", True)
    assert len([request for request in app.requests if request.path.endswith("/gettoken")]) == 1


# The site and its people --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "debug", "level"),
    [
        ("https://jiayi.example", False, "ok"),
        ("http://jiayi.example", False, "warn"),
        ("https://localhost", False, "warn"),
        ("https://127.0.0.1:8000", False, "warn"),
        ("https://10.0.0.5", False, "warn"),
        ("https://[::1]", False, "warn"),
        ("http://127.0.0.1:8000", True, "ok"),
    ],
)
def test_an_address_nobody_outside_can_open_is_worth_a_warning(
    world: World, settings: Settings, url: str, debug: bool, level: str
) -> None:
    settings.SITE_URL, settings.DEBUG = url, debug
    assert look()["网站地址 SITE_URL"].level == level


def test_approved_advisors_without_account_are_named(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    found = look()["顾问的企业微信账号"]
    assert found.level == "warn"
    assert found.detail.endswith("张伟")


def test_open_cases_nobody_can_follow_are_named(world: World) -> None:
    assert look()["案件的跟进人"].level == "ok"
    nobodys, closed = open_case(world.wang, "访客签证"), open_case(world.wang, "旧案")
    close_case(closed)
    assert look()["案件的跟进人"].detail.endswith(f"#{nobodys.number}")
    suspend_advisor(world.li, by=world.admin)
    found = look()["案件的跟进人"].detail
    assert all(f"#{case.number}" in found for case in (world.case, world.other_case, nobodys))
    for number in range(20):
        open_case(world.wang, f"案件 {number}")
    assert look()["案件的跟进人"].detail.endswith("等")


def test_looking_costs_ten_queries_however_much_there_is(
    world: World, app: App, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        row = request_test(("group", "app")[number % 2], world.li)
        Attempt.objects.create(notification=row, channel=row.channel, finished_at=timezone.now(), outcome="x")
        open_case(world.wang, f"案件 {number}")
    with django_assert_max_num_queries(10):
        look()


# manage.py check_wecom ----------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("check_wecom", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_the_command_shows_marks_and_ends_with_an_error_only_if_something_is_bad(world: World, app: App) -> None:
    with pytest.raises(CommandError) as failed:
        run()
    assert failed.value.returncode == 1
    beat(WORKER)
    said = run()
    assert "✓ access_token" in said
    assert "! 群机器人的发送" in said
    assert "→ 发送一条测试消息。" in said
    assert app.messages == []


def test_the_command_sends_a_test_message_through_the_queue(world: World, app: App, robot: Robot) -> None:
    beat(WORKER)
    said = run("--send-test")
    (row,) = Notification.objects.all()
    assert f"✓ 测试消息 {row.reference}  已送达" in said
    assert row.reference in robot.texts[0]
    assert "测试" in robot.texts[0]


def test_a_test_message_is_tried_at_once_after_somebody_mended_the_channel(
    world: World, app: App, robot: Robot
) -> None:
    beat(WORKER)
    robot.script = [{"errcode": 93004, "errmsg": "disabled"}]
    with pytest.raises(CommandError):
        run("--send-test")
    assert send_due() == 0
    assert "✓ 测试消息" in run("--send-test")
    assert Channel.objects.get(name="group").problem == ""


def test_a_pause_because_of_the_limit_is_kept_and_told(world: World, app: App, robot: Robot) -> None:
    beat(WORKER)
    robot.script = [{"errcode": 45009, "errmsg": "too often"}]
    assert "! 测试消息" in run("--send-test")
    said = run("--send-test")
    assert "频率" in said
    assert len(robot.requests) == 1


def test_without_a_robot_the_command_says_what_is_missing(world: World, app: App, settings: Settings) -> None:
    settings.WECHAT_WEBHOOK_URL = ""
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_wecom", "--send-test", stdout=out, no_color=True)
    assert "✗ 测试消息" in out.getvalue()
    assert "WECHAT_WEBHOOK_URL" in out.getvalue()
