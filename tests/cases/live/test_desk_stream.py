"""The advisor's desk, live: what arrives at whose page, on a real server."""

from collections.abc import Iterator

import pytest

from advisors.actions import suspend_advisor
from cases.actions import close_case
from cases.desk.actions import hand_over_case, write_note
from jiayi.bus import publish
from tests.support.page import Page
from tests.support.people import World, says, send, signed_in
from tests.support.server import Server

pytestmark = pytest.mark.django_db(transaction=True)

EVERYBODY = ("wang", "lin", "li", "zhang", "chen", "gone", "admin")


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


@pytest.mark.without_wecom
def test_a_note_arrives_at_the_follow_up_advisor_alone_and_a_hand_over_ends_that_at_once(
    server: Server, world: World
) -> None:
    pages: dict[str, Page] = {}
    for name in EVERYBODY:
        pages[name] = server.open(signed_in(getattr(world, name)))
        if len(pages) == 1:  # from here on the server listens to what other processes write
            pages[name].events(until="resync")

    def heard(name: str) -> str:
        """Everything that page heard up to now; a mark of our own says where "now" is."""
        publish({"type": "case", "users": [getattr(getattr(world, name), "user_id", world.admin.pk)]})
        return str(pages[name].events(until="case"))

    write_note(world.case, world.li.user, "canary-1", client_id="a")
    assert pages["li"].next()[1]["note"]["body"] == "canary-1"
    # A wake-up that names the wrong people shows them nothing either.
    note = world.case.notes.get()
    users = [getattr(getattr(world, name), "user_id", world.admin.pk) for name in EVERYBODY]
    publish({"type": "note", "case": world.case.pk, "note": note.pk, "users": users})
    assert pages["li"].next()[0] == "note"

    hand_over_case(world.case, world.zhang, by=world.li.user, reason="canary-2")
    taken = pages["zhang"].events(until="note")
    assert [name for name, _ in taken] == ["message", "note"]
    assert taken[-1][1]["note"]["handed_to"] == "张伟"
    says(world.case, world.wang, "canary-3 给新顾问")
    write_note(world.case, world.zhang.user, "canary-4", client_id="b")
    assert [name for name, _ in pages["zhang"].events(count=2)] == ["message", "note"]
    assert pages["li"].next() == ("case", {})
    assert "canary" not in heard("li")
    assert not any("canary-1" in heard(name) for name in EVERYBODY if name not in ("li", "zhang", "wang"))
    of_the_member = heard("wang")
    assert "canary-3" in of_the_member
    assert "本案件的跟进人现在是 张伟。" in of_the_member
    assert not any(secret in of_the_member for secret in ("canary-1", "canary-2", "canary-4", "'note'"))

    suspend_advisor(world.zhang, by=world.admin)
    publish({"type": "note", "case": world.case.pk, "note": note.pk, "users": users})
    assert "note" not in heard("zhang")
    for page in pages.values():
        page.close()


def test_closing_and_reopening_arrive_at_both_sides(server: Server, world: World) -> None:
    with server.open(signed_in(world.wang)) as member, server.open(signed_in(world.li)) as advisor:
        member.events(until="resync")
        status, answer = server.send(signed_in(world.li), "/api/cases/1001/close/", {})
        assert (status, answer["status"]) == (200, "closed")
        for page in (member, advisor):
            assert page.next()[1]["message"]["body"] == "案件已结案。"
        close_case(world.case, by=world.admin)
        assert send(signed_in(world.li), "/api/cases/1001/reopen/", {}).status_code == 200
        for page in (member, advisor):
            assert page.next()[1]["message"]["body"] == "案件已重新打开。"
