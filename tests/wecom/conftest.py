from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.wecom.robot import Robot


@pytest.fixture
def robot(settings: Settings) -> Iterator[Robot]:
    """The group robot, on a real HTTP server that the settings point at."""
    with Robot() as robot:
        settings.WECHAT_WEBHOOK_URL = robot.webhook_url("test-robot-key")
        yield robot
