from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from tests.support.app import App
from tests.support.people import World
from tests.support.robot import Robot
from wecom.models import Notification


@pytest.fixture
def world(world: World) -> World:
    """The named cast, whose own sign-ups and assignments WeCom has been told about already."""
    Notification.objects.all().delete()
    return world


@pytest.fixture
def robot(settings: Settings) -> Iterator[Robot]:
    """The group robot, on a real HTTP server that the settings point at."""
    with Robot() as robot:
        settings.WECHAT_WEBHOOK_URL = robot.webhook_url("test-robot-key")
        yield robot


@pytest.fixture
def app(settings: Settings, world: World, robot: Robot) -> Iterator[App]:
    """The app is configured and reachable, and 李明 and 张伟 are bound."""
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    with App() as server:
        settings.WECHAT_API_BASE_URL = server.url
        settings.WECHAT_APP_SECRET = "the-secret"
        yield server


@pytest.fixture(autouse=True)
def _our_clock_is_the_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests move the clock of Python, which PostgreSQL knows nothing of."""
    monkeypatch.setattr("wecom.clock._database_time", timezone.now)
