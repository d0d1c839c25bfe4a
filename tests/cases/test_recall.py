"""Taking a message back, and since when a member has been waiting."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, recall_message
from cases.models import RECALL_WITHIN, Case, Message
from cases.signals import message_recalled
from members.models import Member
from tests.support.people import World, says, signed_in

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def recall(client: Client, message: Message) -> int:
    return client.post(f"/api/cases/{message.case.number}/messages/{message.seq}/recall/").status_code


def is_recalled(message: Message) -> bool:
    return Message.objects.get(pk=message.pk).recalled_at is not None


@pytest.mark.without_wecom
@pytest.mark.parametrize("name", ["wang", "li"])
def test_ones_own_message_is_taken_back_and_the_original_kept(world: World, name: str) -> None:
    who = getattr(world, name)
    message = says(world.case, who, "发错了")
    response = signed_in(who).post(f"/api/cases/1001/messages/{message.seq}/recall/")
    assert response.status_code == 200
    assert (response.json()["recalled"], response.json()["body"]) == (True, "")
    kept = Message.objects.get(pk=message.pk)
    assert (kept.body, kept.seq) == ("发错了", message.seq)
    assert kept.recalled_at is not None


def test_taking_back_twice_is_once(world: World) -> None:
    told = []

    def hear(*, message: Message, **kwargs: object) -> None:
        told.append(message.pk)

    message_recalled.connect(hear)
    message, client = says(world.case, world.wang, "发错了"), signed_in(world.wang)
    assert (recall(client, message), recall(client, message)) == (200, 200)
    message_recalled.disconnect(hear)
    assert told == [message.pk]


def test_two_minutes_later_it_is_too_late(world: World) -> None:
    assert timedelta(minutes=2) == RECALL_WITHIN
    with time_machine.travel(NOON, tick=False) as clock:
        early, late = says(world.case, world.wang, "一"), says(world.case, world.wang, "二")
        client = signed_in(world.wang)
        clock.shift(RECALL_WITHIN)
        assert recall(client, early) == 200
        clock.shift(timedelta(seconds=1))
        assert recall(client, late) == 409
        # What was taken back in time stays so, however often one asks.
        assert recall(client, early) == 200
    assert (is_recalled(early), is_recalled(late)) == (True, False)


def test_nobody_takes_back_what_another_said(world: World) -> None:
    of_wang, of_li = says(world.case, world.wang, "一"), says(world.case, world.li, "二")
    system = world.case.messages.get(kind="system")
    assert recall(signed_in(world.li), of_wang) == recall(signed_in(world.wang), of_li) == 404
    for who in (world.wang, world.li, world.zhang, world.lin, world.admin):
        assert recall(signed_in(who), system) == 404
    assert not Message.objects.exclude(recalled_at=None).exists()


def test_a_message_that_does_not_exist_is_not_found(world: World) -> None:
    client = signed_in(world.wang)
    for seq in ("0", "3", "99999999999999999999", "9" * 5000, "x", "-1", "1.5"):
        assert client.post(f"/api/cases/1001/messages/{seq}/recall/").status_code == 404


def test_who_lost_the_case_takes_nothing_back_any_more(world: World) -> None:
    message = says(world.case, world.li, "二")
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert recall(signed_in(world.li), message) == 404
    assert recall(signed_in(world.zhang), message) == 404
    assert not is_recalled(message)


def test_a_message_of_a_closed_case_is_taken_back(world: World) -> None:
    message = says(world.case, world.wang, "一")
    close_case(world.case)
    assert recall(signed_in(world.wang), message) == 200


# Since when the member waits ----------------------------------------------------------------------------


def waiting(world: World) -> int | None:
    """Minutes after noon since when the member has been waiting, or nothing."""
    since = Case.objects.get(pk=world.case.pk).waiting_since
    return None if since is None else round((since - NOON).total_seconds() / 60)


def test_a_member_waits_from_the_first_unanswered_message_until_an_answer(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        seen = [waiting(world)]
        for who in (world.wang, world.wang, world.li, world.li, world.wang):
            says(world.case, who, "您好")
            seen.append(waiting(world))
            clock.shift(timedelta(minutes=1))
        assert seen == [None, 0, 0, None, None, 4]
        shown = {case["number"]: case["waiting_since"] for case in signed_in(world.li).get("/api/cases/").json()}
        assert shown == {1001: (NOON + timedelta(minutes=4)).isoformat(), 1002: None}


def test_what_the_site_says_is_no_answer(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        says(world.case, world.wang, "您好")
        clock.shift(timedelta(minutes=1))
        assign_advisor(world.case, world.zhang, by=world.admin)
        close_case(world.case)
        assert waiting(world) == 0


def test_a_message_taken_back_waits_for_nothing(world: World) -> None:
    with time_machine.travel(NOON, tick=False):
        message = says(world.case, world.wang, "您好")
        recall_message(message, by=world.wang.user)
        assert waiting(world) is None


def test_the_first_message_taken_back_leaves_the_member_waiting_from_the_second(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        first = says(world.case, world.wang, "一")
        clock.shift(timedelta(minutes=1))
        says(world.case, world.wang, "二")
        recall_message(first, by=world.wang.user)
        assert waiting(world) == 1


def test_the_second_message_taken_back_changes_nothing(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        says(world.case, world.wang, "一")
        clock.shift(timedelta(minutes=1))
        recall_message(says(world.case, world.wang, "二"), by=world.wang.user)
        assert waiting(world) == 0


def test_an_answer_taken_back_leaves_the_member_waiting_from_the_start(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        says(world.case, world.wang, "一")
        clock.shift(timedelta(minutes=1))
        says(world.case, world.wang, "二")
        clock.shift(timedelta(minutes=1))
        answer = says(world.case, world.li, "答")
        assert waiting(world) is None
        recall_message(answer, by=world.li.user)
        assert waiting(world) == 0


def test_an_earlier_answer_still_counts_when_a_later_one_is_taken_back(world: World) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        people: list[Member | Advisor] = [world.wang, world.li, world.wang]
        for minute, who in enumerate(people):
            says(world.case, who, f"{minute}")
            clock.shift(timedelta(minutes=1))
        recall_message(says(world.case, world.li, "答"), by=world.li.user)
        assert waiting(world) == 2


def test_an_answer_of_the_advisor_before_counts(world: World) -> None:
    with time_machine.travel(NOON, tick=False):
        says(world.case, world.wang, "一")
        says(world.case, world.li, "答")
        assign_advisor(world.case, world.zhang, by=world.admin)
        recall_message(says(world.case, world.zhang, "又答"), by=world.zhang.user)
        assert waiting(world) is None
