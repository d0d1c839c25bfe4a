"""Internal notes (内部备注): for the follow-up advisor of the moment, and for nobody's eyes else."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from advisors.actions import suspend_advisor
from cases.actions import assign_advisor, close_case, open_case
from cases.desk.actions import write_note
from cases.models import Message, Note
from jiayi.errors import Gone
from tests.cases.test_rights import NEVER_USED, STRANGERS, blot
from tests.support.people import World, deactivate, says, send, signed_in

pytestmark = pytest.mark.django_db

API, PAGE = "/api/cases/1001/notes/", "/messages/1001/case/"
CANARY = "canary-4711 会员的丈夫不知道"


def note(world: World, text: str = CANARY, client_id: str = "n1") -> Note:
    return write_note(world.case, world.li.user, text, client_id=client_id)[0]


def everything_of_the_desk(client: Client, number: int) -> dict[str, object]:
    """What a person gets for every address of a case's desk, with the number itself blotted out."""
    api, page = f"/api/cases/{number}", f"/messages/{number}"
    body, hand_over = {"body": "x", "client_id": "a"}, {"advisor": "1", "reason": "x", "confirmed": "yes"}
    answers = {
        "notes": client.get(f"{api}/notes/"),
        "notes after": client.get(f"{api}/notes/?after=x"),
        "note": send(client, f"{api}/notes/", body),
        "bad note": send(client, f"{api}/notes/", {}),
        "successors": client.get(f"{api}/hand-over/"),
        "hand over": send(client, f"{api}/hand-over/", hand_over),
        "close": client.post(f"{api}/close/"),
        "reopen": client.post(f"{api}/reopen/"),
        "replies": client.get(f"{api}/replies/"),
        "page": client.get(f"{page}/case/"),
        "older": client.get(f"{page}/case/?before=2"),
        "note on the page": client.post(f"{page}/notes/", body),
        "hand over on the page": client.post(f"{page}/hand-over/", hand_over),
        "close on the page": client.post(f"{page}/status/", {"status": "closed"}),
    }
    return {name: (a.status_code, blot(a.content, number), sorted(a.headers.items())) for name, a in answers.items()}


@pytest.mark.parametrize("name", ["wang", *STRANGERS])
def test_for_members_and_strangers_the_desk_of_a_case_is_a_number_never_used(world: World, name: str) -> None:
    note(world)
    client = signed_in(getattr(world, name))
    real = everything_of_the_desk(client, 1001)
    assert real == everything_of_the_desk(client, NEVER_USED)
    assert {answer[0] for answer in real.values()} == {404}  # type: ignore[index]
    world.case.refresh_from_db()
    assert (Note.objects.count(), world.case.status, world.case.advisor) == (1, "open", world.li)


def test_a_stranger_without_an_account_is_asked_to_sign_in(world: World) -> None:
    answers = everything_of_the_desk(Client(), 1001)
    assert {answer[0] for answer in answers.values()} == {401, 302}  # type: ignore[index]


def test_the_advisor_before_and_a_suspended_one_see_and_write_nothing(world: World) -> None:
    note(world)
    before = signed_in(world.li)
    assert CANARY in before.get(PAGE).content.decode()
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert everything_of_the_desk(before, 1001) == everything_of_the_desk(before, NEVER_USED)
    now = signed_in(world.zhang)
    assert [one["body"] for one in now.get(API).json()["notes"]] == [CANARY]
    assert CANARY in now.get("/messages/1001/").content.decode()
    suspend_advisor(world.zhang, by=world.admin)
    assert everything_of_the_desk(now, 1001) == everything_of_the_desk(now, NEVER_USED)


def test_no_member_finds_a_note_anywhere(world: World) -> None:
    """The canary: in every page and answer that the member of the case, or of another one, can get."""
    says(world.case, world.wang, "您好")
    note(world)
    says(world.case, world.li, "您好")
    for who in (world.wang, world.lin):
        client = signed_in(who)
        for path in (
            "/messages/",
            "/messages/?show=all",
            "/messages/1001/",
            "/messages/1001/?before=3",
            PAGE,
            API,
            "/api/cases/",
            "/api/cases/?scope=active&open=1001",
            "/api/cases/1001/messages/",
            "/api/cases/1001/messages/?after=0",
            "/api/cases/1001/replies/",
        ):
            assert "canary" not in client.get(path).content.decode(), path
    assert "canary" in signed_in(world.li).get("/messages/1001/").content.decode()
    assert not Message.objects.filter(body__contains="canary").exists()


def test_a_note_changes_nothing_about_the_conversation(world: World) -> None:
    says(world.case, world.wang, "您好")
    before = {one["number"]: one for one in signed_in(world.wang).get("/api/cases/").json()}
    note(world)
    assert {one["number"]: one for one in signed_in(world.wang).get("/api/cases/").json()} == before


