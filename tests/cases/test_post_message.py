"""Writing a message, through the API and the page's form."""

import json
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from cases.actions import close_case, post_message, reopen_case
from cases.models import Case, Message
from tests.support.people import World, says, send, signed_in
from tests.support.size import size, sized
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

EACH = size(6, 25)  # messages of each of eight people at once
MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def path(case: Case) -> str:
    return f"/api/cases/{case.number}/messages/"


def texts(case: Case) -> list[str]:
    return list(case.messages.filter(kind="text").values_list("body", flat=True))


@pytest.mark.without_wecom
def test_the_answer_is_the_message_as_documented(world: World) -> None:
    with time_machine.travel(MORNING, tick=False):
        response = send(signed_in(world.wang), path(world.case), {"body": "您好，我想续签。", "client_id": "c-1"})
    message = Message.objects.get(client_id="c-1")
    assert response.status_code == 201
    assert json.loads(response.content) == {
        "id": message.pk,
        "seq": 2,
        "kind": "text",
        "body": "您好，我想续签。",
        "sender": {"name": "王小明", "role": "member", "me": True},
        "source": "web",
        "created_at": "2026-11-23T09:30:00+00:00",
        "client_id": "c-1",
        "recalled": False,
        "attachment": None,
    }


def test_both_sides_read_the_same_message_each_from_their_side(world: World) -> None:
    says(world.case, world.wang, "您好", client_id="from-wang")
    says(world.case, world.li, "您好，王先生", client_id="from-li")

    def seen(who: object) -> list[tuple[object, ...]]:
        messages = signed_in(who).get(path(world.case)).json()["messages"]  # type: ignore[arg-type]
        return [(m["seq"], m["body"], *m["sender"].values(), m["client_id"]) for m in messages]

    said = "本案件的跟进人现在是 李明。"
    assert seen(world.wang) == [
        (1, said, "", "system", False, ""),
        (2, "您好", "王小明", "member", True, "from-wang"),
        (3, "您好，王先生", "李明", "advisor", False, ""),
    ]
    assert seen(world.li) == [
        (1, said, "", "system", False, ""),
        (2, "您好", "王小明", "member", False, ""),
        (3, "您好，王先生", "李明", "advisor", True, "from-li"),
    ]


TEXTS = ["a", "字" * 5000, "<script>alert(1)</script>", "a\n\nb", "🙂👨‍👩‍👧", "0", "null", "'; --", "\u202e反"]


def test_a_text_is_stored_as_written(world: World) -> None:
    client = signed_in(world.wang)
    for n, body in enumerate(TEXTS):
        assert send(client, path(world.case), {"body": body, "client_id": f"{n}"}).json()["body"] == body
    assert texts(world.case) == TEXTS


def test_space_around_a_text_is_dropped(world: World) -> None:
    send(signed_in(world.wang), path(world.case), {"body": " \n 您好 \n", "client_id": "a"})
    assert texts(world.case) == ["您好"]


def test_what_only_the_site_decides_is_not_taken_from_the_sender(world: World) -> None:
    further = {
        "seq": 77, "id": 1, "kind": "system", "sender": world.li.user_id, "source": "wecom", "recalled": True,
        "recalled_at": "2026-01-01", "created_at": "2001-01-01T00:00:00Z", "case": world.other_case.pk,
    }  # fmt: skip
    send(signed_in(world.wang), path(world.case), {"body": "您好", "client_id": "a", **further})
    message = Message.objects.get(client_id="a")
    assert (message.case, message.seq, message.kind, message.sender) == (world.case, 2, "text", world.wang.user)
    assert (message.source, message.recalled_at) == ("web", None)
    assert message.created_at.year > 2001
    assert texts(world.other_case) == []


def test_the_same_client_id_again_is_the_same_message(world: World) -> None:
    client = signed_in(world.wang)
    first = send(client, path(world.case), {"body": "您好", "client_id": "a"})
    again = send(client, path(world.case), {"body": "您好", "client_id": "a"})
    other_words = send(client, path(world.case), {"body": "别的话", "client_id": "a"})
    assert (first.status_code, again.status_code, other_words.status_code) == (201, 200, 200)
    assert first.json() == again.json() == other_words.json()
    assert texts(world.case) == ["您好"]


def test_a_client_id_belongs_to_one_sender_in_one_case(world: World) -> None:
    for who, case in ((world.wang, world.case), (world.li, world.case), (world.li, world.other_case)):
        assert send(signed_in(who), path(case), {"body": "您好", "client_id": "a"}).status_code == 201
    assert len(texts(world.case)) == 2


def test_a_message_sent_again_after_the_case_was_closed_is_still_found(world: World) -> None:
    client = signed_in(world.wang)
    send(client, path(world.case), {"body": "您好", "client_id": "a"})
    close_case(world.case)
    assert send(client, path(world.case), {"body": "您好", "client_id": "a"}).status_code == 200


