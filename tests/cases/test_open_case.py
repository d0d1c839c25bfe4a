"""A case gets the next number, from 1001."""

from typing import Any

import pytest
from django.test import Client

from advisors.models import Advisor
from cases.actions import open_case
from cases.models import Case
from jiayi.errors import Conflict, InvalidInput
from members.actions import register_member
from members.models import Member
from tests.support.people import PASSWORD, World, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def zhao(db: None) -> Member:
    return register_member(email="zhao@example.com", name="赵敏", password=PASSWORD)


def test_numbers_begin_with_1001_and_go_up_by_one(zhao: Member) -> None:
    assert [open_case(zhao, f"案件 {n}").number for n in range(3)] == [1001, 1002, 1003]


@pytest.mark.django_db(transaction=True)
def test_cases_opened_at_once_have_different_numbers(zhao: Member) -> None:
    opened = at_once(*[lambda n=n: [open_case(zhao, f"{n}/{m}").number for m in range(3)] for n in range(6)])
    assert sorted(number for some in opened for number in some) == list(range(1001, 1019))


def test_a_title_is_stored_without_the_space_around_it(zhao: Member) -> None:
    for title in ("学签", "  学签  ", "字" * 120):
        assert open_case(zhao, title).title == title.strip()


def test_a_bad_title_is_refused(zhao: Member) -> None:
    for title in ("", "   ", "\n\t", "字" * 121):
        with pytest.raises(InvalidInput, match="120"):
            open_case(zhao, title)
    assert not Case.objects.exists()


def test_a_new_case_is_open_waits_for_nobody_and_says_nothing(zhao: Member) -> None:
    case = open_case(zhao, "学签")
    case.refresh_from_db()
    assert (case.status, case.advisor, case.last_seq, case.waiting_since) == ("open", None, 0, None)
    assert not case.messages.exists()


def test_a_case_opened_with_an_advisor_says_who_it_is(world: World) -> None:
    case = open_case(world.wang, "工签", advisor=world.zhang)
    assert case.advisor == world.zhang
    assert [m.body for m in case.messages.all()] == ["本案件的跟进人现在是 张伟。"]


@pytest.mark.parametrize("who", ["chen", "gone"])
def test_no_case_is_opened_for_an_advisor_who_may_not_work(world: World, who: str) -> None:
    advisor: Advisor = getattr(world, who)
    with pytest.raises(Conflict):
        open_case(world.wang, "工签", advisor=advisor)
    assert Case.objects.count() == 2
    assert open_case(world.wang, "下一个").number == 1003


# The member's own page, /messages/new/ ------------------------------------------------------------------


def ask(client: Client, **fields: str) -> Any:
    form = {"title": "工签", "body": "我想申请工签", "client_id": "first"}
    return client.post("/messages/new/", {**form, **fields})


@pytest.mark.without_wecom
def test_a_member_opens_a_case_with_the_first_message(world: World) -> None:
    client = signed_in(world.wang)
    assert client.get("/messages/new/").status_code == 200
    response = ask(client)
    assert response.headers["Location"] == "/messages/1003/"
    case = Case.objects.get(number=1003)
    assert (case.title, case.member, case.advisor) == ("工签", world.wang, None)
    assert [(m.seq, m.kind, m.body, m.sender) for m in case.messages.all()] == [
        (1, "text", "我想申请工签", world.wang.user)
    ]
    assert case.waiting_since is not None
    assert "我想申请工签" in client.get("/messages/1003/").content.decode()


def test_a_member_says_what_kind_of_matter_it_is(world: World) -> None:
    client = signed_in(world.wang)
    assert "家庭团聚" in client.get("/messages/new/").content.decode()
    ask(client, kind="family")
    ask(client, kind="", client_id="second")
    kinds = {case["number"]: case["kind"] for case in client.get("/api/cases/").json()}
    assert (kinds[1003], kinds[1004]) == ("family", "other")
    with pytest.raises(InvalidInput, match="类别"):
        open_case(world.wang, "工签", kind="nonsense")
    listed = signed_in(world.admin).get("/admin/cases/case/?kind__exact=family").content.decode()
    assert ("1003" in listed, "1004" in listed) == (True, False)


MISTAKES = [
    ("kind", ["nonsense", "a\x00", "学签"]),
    ("title", ["", "  ", "字" * 121, "a\x00"]),
    ("body", ["", " \n ", "字" * 5001, "a\x00"]),
    ("client_id", ["", "x" * 65, "a b", "ｆ"]),
]


def test_a_form_with_a_mistake_opens_nothing(world: World) -> None:
    client = signed_in(world.wang)
    for field, values in MISTAKES:
        for value in values:
            response = ask(client, **{field: value})
            assert (value, response.status_code) == (value, 400)
            assert list(response.context["form"].errors) == [field]
    assert Case.objects.count() == 2


def test_only_members_open_cases(world: World) -> None:
    for who in (world.li, world.chen, world.gone, world.admin):
        client = signed_in(who)
        assert client.get("/messages/new/").status_code == 404
        assert ask(client).status_code == 404
    assert ask(Client()).status_code == 302
    assert Case.objects.count() == 2
