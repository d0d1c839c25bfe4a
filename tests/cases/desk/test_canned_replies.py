"""Canned replies (快捷回复): each advisor's own, and those that all share."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client, override_settings

from advisors.actions import suspend_advisor
from cases.desk.actions import delete_reply, save_reply
from cases.models import CannedReply
from cases.models.desk import OWN_REPLIES
from jiayi.errors import Conflict, Gone
from tests.support.people import World, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

PAGE, API = "/messages/replies/", "/api/cases/1001/replies/"


def offered(client: Client, path: str = API) -> list[dict[str, Any]]:
    return client.get(path).json()


def shared(shortcut: str, body: str) -> CannedReply:
    return CannedReply.objects.create(shortcut=shortcut, body=body)


def test_own_and_shared_ones_are_offered_own_ones_first_and_those_of_others_not(world: World) -> None:
    shared("a", "共用")
    save_reply(world.li, shortcut="z", body="我的")
    save_reply(world.zhang, shortcut="b", body="他的")
    assert offered(signed_in(world.li)) == [
        {"shortcut": "z", "body": "我的", "shared": False},
        {"shortcut": "a", "body": "共用", "shared": True},
    ]


@pytest.mark.parametrize(
    ("body", "filled"),
    [
        ("{会员}，案件 {案件号}，{顾问}", "王小明，案件 #1001，李明"),
        ("Dear {member}, {case}, {ADVISOR}", "Dear 王小明, #1001, 李明"),
        (
            "{姓名} {会员 } {{会员}} {member.user.password} {0} %s {",
            "{姓名} {会员 } {王小明} {member.user.password} {0} %s {",
        ),
        ("{% debug %}{{ 7*7 }}<b>", "{% debug %}{{ 7*7 }}<b>"),
    ],
)
def test_what_is_known_is_filled_in_and_the_rest_stays_as_it_is(world: World, body: str, filled: str) -> None:
    save_reply(world.li, shortcut="x", body=body)
    assert offered(signed_in(world.li))[0]["body"] == filled


def test_a_name_that_looks_like_a_placeholder_is_not_filled_in_again(world: World) -> None:
    type(world.wang.user).objects.filter(pk=world.wang.user_id).update(name="{案件号}")
    save_reply(world.li, shortcut="x", body="{会员} {案件号}")
    assert offered(signed_in(world.li))[0]["body"] == "{案件号} #1001"


@pytest.mark.without_wecom
def test_an_advisor_adds_changes_and_deletes_their_own(world: World) -> None:
    client = signed_in(world.li)
    assert "您还没有自己的快捷回复。" in client.get(PAGE).content.decode()
    added = client.post(PAGE, {"shortcut": " ｄocs ", "body": "请准备材料"}, follow=True).content.decode()
    assert "/docs" in added
    reply = CannedReply.objects.get()
    assert (reply.owner, reply.shortcut) == (world.li, "docs")
    edit = f"{PAGE}{reply.pk}/"
    assert "请准备材料" in client.get(edit).content.decode()
    client.post(edit, {"shortcut": "Docs", "body": "请准备护照"})
    reply.refresh_from_db()
    assert (reply.shortcut, reply.body) == ("Docs", "请准备护照")
    client.post(f"{edit}delete/")
    assert not CannedReply.objects.exists()


def test_those_of_others_shared_ones_and_ids_never_used_look_alike(world: World) -> None:
    theirs = save_reply(world.zhang, shortcut="x", body="canary")
    common = shared("y", "共用")
    client = signed_in(world.li)
    assert "canary" not in client.get(PAGE).content.decode()

    def answers(pk: int) -> list[tuple[int, str]]:
        edit = f"{PAGE}{pk}/"
        data = {"shortcut": "z", "body": "z"}
        got = [client.get(edit), client.post(edit, data), client.post(f"{edit}delete/")]
        return [(a.status_code, a.content.decode()) for a in got]

    assert answers(theirs.pk) == answers(common.pk) == answers(987_654)
    assert {status for status, _ in answers(theirs.pk)} == {404}
    with pytest.raises(Gone):
        save_reply(world.li, shortcut="z", body="z", reply=theirs)
    for reply in (theirs, common):
        with pytest.raises(Gone):
            delete_reply(reply, by=world.li)
    assert CannedReply.objects.count() == 2


@pytest.mark.parametrize("name", ["wang", "chen", "gone", "admin"])
def test_who_is_no_working_advisor_has_no_such_page(world: World, name: str) -> None:
    shared("a", "canary")
    client = signed_in(getattr(world, name))
    for answer in (client.get(PAGE), client.post(PAGE, {"shortcut": "a", "body": "b"}), client.get(f"{PAGE}1/")):
        assert answer.status_code == 404
        assert "canary" not in answer.content.decode()
    assert not CannedReply.objects.exclude(owner=None).exists()


def test_a_suspended_advisor_loses_the_page_with_the_next_request(world: World) -> None:
    client = signed_in(world.li)
    suspend_advisor(world.li, by=world.admin)
    assert client.get(PAGE).status_code == 404
    assert client.get(API).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"shortcut": "", "body": "x"},
        {"shortcut": "x", "body": " "},
        {"shortcut": "a b", "body": "x"},
        {"shortcut": "a/b", "body": "x"},
        {"shortcut": "{a}", "body": "x"},
        {"shortcut": "x" * 21, "body": "x"},
        {"shortcut": "x", "body": "保留" * 2001},
        {"shortcut": "x\x00", "body": "x"},
        {"shortcut": "taken", "body": "保留我"},
        {"shortcut": "ＴＡＫＥＮ", "body": "保留我"},
    ],
)
def test_a_bad_reply_is_refused_in_words_and_stays_in_the_form(world: World, data: dict[str, str]) -> None:
    save_reply(world.li, shortcut="Taken", body="x")
    answer = signed_in(world.li).post(PAGE, data)
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "errorlist" in page
    assert "保留" in page or "保留" not in data.get("body", "")
    assert CannedReply.objects.count() == 1


def test_a_shortcut_is_unique_for_each_owner_and_may_be_used_by_others(world: World) -> None:
    for shortcut in ("docs", "Docs"):
        save_reply(world.li if shortcut == "docs" else world.zhang, shortcut=shortcut, body="x")
    shared("DOCS", "x")
    for owner in (world.li, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            CannedReply.objects.create(owner=owner, shortcut="dOcS", body="y")


@pytest.mark.django_db(transaction=True)
def test_the_same_shortcut_twice_at_once_is_kept_once_and_refused_in_words(world: World) -> None:
    def save() -> str:
        try:
            return save_reply(world.li, shortcut="docs", body="x").shortcut
        except ValidationError as error:
            return str(error.messages[0])

    assert sorted(at_once(save, save)) == sorted(["docs", "您已有一条这个快捷词的回复（不区分大小写）。"])


def test_there_is_an_end_to_how_many_one_keeps(world: World) -> None:
    CannedReply.objects.bulk_create(CannedReply(owner=world.li, shortcut=f"r{n}", body="x") for n in range(OWN_REPLIES))
    with pytest.raises(Conflict):
        save_reply(world.li, shortcut="one-more", body="x")
    answer = signed_in(world.li).post(PAGE, {"shortcut": "one-more", "body": "x"})
    assert (answer.status_code, "最多保存 200 条快捷回复" in answer.content.decode()) == (400, True)
    save_reply(world.li, shortcut="r0", body="y", reply=CannedReply.objects.get(shortcut="r0"))


def test_administrators_keep_the_shared_ones_and_see_nobodys_own(world: World) -> None:
    own = save_reply(world.li, shortcut="mine", body="canary")
    client = signed_in(world.admin)
    client.post("/admin/cases/cannedreply/add/", {"shortcut": "hello", "body": "Hello {member}"})
    assert CannedReply.objects.get(owner=None).shortcut == "hello"
    assert "mine" not in client.get("/admin/cases/cannedreply/").content.decode()
    assert client.get(f"/admin/cases/cannedreply/{own.pk}/change/").status_code == 302
    again = client.post("/admin/cases/cannedreply/add/", {"shortcut": "HELLO", "body": "x"})
    assert "已有一条这个快捷词的共用回复" in again.content.decode()


@override_settings(DEBUG=True)
def test_the_demo_brings_shared_ones_in_both_languages_and_does_not_bring_them_back() -> None:
    call_command("seed_demo", verbosity=0)
    words = set(CannedReply.objects.filter(owner=None).values_list("shortcut", flat=True))
    assert {"您好", "hello"} <= words
    CannedReply.objects.filter(shortcut="hello").delete()
    call_command("seed_demo", verbosity=0)
    assert set(CannedReply.objects.values_list("shortcut", flat=True)) == words - {"hello"}
