"""`manage.py seed_demo`: the accounts and cases of the README."""

import wave
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from advisors.models import Advisor
from cases.models import Attachment, Case, Message, Note
from members.models import User
from tests.support.recording import Recording, record

pytestmark = pytest.mark.django_db


def seed(*options: str) -> None:
    """Make the demo, as where DEBUG is on."""
    with override_settings(DEBUG=True):
        call_command("seed_demo", *options, stdout=StringIO())


@pytest.fixture(scope="module")
def recorded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Recording[None]:
    with django_db_blocker.unblock():
        return record(seed)


@pytest.fixture
def demo(db: None, recorded: Recording[None]) -> None:
    """The demo, made a moment ago."""
    recorded.replay()


def rows() -> dict[str, list[dict[str, object]]]:
    models: list[type[Model]] = [
        m for app in ("members", "advisors", "cases") for m in apps.get_app_config(app).get_models()
    ]
    return {m.__name__: list(m._default_manager.order_by("pk").values()) for m in models}


README_CASES = [
    (1001, "member@example.com", "advisor@example.com"),
    (1002, "member2@example.com", "advisor@example.com"),
]
README_ADVISORS = [
    ("advisor2@example.com", "approved", "ZhangWei"),
    ("advisor@example.com", "approved", "LiMing"),
    ("pending@example.com", "pending", ""),
]


def cases() -> list[tuple[int, str, str | None]]:
    ordered = Case.objects.order_by("number")
    return [(c.number, c.member.user.email, c.advisor.user.email if c.advisor else None) for c in ordered]


def advisors() -> list[tuple[str, str, str]]:
    ordered = Advisor.objects.order_by("user__email")
    return list(ordered.values_list("user__email", "status", "wecom_userid"))


@pytest.mark.without_wecom
def test_the_demo_has_the_accounts_and_cases_of_the_readme(demo: None) -> None:
    assert cases()[:2] == README_CASES
    assert [one for one in cases() if one[2] == "advisor2@example.com"] == []
    assert [one for one in advisors() if one[0] != "pending2@example.com"] == README_ADVISORS


def test_the_demo_is_also_to_be_had_empty() -> None:
    seed("--empty")
    assert (cases(), advisors()) == (README_CASES, README_ADVISORS)
    assert not Message.objects.exclude(kind="system").exists()


def test_the_demo_shows_a_practice_at_work(demo: None) -> None:
    assert Advisor.objects.filter(status="pending").count() == 2
    assert Note.objects.filter(handed_to=None).exists()
    assert Note.objects.exclude(handed_to=None).exists()
    mine = Message.objects.filter(case__number=1001)
    assert set(Attachment.objects.filter(message__in=mine).values_list("kind", flat=True)) == {"image", "file", "audio"}
    assert mine.filter(source="wecom").exists()
    assert mine.exclude(recalled_at=None).exists()
    client = Client()
    client.force_login(User.objects.get(email="member@example.com"))
    shown = client.get("/api/cases/").json()
    assert [(one["number"], one["status"], one["unread"]) for one in shown] == [(1001, "open", 0), (1003, "closed", 0)]
    client.force_login(User.objects.get(email="advisor@example.com"))
    desk = client.get("/api/cases/").json()
    waiting = [one["number"] for one in desk if one["waiting_since"]]
    assert 1 < len(waiting) < len(desk) - 2
    assert 1001 not in waiting, "the newcomer's own line is the first that waits there"
    assert 0 < len([one for one in desk if one["unread"]]) < len(desk) - 2


def test_the_demo_lies_in_the_past_and_in_order(demo: None) -> None:
    for case in Case.objects.all():
        said = list(case.messages.order_by("seq").values_list("seq", "created_at"))
        assert [seq for seq, _at in said] == list(range(1, case.last_seq + 1))
        times = [case.created_at, *(at for _seq, at in said)]
        assert times == sorted(times)
        assert case.last_message_at == times[-1] < timezone.now() - timedelta(minutes=20)
        since = case.waiting_since
        assert since is None or case.messages.filter(sender=case.member.user_id, created_at=since).exists()
        assert case.member.created_at <= case.created_at


def test_the_files_of_the_demo_can_be_opened(demo: None) -> None:
    client = Client()
    client.force_login(User.objects.get(email="member@example.com"))
    for one in Attachment.objects.filter(message__case__number=1001):
        answer = client.get(f"/api/files/{one.key}/")
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        assert (answer.status_code, len(content)) == (200, one.size), one.name
        if one.kind == "audio":
            with wave.open(BytesIO(content)) as sound:
                assert sound.getnframes() / sound.getframerate() == 3


@pytest.mark.parametrize("who", ["member", "member2", "advisor", "advisor2", "pending", "admin"])
def test_everybody_of_the_demo_signs_in(demo: None, who: str) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": f"{who}@example.com", "password": "jiayi-demo-2026"})
    assert client.get("/messages/").status_code == 200
    assert client.get("/admin/").status_code == (200 if who == "admin" else 302)


def test_a_second_seeding_changes_nothing(demo: None) -> None:
    before = rows()
    seed()
    assert rows() == before


def test_accounts_with_a_public_password_are_never_made_on_a_real_site() -> None:
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert not User.objects.exists()
