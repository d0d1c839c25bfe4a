"""The rules that the database itself holds, whatever the code above it does."""

from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError

from cases.models import Case, Message, ReadMark
from tests.support.people import World, says

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


def written(row: models.Model) -> None:
    """Write a row past every check of the model and the actions."""
    type(row)._default_manager.bulk_create([row])


def refused(row: models.Model) -> bool:
    try:
        with transaction.atomic():
            written(row)
    except IntegrityError:
        return True
    return False


def test_a_case_that_breaks_a_rule_is_not_stored(world: World) -> None:
    good = {"number": 1500, "title": "学签", "member": world.wang}
    wrong: list[dict[str, Any]] = [
        {"number": 1001},
        {"number": 1000},
        {"number": 0},
        {"title": ""},
        {"status": "lost"},
        {"member": None},
    ]
    assert [fields for fields in wrong if not refused(Case(**{**good, **fields}))] == []


def test_a_message_that_breaks_a_rule_is_not_stored(world: World) -> None:
    says(world.case, world.wang, "您好", client_id="taken")
    good = {"case": world.case, "seq": 9, "body": "您好", "sender": world.wang.user, "client_id": "free"}
    wrong: list[dict[str, Any]] = [
        {"seq": 1},
        {"seq": 0},
        {"client_id": "taken"},
        {"body": ""},
        {"kind": "poem"},
        {"source": "fax"},
        {"sender": None},
        {"kind": "system"},
        {"case": None},
    ]
    assert [fields for fields in wrong if not refused(Message(**{**good, **fields}))] == []


def test_a_message_that_breaks_no_rule_is_stored(world: World) -> None:
    """Shows that the rows above are refused for what is wrong with them."""
    says(world.case, world.wang, "您好", client_id="taken")
    fields = {"case": world.case, "body": "您好", "sender": world.wang.user}
    written(Message(**fields, seq=9, client_id="free"))
    written(Message(**{**fields, "sender": world.li.user}, seq=10, client_id="taken"))
    written(Message(**{**fields, "sender": None}, seq=11, client_id="taken", kind="system"))
    written(Case(number=1500, title="学签", member=world.wang))


def test_a_reader_has_one_mark_in_a_case(world: World) -> None:
    written(ReadMark(case=world.case, user=world.wang.user, seq=1))
    assert refused(ReadMark(case=world.case, user=world.wang.user, seq=2))


def test_nothing_that_belongs_to_a_conversation_is_deleted_with_something_else(world: World) -> None:
    says(world.case, world.wang, "您好")
    for row in (world.case, world.wang, world.li, world.wang.user, world.li.user):
        with pytest.raises(ProtectedError):
            row.delete()
