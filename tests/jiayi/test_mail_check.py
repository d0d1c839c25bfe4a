"""A site that is meant for people and prints their e-mails on its console says so."""

import pytest
from pytest_django import Settings

from jiayi.checks import check_mail


@pytest.mark.parametrize(
    ("backend", "debug", "found"),
    [("console", False, ["jiayi.W002"]), ("console", True, []), ("smtp", False, []), ("smtp", True, [])],
)
def test_e_mail_on_the_console_is_for_developers(
    settings: Settings, backend: str, debug: bool, found: list[str]
) -> None:
    settings.EMAIL_BACKEND, settings.DEBUG = f"django.core.mail.backends.{backend}.EmailBackend", debug
    assert [one.id for one in check_mail()] == found
