"""Sessions know their account: ending all of one person asks for theirs alone."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from members.models import Session
from members.sessions import end_sessions
from tests.support.people import PASSWORD, World, signed_in

pytestmark = pytest.mark.django_db


def test_a_session_has_the_account_from_signing_in_to_signing_out(world: World) -> None:
    client = Client()
    client.get(reverse("account_login"), {"next": "/messages/"})
    assert not Session.objects.exclude(user=None).exists()
    client.post(reverse("account_login"), {"login": "wang@example.com", "password": PASSWORD})
    assert [one.user for one in Session.objects.all()] == [world.wang.user]
    client.post(reverse("account_logout"))
    assert not Session.objects.exclude(user=None).exists()


def test_a_session_in_a_log_or_on_a_page_does_not_show_its_key(world: World) -> None:
    session = signed_in(world.wang).session
    row = Session.objects.get(user=world.wang.user)
    assert session.session_key == row.pk
    assert row.pk not in f"{row} {row!r}"


def test_ending_the_sessions_of_one_person_ends_theirs_and_reads_no_others(world: World) -> None:
    theirs, another = [signed_in(world.wang), signed_in(world.wang)], signed_in(world.li)
    with CaptureQueriesContext(connection) as queries:
        end_sessions(world.wang.user)
    sessions = [query["sql"] for query in queries if "members_session" in query["sql"]]
    assert sessions
    assert all("user_id" in sql or "session_key" in sql for sql in (sql.partition("WHERE")[2] for sql in sessions))
    assert [client.get("/profile/").status_code for client in theirs] == [302, 302]
    assert another.get("/profile/").status_code == 200
