"""The check-up page in the admin, its test messages, and the red notice on every other page."""

from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser, Permission
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from jiayi.health import WORKER, seen
from members.models import User
from tests.support.app import App
from tests.support.people import PASSWORD, World, signed_in
from tests.support.processes import start_manage
from tests.support.robot import Robot
from wecom.models import Channel, Notification
from wecom.outbound.requests import request_test
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = Notification.State
PAGE = "/admin/wecom/checkup/"
SECRETS = ("test-robot-key", "the-secret", "testtoken", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "token-of-app")


def staff(world: World, *permissions: str) -> Client:
    user = User.objects.create_user("staff@example.com", PASSWORD, name="前台", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return signed_in(user)


def shown(client: Client, path: str = PAGE, **data: object) -> str:
    answer = client.post(path, data, follow=True) if data else client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_the_findings_and_is_linked_from_the_index_and_the_list(world: World, app: App) -> None:
    admin = signed_in(world.admin)
    for path in ("/admin/", "/admin/wecom/", reverse("admin:wecom_notification_changelist")):
        assert f'href="{PAGE}"' in shown(admin, path)
    page = shown(admin)
    assert "http://testserver/api/wechat/receive" in page
    assert "manage.py deliver" in page
    assert not [secret for secret in SECRETS if secret in page]
    assert app.requests == []


def test_the_page_tells_when_the_process_that_shows_it_has_other_settings_than_the_file(
    world: World, app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    admin = signed_in(world.admin)
    assert "systemctl reload jiayi-web" not in shown(admin)
    file = tmp_path / ".env"
    file.write_text("WECHAT_CALLBACK_TOKEN=another-token\n")
    monkeypatch.setenv("JIAYI_ENV_FILE", str(file))
    page = shown(admin)
    assert "systemctl reload jiayi-web" in page
    assert "another-token" not in page
    file.write_bytes("名=值".encode("gbk"))
    assert f"{file} cannot be read" in shown(admin)


def test_wecom_is_asked_when_somebody_presses_the_button(world: World, app: App) -> None:
    assert "access_token" in shown(signed_in(world.admin), ask="1")
    assert app.requests


@pytest.mark.parametrize(
    ("permissions", "sees", "sends"),
    [((), False, False), (("view_notification",), False, False), (("view_channel",), True, False),
     (("view_channel", "change_channel"), True, True)],
)  # fmt: skip
def test_who_may_look_and_who_may_send(
    world: World, app: App, permissions: tuple[str, ...], sees: bool, sends: bool
) -> None:
    client = staff(world, *permissions)
    page = client.get(PAGE)
    assert page.status_code == (200 if sees else 403)
    assert ('name="send"' in page.content.decode()) is sends
    assert client.post(PAGE, {"ask": "1"}).status_code == (200 if sees else 403)
    assert client.post(PAGE, {"send": "group"}).status_code == (302 if sends else 403)
    assert Notification.objects.count() == sends
    index = client.get("/admin/").content.decode()
    assert (f'href="{PAGE}"' in index) is sees


def test_members_and_strangers_are_sent_away(world: World) -> None:
    for client in (Client(), signed_in(world.wang), signed_in(world.li)):
        for method in (client.get, client.post):
            assert method(PAGE, {"send": "group"}).status_code in {302, 403}
    assert not Notification.objects.exists()


def test_another_site_cannot_send_a_test_message(world: World, app: App) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.admin)
    for data in ({"send": "group"}, {"ask": "1"}):
        assert client.post(PAGE, data).status_code == 403
    assert not Notification.objects.exists()
    assert app.requests == []


def test_without_a_worker_the_page_says_that_the_test_message_waits(world: World, app: App) -> None:
    assert "发送进程没有运行" in shown(signed_in(world.admin), send="group")
    assert Notification.objects.get().state == State.WAITING


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_the_worker_sends_the_test_message_while_the_page_waits(world: World, robot: Robot) -> None:
    admin = signed_in(world.admin)
    worker = start_manage("deliver")
    try:
        while seen(WORKER) is None:
            assert worker.poll() is None
        assert "已送达：群机器人" in shown(admin, send="group")
        assert len(robot.texts) == 1
    finally:
        worker.terminate()
        worker.wait(10)


def test_a_test_message_goes_to_an_advisor_directly(world: World, app: App, robot: Robot) -> None:
    shown(signed_in(world.admin), send="app", advisor=world.zhang.pk)
    send_due()
    assert [message["touser"] for message in app.messages] == ["ZhangWei"]
    assert robot.texts == []


@pytest.mark.parametrize(
    ("to", "advisor"), [("app", ""), ("app", "999999"), ("app", "x"), ("app", "9" * 40), ("fax", ""), ("", "")]
)
def test_a_test_message_to_nobody_is_refused_in_words(world: World, app: App, to: str, advisor: str) -> None:
    assert '<li class="error">' in shown(signed_in(world.admin), send=to, advisor=advisor)
    assert not Notification.objects.exists()


def test_without_the_app_nobody_is_sent_a_test_message_directly(world: World, app: App, settings: Settings) -> None:
    settings.WECHAT_APP_SECRET = ""
    admin = signed_in(world.admin)
    assert 'value="app"' not in shown(admin)
    shown(admin, send="app", advisor=world.li.pk)
    assert not Notification.objects.exists()


def test_only_advisors_who_can_be_reached_are_offered(world: World, app: App) -> None:
    bind_wecom_account(world.zhang, "")
    page = shown(signed_in(world.admin))
    assert f'<option value="{world.li.pk}">' in page
    for advisor in (world.zhang, world.chen, world.gone):
        assert f'<option value="{advisor.pk}">' not in page


# The red notice -----------------------------------------------------------------------------------------


def notices(client: Client, path: str = "/admin/") -> int:
    return client.get(path).content.decode().count('class="errornote"')


def test_a_notice_stands_on_every_admin_page_until_a_message_goes_through(
    world: World, robot: Robot, clock: time_machine.Traveller
) -> None:
    admin = signed_in(world.admin)
    lists = [reverse(f"admin:{name}_changelist") for name in ("wecom_notification", "cases_case", "members_user")]
    pages = ["/admin/", PAGE, *lists, reverse("admin:cases_case_change", args=[world.case.pk])]
    assert [notices(admin, page) for page in pages] == [0] * len(pages)
    robot.script = [{"errcode": 93008, "errmsg": "robot not in chat"}]
    request_test("group")
    send_due()
    assert [notices(admin, page) for page in pages] == [1] * len(pages)
    text = shown(admin, "/admin/")
    assert "群机器人已不在群中" in text
    assert f'<a href="{PAGE}">' in text
    clock.shift(301)
    send_due()
    assert notices(admin) == 0


def test_a_missing_robot_is_told_before_anything_waits_and_until_it_is_set(
    world: World, robot: Robot, settings: Settings
) -> None:
    there, admin = settings.WECHAT_WEBHOOK_URL, signed_in(world.admin)
    settings.WECHAT_WEBHOOK_URL = ""
    assert notices(admin) == 1
    request_test("group")
    send_due()
    assert notices(admin) == 1
    settings.WECHAT_WEBHOOK_URL = there
    assert notices(admin) == 0, "not a stale one until the next success"


def test_whoever_is_not_staff_sees_no_notice(world: World, settings: Settings) -> None:
    settings.WECHAT_WEBHOOK_URL = ""
    for client in (Client(), signed_in(world.wang)):
        assert "WECHAT_WEBHOOK_URL" not in client.get("/admin/", follow=True).content.decode()
    notice = Template("{% load wecom_notice %}{% wecom_notice %}")
    for context in ({}, {"user": AnonymousUser()}, {"user": world.wang.user}):
        assert "WECHAT_WEBHOOK_URL" not in notice.render(Context(context))
    looker = staff(world)
    assert notices(looker) == 1
    assert PAGE not in shown(looker, "/admin/")


def test_the_notice_costs_one_query(world: World, django_assert_num_queries: Any) -> None:
    notice = Template("{% load wecom_notice %}{% wecom_notice %}")
    with django_assert_num_queries(1):
        assert "errornote" not in notice.render(Context({"user": world.admin}))


def test_what_wecom_said_cannot_add_markup(world: World) -> None:
    Channel.objects.create(
        name="group", needs_mending=True, paused_until=timezone.now(), problem="<script>alert(1)</script>"
    )
    admin = signed_in(world.admin)
    for path in ("/admin/", PAGE):
        assert "<script>alert" not in shown(admin, path)
