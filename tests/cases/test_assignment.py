"""The follow-up advisor (跟进人) of a case."""

import threading
import time

import pytest
from django.db import connection, transaction

from advisors.actions import suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case
from cases.models import Case
from cases.signals import advisor_assigned
from jiayi.errors import Conflict
from tests.support.people import World, deactivate, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


def advisor_of(case: Case) -> Advisor | None:
    return Case.objects.get(pk=case.pk).advisor


def said(case: Case) -> list[str]:
    return list(case.messages.filter(kind="system").order_by("seq").values_list("body", flat=True))


@pytest.mark.without_wecom
def test_every_change_is_said_in_the_conversation(world: World) -> None:
    for advisor in (world.zhang, None, world.li):
        assign_advisor(world.case, advisor, by=world.admin)
    assert said(world.case) == [
        "本案件的跟进人现在是 李明。",
        "本案件的跟进人现在是 张伟。",
        "本案件暂时没有跟进人，我们会尽快安排。",
        "本案件的跟进人现在是 李明。",
    ]
    assert advisor_of(world.case) == world.li


def test_the_conversation_is_chinese_whatever_language_the_administrator_reads(world: World) -> None:
    client = signed_in(world.admin)
    client.cookies["django_language"] = "en"
    form = {"title": "学签续签", "advisor": world.zhang.pk, "status": "open"}
    client.post(f"/admin/cases/case/{world.case.pk}/change/", form)
    assert said(world.case)[-1] == "本案件的跟进人现在是 张伟。"


def test_the_same_advisor_again_says_nothing(world: World) -> None:
    assign_advisor(world.case, world.li, by=world.admin)
    assert len(said(world.case)) == 1


@pytest.mark.parametrize("name", ["chen", "gone"])
def test_only_an_approved_advisor_is_assigned(world: World, name: str) -> None:
    with pytest.raises(Conflict):
        assign_advisor(world.case, getattr(world, name), by=world.admin)
    assert advisor_of(world.case) == world.li
    assert len(said(world.case)) == 1


def test_a_deactivated_advisor_is_not_assigned(world: World) -> None:
    as_shown = Advisor.objects.select_related("user").get(pk=world.zhang.pk)
    deactivate(world.zhang)
    with pytest.raises(Conflict):
        assign_advisor(world.case, as_shown, by=world.admin)


def test_assigning_looks_at_the_advisor_of_now_not_of_the_page(world: World) -> None:
    as_shown = Advisor.objects.select_related("user").get(pk=world.zhang.pk)
    suspend_advisor(world.zhang, by=world.admin)
    with pytest.raises(Conflict):
        assign_advisor(world.case, as_shown, by=world.admin)


def test_an_assignment_is_told_inside_its_transaction(world: World) -> None:
    told: list[tuple[object, ...]] = []

    def hear(*, case: Case, before: Advisor, after: Advisor, by: object, **kwargs: object) -> None:
        told.append((connection.in_atomic_block, case.number, before, after, by))

    advisor_assigned.connect(hear)
    assign_advisor(world.case, world.zhang, by=world.admin)
    assign_advisor(world.case, world.zhang, by=world.admin)
    advisor_assigned.disconnect(hear)
    assert told == [(True, 1001, world.li, world.zhang, world.admin)]


@pytest.mark.django_db(transaction=True)
def test_a_suspension_and_an_assignment_at_once_leave_no_suspended_advisor_who_works(world: World) -> None:
    def assign() -> str:
        try:
            assign_advisor(world.case, world.zhang, by=world.admin)
        except Conflict:
            return "refused"
        return "assigned"

    def suspend() -> str:
        return suspend_advisor(world.zhang, by=world.admin).status

    outcome, status = at_once(assign, suspend)
    assert status == "suspended"
    assert advisor_of(world.case) == (world.zhang if outcome == "assigned" else world.li)
    assert signed_in(world.zhang).get("/api/cases/").json() == []


@pytest.mark.django_db(transaction=True)
def test_assignments_at_once_are_said_one_after_the_other(world: World) -> None:
    at_once(*[lambda a=a: assign_advisor(world.case, a, by=world.admin) for a in (world.zhang, None, world.li, None)])
    now = advisor_of(world.case)
    last = f"本案件的跟进人现在是 {now}。" if now else "本案件暂时没有跟进人，我们会尽快安排。"
    assert said(world.case)[-1] == last
    assert list(world.case.messages.order_by("seq").values_list("seq", flat=True)) == list(
        range(1, world.case.messages.count() + 1)
    )


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_another_change_sees_the_advisor_of_now(world: World) -> None:
    """After a wait PostgreSQL reads the locked row anew, but not what was joined to it before."""
    changed = threading.Event()

    def give_to_zhang() -> None:
        with transaction.atomic():
            assign_advisor(world.case, world.zhang, by=world.admin)
            changed.set()
            time.sleep(0.5)

    def then_to_nobody() -> None:
        assert changed.wait(10)
        assign_advisor(world.case, None, by=world.admin)

    at_once(give_to_zhang, then_to_nobody)
    assert advisor_of(world.case) is None
    assert said(world.case)[1:] == ["本案件的跟进人现在是 张伟。", "本案件暂时没有跟进人，我们会尽快安排。"]


def test_each_reader_is_told_in_their_language_and_the_record_is_kept_in_one(world: World) -> None:
    member = signed_in(world.wang)
    member.cookies["django_language"] = "en"
    assign_advisor(world.case, world.zhang, by=world.admin)
    close_case(world.case)
    shown = [one["body"] for one in member.get("/api/cases/1001/messages/").json()["messages"]]
    assert shown == [
        "The follow-up advisor of this case is now 李明.",
        "The follow-up advisor of this case is now 张伟.",
        "The case was closed.",
    ]
    assert "The follow-up advisor of this case is now 张伟." in member.get("/messages/1001/").content.decode()
    assert member.get("/api/cases/").json()[0]["last_message"]["body"] == "The case was closed."
    assert said(world.case)[1:] == ["本案件的跟进人现在是 张伟。", "案件已结案。"]
