"""RCIC 顾问审核: who may do what with an advisor in which state."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from advisors.actions import approve_advisor, reject_advisor, suspend_advisor
from advisors.models import Advisor
from advisors.signals import advisor_reviewed
from jiayi.errors import Conflict
from members.models import User
from tests.support.people import World, make_advisor, send, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

Review = Callable[..., Advisor]
ALL = {"approve": approve_advisor, "reject": reject_advisor, "suspend": suspend_advisor}
MAY = {
    "pending": {"approve": "approved", "reject": "rejected"},
    "approved": {"suspend": "suspended"},
    "rejected": {"approve": "approved"},
    "suspended": {"approve": "approved"},
}


def advisor_in(status: str, admin: User) -> Advisor:
    """A new advisor brought into that state the way an administrator does it."""
    advisor = make_advisor(77)
    steps: dict[str, list[Review]] = {
        "pending": [],
        "approved": [approve_advisor],
        "rejected": [reject_advisor],
        "suspended": [approve_advisor, suspend_advisor],
    }
    for step in steps[status]:
        advisor = step(advisor, by=admin)
    return advisor


@pytest.mark.parametrize(("status", "review"), [(s, r) for s in MAY for r in MAY[s]])
def test_a_review_changes_the_state_and_notes_who_and_when(world: World, status: str, review: str) -> None:
    advisor = advisor_in(status, world.admin)
    other_admin = User.objects.create_superuser("second@example.com", "x", name="另一位管理员")
    reviewed = ALL[review](advisor, by=other_admin)
    advisor.refresh_from_db()
    assert reviewed.status == advisor.status == MAY[status][review]
    assert advisor.reviewed_by == other_admin
    assert advisor.reviewed_at is not None


@pytest.mark.parametrize(("status", "review"), [(s, r) for s in MAY for r in ALL if r not in MAY[s]])
def test_a_review_that_does_not_fit_the_state_is_refused_and_changes_nothing(
    world: World, status: str, review: str
) -> None:
    advisor = advisor_in(status, world.admin)
    advisor.refresh_from_db()
    before = (advisor.status, advisor.reviewed_by, advisor.reviewed_at)
    other_admin = User.objects.create_superuser("second@example.com", "x", name="另一位管理员")
    with pytest.raises(Conflict) as refused:
        ALL[review](advisor, by=other_admin)
    assert advisor.get_status_display() in refused.value.message
    advisor.refresh_from_db()
    assert (advisor.status, advisor.reviewed_by, advisor.reviewed_at) == before


def test_a_review_looks_at_the_state_of_now_not_of_the_page(world: World) -> None:
    as_shown = Advisor.objects.get(pk=world.chen.pk)
    reject_advisor(world.chen, by=world.admin)
    with pytest.raises(Conflict):
        reject_advisor(as_shown, by=world.admin)


@pytest.mark.parametrize(("status", "review"), [(s, r) for s in MAY for r in MAY[s]])
def test_nobody_reviews_himself(world: World, status: str, review: str) -> None:
    advisor = advisor_in(status, world.admin)
    advisor.user.is_staff = advisor.user.is_superuser = True
    advisor.user.save()
    with pytest.raises(Conflict, match="自己"):
        ALL[review](advisor, by=advisor.user)
    advisor.refresh_from_db()
    assert advisor.status == status


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str, str]]]:
    """What the signal tells others: the advisor's name, the state before and after."""
    told: list[tuple[str, str, str]] = []

    def hear(*, advisor: Advisor, before: str, **kwargs: object) -> None:
        assert connection.in_atomic_block
        told.append((advisor.user.name, before, advisor.status))

    advisor_reviewed.connect(hear)
    yield told
    advisor_reviewed.disconnect(hear)


def test_a_review_is_told_once_inside_its_transaction(world: World, heard: list[tuple[str, str, str]]) -> None:
    approve_advisor(world.chen, by=world.admin)
    with pytest.raises(Conflict):
        approve_advisor(world.chen, by=world.admin)
    assert heard == [("陈静", "pending", "approved")]


@pytest.mark.without_wecom
def test_a_suspended_advisor_loses_every_case_with_the_next_request_and_gets_them_back(world: World) -> None:
    client = signed_in(world.li)
    path = f"/api/cases/{world.case.number}/messages/"
    assert client.get(path).status_code == 200
    suspend_advisor(world.li, by=world.admin)
    assert client.get(path).status_code == 404
    assert send(client, path, {"body": "还在吗", "client_id": "a"}).status_code == 404
    assert client.get("/api/cases/").json() == []
    assert "停用" in client.get("/messages/").content.decode()
    approve_advisor(world.li, by=world.admin)
    assert client.get(path).status_code == 200


def test_a_rejected_advisor_is_told_so_and_sees_no_case(world: World) -> None:
    reject_advisor(world.chen, by=world.admin)
    client = signed_in(world.chen)
    assert "没有通过" in client.get("/messages/").content.decode()
    assert client.get("/api/cases/").json() == []


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets only one write at a time")
@pytest.mark.django_db(transaction=True)
def test_of_administrators_who_approve_at_once_one_does(world: World, heard: list[tuple[str, str, str]]) -> None:
    admins = [User.objects.create_superuser(f"admin{n}@example.com", "x", name=f"管理员{n}") for n in range(4)]

    def approve(by: User) -> User | None:
        try:
            return approve_advisor(Advisor.objects.get(pk=world.chen.pk), by=by).reviewed_by
        except Conflict:
            return None

    said = [by for by in at_once(*[lambda by=by: approve(by) for by in admins]) if by]
    world.chen.refresh_from_db()
    assert said == [world.chen.reviewed_by]
    assert heard == [("陈静", "pending", "approved")]
