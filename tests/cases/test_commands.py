"""`manage.py seed_demo`: the accounts and cases of the README."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.test import Client
from pytest_django import Settings

from advisors.models import Advisor
from cases.models import Case
from members.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings: Settings) -> Callable[[], None]:
    """Makes the demo, as where DEBUG is on."""

    def seed() -> None:
        settings.DEBUG = True
        call_command("seed_demo", stdout=StringIO())
        settings.DEBUG = False

    return seed


def rows() -> dict[str, list[dict[str, object]]]:
    models: list[type[Model]] = [
        m for app in ("members", "advisors", "cases") for m in apps.get_app_config(app).get_models()
    ]
    return {m.__name__: list(m._default_manager.order_by("pk").values()) for m in models}


def test_the_demo_has_the_accounts_and_cases_of_the_readme(demo: Callable[[], None]) -> None:
    demo()
    cases = [
        (c.number, c.member.user.email, c.advisor and c.advisor.user.email) for c in Case.objects.order_by("number")
    ]
    assert cases == [
        (1001, "member@example.com", "advisor@example.com"),
        (1002, "member2@example.com", "advisor@example.com"),
    ]
    advisors = Advisor.objects.order_by("user__email").values_list("user__email", "status", "wecom_userid")
    assert list(advisors) == [
        ("advisor2@example.com", "approved", "ZhangWei"),
        ("advisor@example.com", "approved", "LiMing"),
        ("pending@example.com", "pending", ""),
    ]


@pytest.mark.parametrize("who", ["member", "member2", "advisor", "advisor2", "pending", "admin"])
def test_everybody_of_the_demo_signs_in(demo: Callable[[], None], who: str) -> None:
    demo()
    client = Client()
    client.post("/accounts/login/", {"login": f"{who}@example.com", "password": "jiayi-demo-2026"})
    assert client.get("/messages/").status_code == 200
    assert client.get("/admin/").status_code == (200 if who == "admin" else 302)


def test_a_second_seeding_changes_nothing(demo: Callable[[], None]) -> None:
    demo()
    before = rows()
    demo()
    assert rows() == before


def test_accounts_with_a_public_password_are_never_made_on_a_real_site() -> None:
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert not User.objects.exists()
