"""Present on the website means: did something there within the last minute."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from advisors.models import Advisor
from tests.support.people import World, look, send, signed_in

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def last_active(advisor: Advisor) -> datetime | None:
    return Advisor.objects.get(pk=advisor.pk).last_active_at


def is_present(advisor: Advisor) -> bool:
    return Advisor.objects.get(pk=advisor.pk).is_present


def test_who_never_did_anything_is_away(world: World) -> None:
    assert not is_present(world.li)


def test_what_a_person_does_on_the_page_makes_present_for_a_minute(world: World) -> None:
    client = signed_in(world.li)
    with time_machine.travel(NOON, tick=False) as clock:
        assert client.post("/api/active/").status_code == 204
        assert last_active(world.li) == NOON
        clock.shift(timedelta(seconds=59))
        assert is_present(world.li)
        clock.shift(timedelta(seconds=1))
        assert not is_present(world.li)


@pytest.mark.without_wecom
def test_activity_is_written_at_most_every_fifteen_seconds(world: World) -> None:
    client = signed_in(world.li)
    written = set()
    with time_machine.travel(NOON, tick=False) as clock:
        for _second in range(46):
            client.post("/api/active/")
            written.add(last_active(world.li))
            clock.shift(timedelta(seconds=1))
    assert written == {NOON + timedelta(seconds=s) for s in (0, 16, 32)}


def test_writing_a_message_makes_present(world: World) -> None:
    path = f"/api/cases/{world.case.number}/messages/"
    assert send(signed_in(world.li), path, {"body": "您好", "client_id": "a"}).status_code == 201
    assert is_present(world.li)


def test_an_open_page_alone_does_not_make_present(world: World) -> None:
    client = signed_in(world.li)
    number = world.case.number
    for path in ("/messages/", f"/messages/{number}/", "/api/cases/", f"/api/cases/{number}/messages/?after=0"):
        assert client.get(path).status_code == 200
    send(client, f"/api/cases/{number}/read/", {"seq": 1})
    assert not is_present(world.li)


def test_activity_of_others_makes_no_advisor_present(world: World) -> None:
    for who in (world.wang, world.chen, world.gone, world.admin, world.zhang):
        assert signed_in(who).post("/api/active/").status_code == 204
    assert not is_present(world.li)
    assert last_active(world.chen) is None
    assert last_active(world.gone) is None


def test_a_member_sees_whether_the_follow_up_advisor_is_there(world: World) -> None:
    client = signed_in(world.wang)

    def advisor() -> dict[str, object]:
        return client.get("/api/cases/").json()[0]["advisor"]

    assert advisor() == {"name": "李明", "online": False}
    look(world.li)
    assert advisor() == {"name": "李明", "online": True}
    look(world.li, timedelta(seconds=61))
    assert advisor() == {"name": "李明", "online": False}
