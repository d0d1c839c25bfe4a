from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.people import World
from tests.wecom.robot import Robot
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
