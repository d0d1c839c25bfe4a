"""The advisor's desk: which cases are listed, in which order, and what stands in its head."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from advisors.models import Advisor
from cases.actions import close_case, mark_read, open_case, post_message, recall_message
from cases.models import Case
from tests.support.people import World, says, signed_in

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def numbers(client: Client, query: str = "") -> list[int]:
    return [case["number"] for case in client.get(f"/api/cases/{query}").json()]


def on_page(client: Client, path: str) -> list[int]:
    """The numbers of the cases in the list of a page, in order."""
    return [
        int(n) for n in re.findall(r'class="case" href="[^"]+" data-number="(\d+)"', client.get(path).content.decode())
    ]


@pytest.fixture
def five(world: World) -> Client:
    """李明 follows five cases: 1001 waits since 12:02, 1002 since 12:01, 1003 was answered last, 1004 and 1005 are
    closed, and in 1005 something is unread."""
    with time_machine.travel(NOON, tick=False) as clock:
        third, fourth, fifth = (open_case(world.wang, f"案件 {n}", advisor=world.li) for n in (3, 4, 5))
        for case, who in (
            (world.other_case, world.lin),
            (world.case, world.wang),
            (world.other_case, world.lin),
            (fourth, world.wang),
            (fifth, world.wang),
            (third, world.wang),
            (third, world.li),
        ):
            clock.shift(timedelta(minutes=1))
            says(case, who, "您好")
        close_case(fourth)
        close_case(fifth)
        for case in Case.objects.exclude(pk=fifth.pk):
            mark_read(case, world.li.user, 99)
    return signed_in(world.li)


def test_what_waits_comes_first_longest_first_then_unread_open_and_closed(five: Client) -> None:
    assert numbers(five) == [1002, 1001, 1005, 1003, 1004]
    assert on_page(five, "/messages/?show=all") == numbers(five)


def test_a_recalled_question_waits_no_longer(world: World) -> None:
    client = signed_in(world.li)
    says(world.other_case, world.lin, "您好")
    message = says(world.case, world.wang, "您好")
    assert numbers(client) == [1002, 1001]
    recall_message(message, by=world.wang.user)
    assert numbers(client) == [1002, 1001]
    recall_message(says(world.other_case, world.lin, "又"), by=world.lin.user)
    assert numbers(client)[0] == 1002


FILTERS = {
    "": [1001, 1002, 1003, 1005],
    "?show=open": [1001, 1002, 1003, 1005],
    "?show=waiting": [1001, 1002],
    "?show=unread": [1005],
    "?show=closed": [1004, 1005],
    "?show=all": [1001, 1002, 1003, 1004, 1005],
    "?show=nonsense": [1001, 1002, 1003, 1005],
    "?show=%00": [1001, 1002, 1003, 1005],
    f"?cases={'9' * 5000}": [1001, 1002, 1003, 1005],
}


@pytest.mark.without_wecom
def test_the_filters_of_the_page(five: Client) -> None:
    assert {query: sorted(on_page(five, f"/messages/{query}")) for query in FILTERS} == FILTERS


def test_the_case_on_the_page_is_always_in_the_list(five: Client) -> None:
    assert 1004 in on_page(five, "/messages/1004/")
    assert sorted(on_page(five, "/messages/1003/?show=waiting")) == [1001, 1002, 1003]
    page = five.get("/messages/1003/?show=waiting").content.decode()
    assert 'href="/messages/1001/?show=waiting"' in page
    assert 'href="/messages/?show=waiting"' in page


def test_the_api_gives_everything_unless_asked_for_less(five: Client) -> None:
    assert sorted(numbers(five)) == [1001, 1002, 1003, 1004, 1005]
    assert sorted(numbers(five, "?scope=active")) == [1001, 1002, 1003, 1005]
    assert sorted(numbers(five, "?scope=active&open=1004")) == [1001, 1002, 1003, 1004, 1005]
    assert numbers(five, "?limit=2") == [1002, 1001]
    assert numbers(five, "?limit=2&open=1004") == [1002, 1001, 1004]
    assert five.get("/api/cases/?scope=x").status_code == 400
    assert five.get("/api/cases/?limit=0").status_code == 400


def test_no_case_of_others_is_asked_for_by_number(five: Client, world: World) -> None:
    theirs = open_case(world.lin, "他人", advisor=world.zhang)
    assert theirs.number not in numbers(five, f"?scope=active&open={theirs.number}")


def test_more_cases_than_are_listed_are_one_link_away(five: Client) -> None:
    page = five.get("/messages/?cases=2").content.decode()
    assert on_page(five, "/messages/?cases=2") == [1002, 1001]
    assert 'id="more-cases"><a href="?show=open&amp;cases=4">' in page
    assert 'id="more-cases" hidden' in five.get("/messages/").content.decode()


def test_a_desk_with_closed_cases_only_is_still_a_desk(world: World) -> None:
    for case in (world.case, world.other_case):
        close_case(case)
        mark_read(case, world.li.user, 99)
    page = signed_in(world.li).get("/messages/").content.decode()
    assert "这里没有案件。" in page
    assert "目前没有由您跟进的案件" not in page
    assert 'id="no-cases" role="status" hidden' not in page


def test_a_member_has_no_desk_and_sees_closed_cases(world: World) -> None:
    close_case(world.case)
    client = signed_in(world.wang)
    client.post("/api/cases/1001/read/", {"seq": 99}, content_type="application/json")
    page = client.get("/messages/1001/?show=waiting").content.decode()
    assert on_page(client, "/messages/?show=waiting") == [1001]
    assert not any(
        part in page for part in ("filters", "away-switch", "内部备注", "案件资料", 'id="desk"', "note-form")
    )


def test_unread_counts_do_not_read_the_whole_conversation(world: World) -> None:
    """However long the conversations are, the list takes the same few queries."""
    client = signed_in(world.li)
    says(world.other_case, world.lin, "在吗？")  # whether anybody is told is asked of cases that wait

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/api/cases/?scope=active&limit=100")
        return len(captured)

    few = queries()
    for n in range(10):
        says(open_case(world.lin, f"{n}", advisor=world.li), world.lin, "您好")
    assert queries() == few


# The head of the desk ------------------------------------------------------------------------------------


def away(world: World) -> bool:
    return Advisor.objects.get(pk=world.li.pk).away


def test_the_switch_says_that_one_is_away_and_back(world: World) -> None:
    client = signed_in(world.li)
    assert "接待中" in client.get("/messages/").content.decode()
    answer = client.post("/availability/away/", {"away": "yes", "next": "/messages/1001/?show=all"})
    assert answer.headers["Location"] == "/messages/1001/?show=all"
    assert away(world)
    assert "您已设为离开" in client.get("/messages/").content.decode()
    client.post("/availability/away/", {"away": "no"})
    assert not away(world)


def test_the_switch_leaves_the_hours_alone_and_the_desk_says_that_they_are_over(world: World) -> None:
    hours = {"hours_from": "09:00", "hours_to": "17:00"}
    client = signed_in(world.li)
    client.post("/availability/", hours)
    with time_machine.travel(datetime(2026, 11, 23, 4, 0, tzinfo=UTC), tick=False):
        assert "工作时间外" in signed_in(world.li).get("/messages/").content.decode()
    client.post("/availability/away/", {"away": "yes"})
    advisor = Advisor.objects.get(pk=world.li.pk)
    assert (advisor.away, str(advisor.hours_from)) == (True, "09:00:00")


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "\x00"])
def test_the_switch_leads_nowhere_else(world: World, back: str) -> None:
    answer = signed_in(world.li).post("/availability/away/", {"away": "yes", "next": back})
    assert answer.headers["Location"] == "/messages/"


@pytest.mark.parametrize("name", ["wang", "chen", "gone", "admin"])
def test_who_is_no_working_advisor_has_no_switch(world: World, name: str) -> None:
    assert signed_in(getattr(world, name)).post("/availability/away/", {"away": "yes"}).status_code == 404


def test_messages_from_wecom_stand_there_like_any_other(world: World) -> None:
    says(world.case, world.wang, "您好")
    post_message(world.case, world.li.user, "在企业微信里回的", client_id="w", source="wecom")
    client = signed_in(world.li)
    page: str = client.get("/messages/1001/").content.decode()
    assert "在企业微信里回的" in page
    shown: dict[str, Any] = next(one for one in client.get("/api/cases/").json() if one["number"] == 1001)
    assert (shown["waiting_since"], shown["last_message"]["source"], shown["last_message"]["sender"]["me"]) == (
        None,
        "wecom",
        True,
    )