@pytest.mark.without_wecom
def test_a_note_is_kept_as_written_and_only_once_however_often_it_is_sent(world: World) -> None:
    client = signed_in(world.li)
    first = send(client, API, {"body": "  电话打给太太\n下周一 ", "client_id": "a"})
    again = send(client, API, {"body": "别的", "client_id": "a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "id": Note.objects.get().pk,
        "body": "电话打给太太\n下周一",
        "author": {"name": "李明", "me": True},
        "handed_to": None,
        "created_at": Note.objects.get().created_at.isoformat(),
        "client_id": "a",
    }


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"body": "", "client_id": "a"},
        {"body": " \n ", "client_id": "a"},
        {"body": "x" * 5001, "client_id": "a"},
        {"body": "a\x00b", "client_id": "a"},
        {"body": "x"},
        {"body": "x", "client_id": "a b"},
        {"body": ["x"], "client_id": "a"},
        [],
        "x",
    ],
)
def test_a_bad_note_is_refused_in_words(world: World, data: object) -> None:
    answer = send(signed_in(world.li), API, data)
    assert answer.status_code == 400
    assert answer.json()
    assert not Note.objects.exists()


def test_notes_come_in_pages_and_after_one_known(world: World) -> None:
    ids = [note(world, f"第 {n} 条", client_id=f"n{n}").pk for n in range(7)]
    client = signed_in(world.li)

    def page(query: str) -> tuple[list[int], bool]:
        answer = client.get(f"{API}?{query}").json()
        return [one["id"] for one in answer["notes"]], answer["has_more"]

    assert page("limit=3") == (ids[4:], True)
    assert page(f"before={ids[4]}&limit=10") == (ids[:4], False)
    assert page(f"after={ids[4]}") == (ids[5:], False)
    assert client.get(f"{API}?after=x").status_code == 400
    assert client.get(f"{API}?around={ids[4]}&limit=1").json()["notes"]  # that is a thing of messages, not of notes
    assert client.get(f"{PAGE}?before=x").status_code == 404
    assert "第 0 条" in client.get(f"{PAGE}?before={ids[1]}").content.decode()


def test_the_page_keeps_a_note_without_javascript_and_what_it_refuses_stays_in_the_box(world: World) -> None:
    client = signed_in(world.li)
    sent = client.post("/messages/1001/notes/", {"body": "电话打给太太", "client_id": "a", "back": "case"}, follow=True)
    assert sent.redirect_chain == [(PAGE, 302)]
    assert "备注已保存，会员看不到。" in sent.content.decode()
    assert "电话打给太太" in sent.content.decode()
    back = client.post("/messages/1001/notes/", {"body": "b", "client_id": "b"})
    assert back.headers["Location"] == "/messages/1001/"
    refused = client.post("/messages/1001/notes/", {"body": "很重要", "client_id": "!"})
    assert (refused.status_code, "很重要" in refused.content.decode()) == (400, True)


def test_a_closed_case_still_takes_notes(world: World) -> None:
    close_case(world.case)
    assert send(signed_in(world.li), API, {"body": "归档", "client_id": "a"}).status_code == 201


def test_rights_are_those_of_the_moment_of_writing(world: World) -> None:
    deactivate(world.li)
    with pytest.raises(Gone):
        note(world)
    with pytest.raises(Gone):
        write_note(world.case, world.wang.user, "x", client_id="a")


def test_an_advisor_who_is_a_member_too_never_has_the_desk_of_the_own_case(world: World) -> None:
    """However it came about: a member does not see what is noted about them."""
    note(world)
    type(world.li).objects.filter(pk=world.zhang.pk).update(user=world.lin.user)
    mine = open_case(world.lin, "工签")
    type(mine).objects.filter(pk=mine.pk).update(advisor=world.zhang)
    client = signed_in(world.lin)
    assert client.get(f"/api/cases/{mine.number}/messages/").status_code == 200
    assert client.get(f"/api/cases/{mine.number}/notes/").status_code == 404
    assert "note-form" not in client.get(f"/messages/{mine.number}/").content.decode()


def test_the_database_keeps_notes_unique_and_filled(world: World) -> None:
    note(world)
    for fields in ({"body": "x", "client_id": "n1"}, {"body": "", "client_id": "n2"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Note.objects.create(case=world.case, author=world.li.user, **fields)


def test_administrators_see_that_something_was_noted_not_what_and_change_nothing(world: World) -> None:
    written, client = note(world), signed_in(world.admin)
    for page in ("/admin/cases/note/", f"/admin/cases/note/{written.pk}/change/"):
        text = client.get(page).content.decode()
        assert "#1001" in text
        assert CANARY not in text
    assert client.post(f"/admin/cases/note/{written.pk}/change/", {"body": "anders"}).status_code == 403
    assert client.get("/admin/cases/note/add/").status_code == 403
