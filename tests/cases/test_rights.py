"""Who may see and write what. What a person may not see is as if it had never been."""

import re

import pytest
from django.test import Client

from advisors.actions import suspend_advisor
from cases.actions import assign_advisor, mark_read, post_message, recall_message
from cases.models import Case, Message, ReadMark
from jiayi.errors import Gone
from tests.support.people import World, deactivate, says, send, signed_in

pytestmark = pytest.mark.django_db

NEVER_USED = 987_654
STRANGERS = ["lin", "zhang", "chen", "gone", "admin"]


def every_answer(client: Client, number: int) -> dict[str, object]:
    """What a person gets for every way to a case: status, body, headers, with the number itself blotted out."""
    api, body = f"/api/cases/{number}", {"body": "您好", "client_id": "a"}
    answers = {
        "read": client.get(f"{api}/messages/"),
        "read after": client.get(f"{api}/messages/?after=0&limit=5"),
        "read nonsense": client.get(f"{api}/messages/?after=1&before=2"),
        "write": send(client, f"{api}/messages/", body),
        "write nothing": send(client, f"{api}/messages/", {}),
        "write a file": client.post(f"{api}/messages/", {"file": "x", "client_id": "a"}),
        "recall": client.post(f"{api}/messages/1/recall/"),
        "mark read": send(client, f"{api}/read/", {"seq": 1}),
        "type": client.post(f"{api}/typing/"),
        "mark nonsense": send(client, f"{api}/read/", {"seq": "x"}),
        "put": client.put(f"{api}/messages/"),
        "page": client.get(f"/messages/{number}/"),
        "older page": client.get(f"/messages/{number}/?before=2"),
        "write on the page": client.post(f"/messages/{number}/", body),
        "write nothing on the page": client.post(f"/messages/{number}/", {"body": ""}),
    }
    return {name: (a.status_code, blot(a.content, number), sorted(a.headers.items())) for name, a in answers.items()}


