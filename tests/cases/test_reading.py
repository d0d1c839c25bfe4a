"""Paging through a conversation, the list of cases, unread counts and read marks."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cases.actions import assign_advisor, close_case, open_case, recall_message
from cases.models import Case, Message, ReadMark
from members.models import Member
from tests.support.people import World, says, send, signed_in

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def fill(case: Case, sender: Member, count: int) -> None:
    """Write a long conversation quickly, after what is there."""
    first = Case.objects.get(pk=case.pk).last_seq + 1
    Message.objects.bulk_create(
        Message(case=case, seq=seq, body=f"第 {seq} 句", sender=sender.user, client_id=f"f{seq}")
        for seq in range(first, first + count)
    )
    Case.objects.filter(pk=case.pk).update(last_seq=first + count - 1)


@pytest.fixture
def wang(world: World) -> Client:
    """The member, in front of a conversation of 150 messages."""
    fill(world.case, world.wang, 149)
    return signed_in(world.wang)


def page(client: Client, query: str = "") -> tuple[list[int], bool]:
    answer = client.get(f"/api/cases/1001/messages/{query}").json()
    assert set(answer) == {"messages", "has_more"}
    return [message["seq"] for message in answer["messages"]], answer["has_more"]


PAGES = [
    ("", 101, 150, True),
    ("?limit=100", 51, 150, True),
    ("?limit=1", 150, 150, True),
    ("?after=0", 1, 50, True),
    ("?after=0&limit=100", 1, 100, True),
    ("?after=100", 101, 150, False),
    ("?after=99", 100, 149, True),
    ("?after=149", 150, 150, False),
    ("?before=151&limit=50", 101, 150, True),
    ("?before=51", 1, 50, False),
    ("?before=52", 2, 51, True),
    ("?before=2", 1, 1, False),
]


@pytest.mark.without_wecom
def test_a_page_ascends_and_says_whether_there_is_more(wang: Client) -> None:
    for query, first, last, has_more in PAGES:
        assert (query, page(wang, query)) == (query, (list(range(first, last + 1)), has_more))


def test_a_page_beyond_the_end_is_empty(wang: Client) -> None:
    for query in ("?after=150", "?after=2147483647", "?before=1"):
        assert page(wang, query) == ([], False)


def test_both_ways_through_a_conversation_meet_every_message_once(wang: Client) -> None:
    forward: list[int] = []
    more = True
    while more:
        seqs, more = page(wang, f"?after={forward[-1] if forward else 0}&limit=37")
        forward += seqs
    backward: list[int] = []
    more = True
    while more:
        seqs, more = page(wang, f"?limit=37{f'&before={backward[0]}' if backward else ''}")
        backward = seqs + backward
    assert forward == backward == list(range(1, 151))


WRONG_PAGES = [
    "after=-1", "after=x", "after=1.5", "after=2147483648", "after=1e3", "after=%00", "before=0", "before=-1",
    "before=x", "limit=0", "limit=101", "limit=-1", "limit=x", "after=1&before=2", f"after={'9' * 5000}",
    f"limit={'9' * 5000}", "after=NaN", "limit=null", "after=%ff",
]  # fmt: skip


def test_a_page_asked_for_wrongly_is_a_400_that_names_the_mistake(wang: Client) -> None:
    for query in WRONG_PAGES:
        response = wang.get(f"/api/cases/1001/messages/?{query}")
        assert (query, response.status_code) == (query, 400)
        assert set(response.json()) <= {"after", "before", "limit", "detail"}


def test_the_page_shows_the_newest_and_links_to_what_is_before(wang: Client) -> None:
    newest = wang.get("/messages/1001/").content.decode()
    assert "第 150 句" in newest
    assert "第 100 句" not in newest
    assert 'href="?before=101"' in newest
    older = wang.get("/messages/1001/?before=101").content.decode()
    assert "第 100 句" in older
    assert "第 101 句" not in older


def test_a_page_with_a_nonsensical_link_is_not_found(wang: Client) -> None:
    for query in ("before=0", "before=x", f"before={'9' * 5000}", "limit=x", "before=%00"):
        assert wang.get(f"/messages/1001/?{query}").status_code == 404


# The list of cases --------------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_the_list_is_as_documented(world: World) -> None:
    with time_machine.travel(NOON, tick=False):
        says(world.case, world.wang, "您好", client_id="a")
    message = Message.objects.get(client_id="a")
    last = {
        "id": message.pk,
        "seq": 2,
        "kind": "text",
        "body": "您好",
        "sender": {"name": "王小明", "role": "member", "me": True},
        "source": "web",
        "created_at": "2026-11-23T12:00:00+00:00",
        "client_id": "a",
        "recalled": False,
        "attachment": None,
    }
    assert json.loads(signed_in(world.wang).get("/api/cases/").content) == [
        {
            "number": 1001,
            "title": "学签续签",
            "kind": "other",
            "status": "open",
            "member": {"name": "王小明", "me": True},
            "advisor": {"name": "李明", "online": False},
            "last_message": last,
            "unread": 1,
            "peer_read_seq": 0,
            "waiting_since": "2026-11-23T12:00:00+00:00",
            "notified_seq": 0,
            "notified_at": None,
            "notifying": False,
        }
    ]


def test_a_case_without_an_advisor_and_without_a_message(world: World) -> None:
    open_case(world.lin, "工签")
    case = signed_in(world.lin).get("/api/cases/").json()[1]  # after that in which something is unread
    assert (case["title"], case["advisor"], case["last_message"], case["unread"]) == ("工签", None, None, 0)


def test_for_a_member_the_newest_conversation_stands_first(world: World) -> None:
    def numbers() -> list[int]:
        return [case["number"] for case in signed_in(world.wang).get("/api/cases/").json()]

    second = open_case(world.wang, "工签", advisor=world.li)
    says(second, world.wang, "您好")
    assert numbers() == [1003, 1001]
    says(world.case, world.wang, "您好")
    assert numbers() == [1001, 1003]


def test_the_lists_need_no_more_queries_for_more_cases(world: World) -> None:
    def queries(path: str) -> int:
        client = signed_in(world.li)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    paths = ("/api/cases/", "/messages/", "/messages/1001/", "/api/cases/1001/messages/")
    says(world.other_case, world.lin, "在吗？")  # whether anybody is told is asked of cases that wait
    few = [queries(path) for path in paths]
    for n in range(12):
        case = open_case(world.lin, f"案件 {n}", advisor=world.li)
        says(case, world.lin, "您好")
        says(case, world.li, "您好")
        says(world.case, world.wang, f"{n}")
    assert [queries(path) for path in paths] == few
    assert max(few) <= 15


@pytest.mark.parametrize("name", ["wang", "li", "both"])
def test_ones_cases_are_found_by_an_index_and_not_among_all_of_the_practice(world: World, name: str) -> None:
    """Somebody who is an advisor and a member has both sides, and two indexes are joined."""
    Member.objects.create(user=world.zhang.user)
    who = {"wang": world.wang.user, "li": world.li.user, "both": world.zhang.user}[name]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Case.objects.visible_to(who).explain()
    indexes = {"wang": ["member_id"], "li": ["advisor_id"], "both": ["member_id", "advisor_id"]}[name]
    assert all(f"cases_case_{column}_" in plan for column in indexes), plan
    assert "SCAN cases_case\n" not in f"{plan}\n"  # SQLite's word for reading all


def unread(who: object) -> int:
    return signed_in(who).get("/api/cases/").json()[-1]["unread"]  # type: ignore[arg-type]


def test_unread_is_what_others_wrote_after_the_mark(world: World) -> None:
    client = signed_in(world.wang)
    assert unread(world.wang) == 1  # who the advisor is
    says(world.case, world.wang, "一")
    assert unread(world.wang) == 1
    for n in range(3):
        says(world.case, world.li, f"{n}")
    assert unread(world.wang) == 4
    send(client, "/api/cases/1001/read/", {"seq": 3})
    assert unread(world.wang) == 2
    send(client, "/api/cases/1001/read/", {"seq": 5})
    assert unread(world.wang) == 0


def test_so_many_unread_messages_are_counted_and_no_more(world: World) -> None:
    fill(world.case, world.wang, 98)
    assert unread_by_advisor(world) == 99
    assert ">99<" in signed_in(world.li).get("/messages/").content.decode()
    says(world.case, world.li, "收到")
    fill(world.case, world.wang, 200)
    assert unread_by_advisor(world) == 100
    assert ">99+<" in signed_in(world.li).get("/messages/").content.decode()
    send(signed_in(world.li), "/api/cases/1001/read/", {"seq": 290})
    assert unread_by_advisor(world) == 10


def unread_by_advisor(world: World) -> int:
    cases = signed_in(world.li).get("/api/cases/").json()
    return next(case["unread"] for case in cases if case["number"] == 1001)


def test_each_reader_has_an_own_mark(world: World) -> None:
    says(world.case, world.wang, "一")
    send(signed_in(world.wang), "/api/cases/1001/read/", {"seq": 2})
    assert signed_in(world.li).get("/api/cases/").json()[0]["unread"] == 2
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert unread(world.zhang) == 3


def mark(world: World) -> int | None:
    found = ReadMark.objects.filter(case=world.case, user=world.wang.user).first()
    return found.seq if found else None


def test_a_mark_never_goes_back_nor_beyond_the_newest_message(world: World) -> None:
    client = signed_in(world.wang)
    for _ in range(4):
        says(world.case, world.li, "您好")
    marks = []
    for seq in (0, 3, 2, 3, 2_147_483_647, 1):
        assert send(client, "/api/cases/1001/read/", {"seq": seq}).status_code == 204
        marks.append(mark(world))
    assert marks == [0, 3, 3, 3, 5, 5]
    says(world.case, world.li, "又一句")
    assert unread(world.wang) == 1


def test_reading_a_closed_case_is_noted_too(world: World) -> None:
    close_case(world.case)
    assert send(signed_in(world.wang), "/api/cases/1001/read/", {"seq": 2}).status_code == 204
    assert unread(world.wang) == 0


def test_writing_on_the_page_without_javascript_marks_what_stood_above_as_read(world: World) -> None:
    says(world.case, world.li, "您好")
    signed_in(world.wang).post("/messages/1001/", {"body": "您好", "client_id": "a"})
    assert unread(world.wang) == 0


def test_a_recalled_message_tells_nobody_what_it_said(world: World) -> None:
    message = says(world.case, world.wang, "我的护照号是 G12345678")
    recall_message(message, by=world.wang.user)
    for who in (world.wang, world.li):
        client = signed_in(who)
        shown = client.get("/api/cases/1001/messages/").json()["messages"][-1]
        assert (shown["seq"], shown["body"], shown["recalled"]) == (2, "", True)
        for path in ("/api/cases/", "/api/cases/1001/messages/", "/messages/", "/messages/1001/"):
            assert "G12345678" not in client.get(path).content.decode()


def test_times_are_those_of_writing(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        says(world.case, world.wang, "一")
        clock.shift(timedelta(hours=1))
        says(world.case, world.wang, "二")
    messages = signed_in(world.wang).get("/api/cases/1001/messages/").json()["messages"]
    assert [m["created_at"] for m in messages[1:]] == ["2026-11-23T12:00:00+00:00", "2026-11-23T13:00:00+00:00"]
