"""Kept statements: the same rows, objects and errors as Django's own, on the database of this run."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, Max, QuerySet
from django.db.models.functions import Greatest
from django.db.models.signals import post_save
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.actions import lock_case
from cases.models import Case, Message
from jiayi.models import WakeUp
from jiayi.statements import KeptUpdate, given, insert, kept, kept_values, save
from tests.support.people import World, says
from wecom.models import InboundMessage

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


@kept
def _written() -> QuerySet[Message]:
    written = Message.objects.filter(case=given("case"), created_at__gt=given("since"), body__contains="您")
    return written.select_related("case__member__user").order_by("-seq")


_numbered = KeptUpdate(
    lambda: Message.objects.filter(case=given("case"), seq__gte=given("seq")),
    seq=F("seq") + given("by"),
    body=given("body"),
    created_at=Greatest("created_at", given("moment")),
)


def test_a_kept_query_finds_what_django_finds_each_time_with_its_own_values(world: World) -> None:
    since = timezone.now()
    for case, who, body in (
        (world.case, world.li, "您好"),
        (world.case, world.li, "再见"),
        (world.case, world.li, "您呢"),
    ):
        says(case, who, body)
    says(world.other_case, world.li, "您早")
    with CaptureQueriesContext(connection) as queries:
        found = _written.all(case=world.case.pk, since=since)
        assert [one.body for one in found] == ["您呢", "您好"]
        assert {one.case.member.user.name for one in found} == {"王小明"}
        assert all(one.created_at > since for one in found)
        first = _written.first(case=world.other_case.pk, since=since)
    assert len(queries) == 2
    assert first == world.other_case.messages.get(body="您早")
    assert first is not None
    assert first.case.member == world.lin
    assert _written.first(case=world.case.pk, since=timezone.now()) is None


@kept_values
def _senders() -> QuerySet[Message, tuple[Any, ...]]:
    """Who wrote in a case, and how much."""
    written = Message.objects.filter(case=given("case"), seq__gte=given("first")).exclude(sender=None)
    return written.order_by("sender").values_list("sender__name").annotate(Count("pk"), Max("created_at"))[:2]


def test_kept_values_are_what_django_finds_in_the_order_of_the_columns(world: World) -> None:
    for case, who, body in (
        (world.case, world.li, "一"),
        (world.case, world.wang, "二"),
        (world.case, world.li, "三"),
        (world.other_case, world.li, "四"),
    ):
        says(case, who, body)
    first, last = world.case.messages.get(sender=world.wang.user), world.case.messages.latest("seq")
    with CaptureQueriesContext(connection) as queries:
        assert _senders.all(case=world.case.pk, first=0) == [
            ("王小明", 1, first.created_at),
            ("李明", 2, last.created_at),
        ]
        assert _senders.all(case=world.case.pk, first=last.seq) == [("李明", 1, last.created_at)]
        assert _senders.all(case=10**9, first=0) == []
    assert len(queries) == 3
    assert _senders.__doc__ == "Who wrote in a case, and how much."


def test_what_nothing_can_equal_is_a_mistake(world: World) -> None:
    with pytest.raises(AssertionError, match="NULL"):
        _written.all(case=None, since=timezone.now())
    with pytest.raises(AssertionError, match="NULL"):
        _senders.all(case=world.case.pk, first=None)


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_in_a_transaction_only(world: World) -> None:
    with transaction.atomic():
        lock_case(world.case.pk)  # by which it is compiled
    with pytest.raises(TransactionManagementError):
        lock_case(world.case.pk)


def test_a_case_that_is_gone_is_not_locked(world: World) -> None:
    with pytest.raises(Case.DoesNotExist), transaction.atomic():
        lock_case(10**9)


def test_a_kept_update_changes_its_rows_and_says_how_many(world: World) -> None:
    for body in ("一", "二", "三"):
        says(world.case, world.wang, body)
    seq = world.case.messages.get(body="二").seq
    before, later = world.case.messages.get(body="三").created_at, timezone.now() + timedelta(days=1)
    about: dict[str, Any] = {"case": world.case.pk, "by": 10, "body": "改"}
    assert _numbered.run(seq=seq + 1, moment=before - timedelta(days=1), **about) == 1
    assert _numbered.run(seq=seq, moment=later, **about) == 2
    changed = world.case.messages.filter(body="改").order_by("seq")
    assert [(one.seq, one.created_at) for one in changed] == [(seq + 10, later), (seq + 21, later)]
    assert _numbered.run(seq=10**6, moment=later, **about) == 0


def test_a_row_is_saved_with_its_fields_and_no_others(world: World) -> None:
    case = Case.objects.get(pk=world.case.pk)
    case.last_seq, case.waiting_since, case.title = 77, timezone.now(), "别的"
    save(case, "last_seq", "waiting_since")
    stored = Case.objects.get(pk=case.pk)
    assert (stored.last_seq, stored.waiting_since, stored.title) == (77, case.waiting_since, world.case.title)
    case.waiting_since = None
    save(case, "last_seq", "waiting_since")
    assert Case.objects.get(pk=case.pk).waiting_since is None
    with pytest.raises(Case.DoesNotExist):
        save(Case(pk=10**9), "last_seq")


def row(identity: str) -> InboundMessage:
    now = timezone.now()
    return InboundMessage(
        identity=identity,
        userid="LiMing",
        message_type="text",
        fields={"媒体": ["一"]},
        sent_at=now,
        received_at=now,
        state=InboundMessage.State.IGNORED,
    )


def test_a_row_that_is_inserted_is_as_django_saves_it_and_its_receivers_hear_of_it() -> None:
    told: list[Any] = []

    def hear(instance: InboundMessage, created: bool, **_: Any) -> None:
        told.append((instance.pk, created))

    post_save.connect(hear, sender=InboundMessage)
    try:
        ours, theirs = row("ours"), row("theirs")
        assert insert(ours)
        theirs.save()
    finally:
        post_save.disconnect(hear, sender=InboundMessage)
    assert told == [(ours.pk, True), (theirs.pk, True)]
    assert not ours._state.adding
    stored: list[dict[str, Any]] = [{**one} for one in InboundMessage.objects.order_by("pk").values()]
    assert [one.pop("identity") for one in stored] == ["ours", "theirs"]
    for one in stored:
        del one["id"], one["sent_at"], one["received_at"]
    assert stored[0] == stored[1]


def test_a_value_that_stands_there_is_not_written_again_where_that_is_said() -> None:
    assert insert(row("a"), unless="identity")
    told: list[Any] = []

    def hear(instance: InboundMessage, **_: Any) -> None:
        told.append(instance)

    post_save.connect(hear, sender=InboundMessage)
    try:
        repeated = row("a")
        assert not insert(repeated, unless="identity")
    finally:
        post_save.disconnect(hear, sender=InboundMessage)
    assert repeated.pk is None
    assert not told
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(row("a"))
    assert InboundMessage.objects.count() == 1


def test_what_the_database_refuses_is_refused_though_a_repetition_would_be_passed_over() -> None:
    broken = row("b")
    broken.state = "no"
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(broken, unless="identity")
    assert insert(WakeUp(payload="{}"))
