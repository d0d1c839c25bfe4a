"""What /healthz says, and how background processes show that they are at work."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from jiayi import __version__
from jiayi.health import WORKER, beat, seen
from tests.support.people import World, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


def health() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/healthz")
    return answer.status_code, answer.json()


def test_a_worker_that_never_ran_is_told() -> None:
    assert health() == (200, {"status": "ok", "worker": "never seen", "version": __version__})


@pytest.mark.parametrize(("away", "said"), [(0, "ok"), (60, "ok"), (61, "not seen for 61 s"), (-30, "ok")])
def test_a_worker_not_seen_for_a_minute_is_told_and_the_site_still_counts_as_up(
    clock: time_machine.Traveller, away: float, said: str
) -> None:
    beat(WORKER)
    clock.shift(away)
    assert health() == (200, {"status": "ok", "worker": said, "version": __version__})


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_is_a_503_without_its_reasons(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def unreachable() -> None:
        raise error("password of the database")

    monkeypatch.setattr(connection, "cursor", unreachable)
    assert health() == (503, {"status": "database unreachable", "version": __version__})


def test_asking_costs_one_query(django_assert_num_queries: Any) -> None:
    beat(WORKER)
    with django_assert_num_queries(1):
        health()


def test_a_process_is_known_by_its_name_and_its_last_beat(clock: time_machine.Traveller) -> None:
    beat(WORKER)
    clock.shift(10)
    beat(WORKER)
    assert seen(WORKER) == datetime(2026, 11, 23, 17, 0, 10, tzinfo=UTC)
    assert seen("another") is None


def test_a_beat_costs_one_query(django_assert_num_queries: Any) -> None:
    beat(WORKER)
    with django_assert_num_queries(1):
        beat(WORKER)


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_the_same_moment_share_one_row() -> None:
    at_once(*[lambda: beat(WORKER)] * 4)
    assert seen(WORKER) is not None


@pytest.mark.parametrize("error", [OperationalError("database is locked"), InterfaceError("connection already closed")])
def test_a_database_that_is_busy_or_away_is_no_mistake_of_ours(
    monkeypatch: pytest.MonkeyPatch, world: World, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    client = signed_in(world.wang)
    client.raise_request_exception = False
    monkeypatch.setattr("cases.api.mark_read", fail)
    monkeypatch.setattr("cases.views.list_cases", fail)
    told = client.post("/api/cases/1001/read/", {"seq": 1}, content_type="application/json")
    page = client.get("/messages/1001/")
    assert (told.status_code, told.json()) == (503, {"detail": "网站正忙，请稍后再试。"})
    assert (page.status_code, told["Retry-After"], page["Retry-After"]) == (503, "2", "2")
    assert "已经发出的消息不会丢失" in page.content.decode()
