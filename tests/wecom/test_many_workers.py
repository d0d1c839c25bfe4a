"""Four workers on PostgreSQL: each notification is sent once, and the robot's limit holds for all of them together."""

from collections import Counter

import pytest
from django.db import connection
from pytest_django import Settings

from members.actions import register_member
from tests.people import PASSWORD, World
from tests.wecom.robot import Robot
from tests.wecom.workers import forks, wait_until, workers
from wecom.limits import MARGIN
from wecom.models import Notification

MESSAGES, SECONDS, ROWS = 20, 2, 200

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="several workers need PostgreSQL"),
    forks,
]
assert connection is not None  # named in the condition above


def test_four_workers_send_200_once_each_within_the_limit(world: World, robot: Robot, settings: Settings) -> None:
    settings.WECHAT_ROBOT_LIMIT = (MESSAGES, SECONDS)
    for number in range(ROWS):
        register_member(email=f"m{number}@example.com", name=f"会员{number}", password=PASSWORD)
    delivered = Notification.objects.filter(state=Notification.State.DELIVERED)
    with workers(4):
        wait_until(lambda: delivered.count() == ROWS, seconds=100)
    times = sorted(request.time for request in robot.requests)
    assert Counter(Counter(robot.texts).values()) == {1: ROWS}
    # The window is a second longer than the limit's: WeCom may see two requests closer together than we sent them.
    assert MARGIN.total_seconds() == 1
    spans = [later - earlier for earlier, later in zip(times, times[MESSAGES:], strict=False)]
    assert min(spans) > SECONDS, "no more than the limit in any window"
