"""WeCom is told of a hand-over as of any change of the follow-up advisor; of its reason and of notes it is not."""

import pytest

from cases.desk.actions import hand_over_case, write_note
from tests.support.people import World
from wecom.models import Notification

pytestmark = pytest.mark.django_db


def test_both_advisors_are_told_and_nobody_why(world: World) -> None:
    Notification.objects.all().delete()
    write_note(world.case, world.li.user, "canary", client_id="a")
    assert not Notification.objects.exists()
    hand_over_case(world.case, world.zhang, by=world.li.user, reason="canary")
    rows = Notification.objects.order_by("pk")
    assert [(row.event, row.advisor) for row in rows] == [("case_taken", world.li), ("case_assigned", world.zhang)]
    assert not any("canary" in str(value) for row in rows.values() for value in row.values())
