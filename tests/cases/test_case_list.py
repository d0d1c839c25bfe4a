"""What the list of cases puts first, what it folds away, and which case comes next."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from cases.actions import close_case, mark_read, open_case
from cases.models import Case
from tests.support.people import World, says, signed_in

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FOLD = re.compile(r'<li class="closed-cases".*?</details>', re.DOTALL)
ROW = re.compile(r'class="case" href="[^"]+" data-number="(\d+)"')


def page_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def above(page: str) -> list[int]:
    return [int(n) for n in ROW.findall(FOLD.sub("", page))]


def folded(page: str) -> list[int]:
    found = FOLD.search(page)
    return [int(n) for n in ROW.findall(found[0])] if found else []


def next_of(page: str) -> str:
    """Where the button leads; nothing when it says that nobody waits."""
    link = re.search(r'id="next-waiting" href="([^"]*)"[^>]*?( hidden)?>', page)
    assert link
    said = re.search(r'id="nobody-waits"( hidden)?', page)
    assert said
    assert bool(link[1]) == bool(said[1])
    assert bool(link[2]) != bool(said[1])
    return link[1]


@pytest.fixture
def wang(world: World) -> Client:
    """王小明 has four cases: 1001 was answered first and is unread, 1003 is closed and the newest of all, 1004 is open,
    1005 is closed and its last answer unread."""
    with time_machine.travel(NOON, tick=False) as clock:
        third, fourth, fifth = (open_case(world.wang, f"案件 {n}", advisor=world.li) for n in (3, 4, 5))
        for case in (world.case, fifth, fourth, third):
            clock.shift(timedelta(minutes=1))
            says(case, world.li, "您好")
        close_case(third)
        close_case(fifth)
        for case in (third, fourth):
            mark_read(Case.objects.get(pk=case.pk), world.wang.user, 99)
    return signed_in(world.wang)


def test_a_members_unread_cases_come_first_and_closed_ones_last(wang: Client) -> None:
    assert [case["number"] for case in wang.get("/api/cases/").json()] == [1001, 1005, 1004, 1003]


def test_a_limit_leaves_out_the_oldest_and_the_order_is_the_same(wang: Client) -> None:
    assert [case["number"] for case in wang.get("/api/cases/?limit=3").json()] == [1005, 1004, 1003]


def test_closed_cases_are_folded_unless_something_in_them_is_unread(wang: Client) -> None:
    page = page_of(wang, "/messages/")
    assert (above(page), folded(page)) == ([1001, 1005, 1004], [1003])
    assert '<details class="step">' in page


def test_the_fold_is_open_for_the_closed_case_on_the_page(wang: Client) -> None:
    page = page_of(wang, "/messages/1003/")
    assert folded(page) == [1003]
    assert '<details class="step" open>' in page
    assert '<details class="step">' in page_of(wang, "/messages/1004/")


def test_a_closed_case_offers_its_member_a_new_one(wang: Client, world: World) -> None:
    offer = '有新问题？<a href="/messages/new/">开始新的咨询</a>'
    assert re.search(rf'<p class="hint" id="closed">[^<]*{re.escape(offer)}', page_of(wang, "/messages/1003/"))
    assert re.search(r'<p class="hint" id="closed" hidden>', page_of(wang, "/messages/1004/"))
    assert offer not in page_of(signed_in(world.li), "/messages/1003/")


def test_an_advisor_finds_closed_cases_folded_among_all_and_not_where_they_look_for_them(
    wang: Client, world: World
) -> None:
    for case in Case.objects.all():
        mark_read(case, world.li.user, 99)
    li = signed_in(world.li)
    everything = page_of(li, "/messages/?show=all")
    assert (sorted(above(everything)), sorted(folded(everything))) == ([1001, 1002, 1004], [1003, 1005])
    closed = page_of(li, "/messages/?show=closed")
    assert (sorted(above(closed)), folded(closed)) == ([1003, 1005], [])
    opened = page_of(li, "/messages/1003/")
    assert (above(opened)[-1], folded(opened)) == (1003, [])


def test_an_advisors_rows_begin_with_the_member_and_a_members_with_the_title(world: World) -> None:
    row = r'<span class="case-top">\s*<bdi class="([\w-]+)">([^<]+)</bdi>'
    assert re.findall(row, page_of(signed_in(world.li), "/messages/")) == [
        ("case-name", "林芳"),
        ("case-name", "王小明"),
    ]
    assert re.findall(row, page_of(signed_in(world.wang), "/messages/")) == [("case-title", "学签续签")]


def test_the_next_waiting_case_is_one_link_away_round_and_round(world: World) -> None:
    li = signed_in(world.li)
    assert next_of(page_of(li, "/messages/1001/")) == ""
    third = open_case(world.lin, "工签", advisor=world.li)
    with time_machine.travel(NOON, tick=False) as clock:
        for case, who in ((world.other_case, world.lin), (world.case, world.wang)):
            clock.shift(timedelta(minutes=1))
            says(case, who, "在吗？")
    assert next_of(page_of(li, "/messages/")) == "/messages/1002/"
    assert next_of(page_of(li, "/messages/1002/?show=all")) == "/messages/1001/?show=all"
    assert next_of(page_of(li, "/messages/1001/")) == "/messages/1002/"
    assert next_of(page_of(li, f"/messages/{third.number}/")) == "/messages/1002/"
    says(world.other_case, world.li, "在")
    assert next_of(page_of(li, "/messages/1001/")) == ""
    assert "next-waiting" not in page_of(signed_in(world.wang), "/messages/1001/")


def test_there_is_a_way_past_the_list_to_the_message_box(world: World) -> None:
    li = signed_in(world.li)
    page = page_of(li, "/messages/1001/")
    target = re.search(r'<a class="skip" href="#(\w+)">跳到输入框</a>', page)
    assert target
    assert f'id="{target[1]}"' in page
    assert "跳到输入框" not in page_of(li, "/messages/")
    close_case(world.case)
    assert "跳到输入框" not in page_of(li, "/messages/1001/")


@pytest.mark.parametrize("path", ["/messages/", "/messages/1001/", "/messages/1001/case/", "/messages/replies/"])
def test_a_view_has_one_first_heading_and_no_level_is_left_out(world: World, path: str) -> None:
    levels = [int(n) for n in re.findall(r"<h([1-6])[ >]", page_of(signed_in(world.li), path))]
    assert levels.count(1) == 1
    steps = zip(levels, levels[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps), levels