def blot(content: bytes, number: int) -> str:
    """Without what differs from one request to the next: the number asked for, and the random CSRF token."""
    text = content.decode().replace(str(number), "NUMBER")
    return re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"|nonce="[^"]+"', "", text)


@pytest.mark.parametrize("name", STRANGERS)
def test_a_case_of_others_looks_like_a_number_never_used(world: World, name: str) -> None:
    says(world.case, world.wang, "我的护照号是 G12345678")
    client = signed_in(getattr(world, name))
    before = list(Case.objects.order_by("pk").values()), Message.objects.count(), ReadMark.objects.count()
    real, unused = every_answer(client, world.case.number), every_answer(client, NEVER_USED)
    assert real == unused
    assert {answer[0] for answer in real.values()} <= {404, 400, 405}  # type: ignore[index]
    assert all(real[name][0] == 404 for name in ("read", "write", "recall", "mark read", "page"))  # type: ignore[index]
    after = list(Case.objects.order_by("pk").values()), Message.objects.count(), ReadMark.objects.count()
    assert after == before


def test_what_does_not_exist_says_nothing_about_why(world: World) -> None:
    response = signed_in(world.zhang).get(f"/api/cases/{world.case.number}/messages/")
    assert response.content.decode() == '{"detail":"没有找到。"}'


@pytest.mark.parametrize("name", ["wang", "li"])
def test_the_member_and_the_follow_up_advisor_read_and_write(world: World, name: str) -> None:
    client = signed_in(getattr(world, name))
    api = f"/api/cases/{world.case.number}"
    assert client.get(f"/messages/{world.case.number}/").status_code == 200
    assert client.get(f"{api}/messages/").status_code == 200
    assert send(client, f"{api}/messages/", {"body": "您好", "client_id": "a"}).status_code == 201
    assert send(client, f"{api}/read/", {"seq": 2}).status_code == 204
    assert client.post(f"{api}/messages/2/recall/").status_code == 200


@pytest.mark.without_wecom
@pytest.mark.parametrize(
    ("name", "numbers"),
    [("wang", [1001]), ("lin", [1002]), ("li", [1002, 1001]), ("zhang", []), ("chen", []), ("gone", []), ("admin", [])],
)
def test_everybody_lists_only_the_own_cases(world: World, name: str, numbers: list[int]) -> None:
    client = signed_in(getattr(world, name))
    assert sorted(case["number"] for case in client.get("/api/cases/").json()) == sorted(numbers)
    page = client.get("/messages/").content.decode()
    assert [n for n in (1002, 1001) if f"/messages/{n}/" in page] == numbers


def test_a_stranger_is_asked_to_sign_in(world: World) -> None:
    client, api = Client(), f"/api/cases/{world.case.number}"
    for response in (
        client.get("/api/cases/"),
        client.get(f"{api}/messages/"),
        client.get(f"/api/cases/{NEVER_USED}/messages/"),
        send(client, f"{api}/messages/", {"body": "x", "client_id": "a"}),
        client.post(f"{api}/messages/1/recall/"),
        send(client, f"{api}/read/", {"seq": 1}),
        client.post("/api/active/"),
        client.get("/api/events/"),
    ):
        assert response.status_code == 401
        assert set(response.json()) == {"detail"}
    for path in ("/messages/", f"/messages/{world.case.number}/", f"/messages/{NEVER_USED}/", "/messages/new/"):
        assert client.get(path).headers["Location"] == f"/accounts/login/?next={path}"
        assert client.post(path, {"body": "x"}).status_code == 302


def test_a_suspended_advisor_still_named_in_the_case_sees_and_writes_nothing(world: World) -> None:
    suspend_advisor(world.li, by=world.admin)
    client = signed_in(world.li)
    assert Case.objects.get(pk=world.case.pk).advisor == world.li
    assert every_answer(client, world.case.number) == every_answer(client, NEVER_USED)
    assert client.get("/api/cases/").json() == []


@pytest.mark.parametrize("name", ["wang", "li"])
def test_a_deactivated_account_is_signed_out_with_its_next_request(world: World, name: str) -> None:
    who = getattr(world, name)
    client = signed_in(who)
    deactivate(who)
    path = f"/api/cases/{world.case.number}/messages/"
    assert client.get(path).status_code == 401
    assert send(client, path, {"body": "您好", "client_id": "a"}).status_code == 401
    assert client.get("/messages/").status_code == 302


@pytest.mark.parametrize("name", ["wang", "li"])
def test_rights_are_those_of_the_moment_of_writing_not_of_the_request(world: World, name: str) -> None:
    """The request was let in, and its person was deactivated before the message is written."""
    who = getattr(world, name)
    message = says(world.case, who, "刚才")
    as_let_in = type(who.user).objects.get(pk=who.user_id)
    deactivate(who)
    for act in (
        lambda: post_message(world.case, as_let_in, "您好", client_id="a"),
        lambda: recall_message(message, by=as_let_in),
        lambda: mark_read(world.case, as_let_in, 1),
    ):
        with pytest.raises(Gone):
            act()
    message.refresh_from_db()
    assert message.recalled_at is None


def test_the_advisor_before_loses_the_case_with_the_next_request(world: World) -> None:
    before, now = signed_in(world.li), signed_in(world.zhang)
    path = f"/api/cases/{world.case.number}/messages/"
    mine = says(world.case, world.li, "我来跟进")
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert every_answer(before, world.case.number) == every_answer(before, NEVER_USED)
    assert before.post(f"{path}{mine.seq}/recall/").status_code == 404
    assert [case["number"] for case in before.get("/api/cases/").json()] == [world.other_case.number]
    assert now.get(path).json()["messages"][1]["body"] == "我来跟进"
    assert send(now, path, {"body": "现在由我跟进", "client_id": "a"}).status_code == 201


def test_a_message_of_another_case_is_not_reached_through_ones_own(world: World) -> None:
    for n in range(5):
        says(world.other_case, world.lin, f"第 {n} 句")
    client = signed_in(world.wang)
    assert client.post(f"/api/cases/{world.case.number}/messages/5/recall/").status_code == 404
    assert not Message.objects.exclude(recalled_at=None).exists()


def test_nothing_private_is_kept_by_a_shared_cache(world: World) -> None:
    client = signed_in(world.wang)
    for path in ("/messages/", f"/messages/{world.case.number}/", "/api/cases/", "/api/cases/1001/messages/"):
        assert "no-store" in client.get(path).headers["Cache-Control"]
    assert "no-store" in signed_in(world.zhang).get("/api/cases/1001/messages/").headers["Cache-Control"]