def test_nobody_writes_into_a_closed_case_until_it_is_open_again(world: World) -> None:
    close_case(world.case)
    for who in (world.wang, world.li):
        response = send(signed_in(who), path(world.case), {"body": "您好", "client_id": "a"})
        assert (response.status_code, response.json()) == (409, {"detail": "案件已结案，不能再发送消息。"})
        assert signed_in(who).get(path(world.case)).status_code == 200
    assert texts(world.case) == []
    reopen_case(world.case)
    assert send(signed_in(world.wang), path(world.case), {"body": "您好", "client_id": "a"}).status_code == 201


def test_closing_twice_says_so_once(world: World) -> None:
    close_case(world.case)
    close_case(world.case)
    assert [m.body for m in world.case.messages.filter(kind="system")][1:] == ["案件已结案。"]


@sized
@pytest.mark.django_db(transaction=True)
def test_many_messages_at_once_are_numbered_without_a_hole(world: World) -> None:
    def write(name: str, client: Client) -> list[int]:
        seqs = []
        for n in range(EACH):
            said = {"body": f"{name}/{n}", "client_id": f"{name}-{n}"}
            # On a busy machine others may be SQLite's one writer for too long; then the page asks again, as here.
            while (response := send(client, path(world.case), said)).status_code == 503:
                assert response.headers["Retry-After"]
            assert response.status_code == 201
            seqs.append(response.json()["seq"])
        return seqs

    people = [(f"{n}", signed_in(world.wang if n % 2 else world.li)) for n in range(8)]
    answered = at_once(*[lambda p=p: write(*p) for p in people])
    stored = list(world.case.messages.order_by("seq").values_list("seq", "body"))
    assert [seq for seq, _ in stored] == list(range(1, 8 * EACH + 2))
    assert Case.objects.get(pk=world.case.pk).last_seq == 8 * EACH + 1
    # What each was told is what is stored, in the order in which each wrote.
    for (name, _), seqs in zip(people, answered, strict=True):
        assert seqs == sorted(seqs)
        assert [(seq, f"{name}/{n}") for n, seq in enumerate(seqs)] == [
            s for s in stored if s[1].startswith(f"{name}/")
        ]
    # Commit order: whatever has a higher number was not written earlier.
    times = list(world.case.messages.order_by("seq").values_list("created_at", flat=True))
    assert times == sorted(times)


@pytest.mark.django_db(transaction=True)
def test_one_message_sent_eight_times_at_once_is_one_message(world: World) -> None:
    def write(client: Client) -> tuple[int, int]:
        response = send(client, path(world.case), {"body": "您好", "client_id": "same"})
        return response.status_code, response.json()["id"]

    clients = [signed_in(world.wang) for _ in range(8)]
    said = at_once(*[lambda c=c: write(c) for c in clients])
    assert sorted(status for status, _ in said) == [200] * 7 + [201]
    assert len({pk for _, pk in said}) == 1
    assert texts(world.case) == ["您好"]
    assert Case.objects.get(pk=world.case.pk).last_seq == 2


def test_numbers_have_no_hole_after_a_write_that_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("cases.actions.publish", lambda event: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            post_message(world.case, world.wang.user, "失败", client_id="a")
    says(world.case, world.wang, "成功")
    assert list(world.case.messages.values_list("seq", "body"))[1:] == [(2, "成功")]


# Without JavaScript: the form of the page ---------------------------------------------------------------


@pytest.mark.without_wecom
def test_the_pages_form_writes_and_comes_back_to_the_conversation(world: World) -> None:
    client = signed_in(world.wang)
    url = f"/messages/{world.case.number}/"
    client_id = client.get(url).context["form"]["client_id"].value()
    for _ in range(2):  # pressed twice
        response = client.post(url, {"body": "您好", "client_id": client_id})
        assert (response.status_code, response.headers["Location"]) == (302, url)
    assert texts(world.case) == ["您好"]
    assert "您好" in client.get(url).content.decode()


def test_a_mistake_in_the_pages_form_is_told_on_the_page(world: World) -> None:
    client, good = signed_in(world.wang), {"body": "您好", "client_id": "a"}
    for wrong in ({"body": ""}, {"body": "字" * 5001}, {"body": "a\x00"}, {"client_id": "a b"}, {"client_id": ""}):
        response = client.post(f"/messages/{world.case.number}/", {**good, **wrong})
        assert (wrong, response.status_code) == (wrong, 400)
        assert set(response.context["form"].errors) == set(wrong)
    assert texts(world.case) == []


def test_the_page_of_a_closed_case_says_why_nothing_was_sent(world: World) -> None:
    close_case(world.case)
    response = signed_in(world.wang).post(f"/messages/{world.case.number}/", {"body": "您好", "client_id": "a"})
    assert response.status_code == 400
    assert "案件已结案，不能再发送消息。" in response.content.decode()
    assert texts(world.case) == []
