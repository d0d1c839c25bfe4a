"""E-mails about accounts: no request waits for a mail server, none is lost or doubled, and no address is written."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django import Settings

from jiayi.mail import hand_over
from members import account_mail
from members.account_mail import send_account_mail
from members.models import AccountMail, User
from tests.support.people import PASSWORD, World, signed_in
from tests.support.post_office import PostOffice

pytestmark = pytest.mark.django_db

State = AccountMail.State
NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def office(settings: Settings) -> Iterator[PostOffice]:
    with PostOffice() as office:
        office.serve(settings)
        yield office


def ask(email: str = "wang@example.com") -> int:
    return Client().post("/accounts/password/reset/", {"email": email}).status_code


def row() -> AccountMail:
    return AccountMail.objects.latest("pk")


@pytest.mark.without_wecom
def test_no_request_speaks_to_the_mail_server(world: World, office: PostOffice) -> None:
    office.silent = True
    assert ask() == ask("nobody@example.com") == 302
    form = {"oldpassword": PASSWORD, "password1": "a-brand-new-password", "password2": "a-brand-new-password"}
    assert signed_in(world.lin).post("/accounts/password/change/", form).status_code == 302
    assert office.connections == 0
    office.silent = False
    waiting = AccountMail.objects.filter(state=State.WAITING).count()
    assert send_account_mail() == waiting >= 2
    assert {mail["To"] for mail in office.mails} >= {"wang@example.com", "nobody@example.com"}


def test_a_mail_that_was_sent_leaves_neither_its_words_nor_its_address(world: World, office: PostOffice) -> None:
    ask()
    assert "/reset/key/" in row().body
    send_account_mail()
    assert "/reset/key/" in office.mails[0].get_content()
    sent = row()
    assert (sent.state, sent.recipient, sent.subject, sent.body, sent.user) == ("sent", "", "", "", world.wang.user)
    assert send_account_mail() == 0
    with pytest.raises(DatabaseError), transaction.atomic():
        AccountMail.objects.filter(pk=sent.pk).update(body="https://…/reset/key/")


def test_a_refused_recipient_is_no_error_of_the_page_and_in_no_log(
    world: World, office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office.say["RCPT"] = "550 unknown"
    assert ask() == 302
    send_account_mail()
    assert (row().state, row().note, row().body) == (
        "failed",
        "邮件服务器拒绝了收件地址，请核对会员的邮箱（SMTP 550）。",
        "",
    )
    assert "wang@example.com" not in caplog.text
    assert "/reset/key/" not in caplog.text


def test_a_server_that_is_busy_or_away_is_asked_again_and_the_mail_goes_once(
    world: World, office: PostOffice, clock: time_machine.Traveller
) -> None:
    ask()
    office.say["DATA"] = "451 later"
    send_account_mail()
    assert (row().state, row().attempts) == ("waiting", 1)
    assert send_account_mail() == 0, "not at once"
    office.say["DATA"] = "250 taken"
    office.mails.clear()
    clock.shift(2)
    send_account_mail()
    clock.shift(3600)
    send_account_mail()
    assert (row().state, len(office.mails)) == ("sent", 1)


def test_a_wrong_password_of_the_mail_server_loses_no_mail(
    world: World, office: PostOffice, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = "wrong"
    ask()
    send_account_mail()
    assert (row().state, "EMAIL_URL" in row().note) == ("waiting", True)
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    clock.shift(10)
    send_account_mail()
    assert (row().state, len(office.mails)) == ("sent", 1)


def test_a_server_that_is_away_costs_one_time_out_however_many_wait(
    world: World, office: PostOffice, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 1
    office.silent = True
    for email in ("wang@example.com", "lin@example.com", "nobody@example.com"):
        ask(email)
    assert send_account_mail() == 1
    assert office.connections == 1
    assert AccountMail.objects.filter(state=State.WAITING).count() == 3


def test_without_a_mail_server_no_link_is_written_to_the_workers_log(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DEBUG, settings.EMAIL_BACKEND = False, "django.core.mail.backends.console.EmailBackend"
    assert ask() == 302
    assert send_account_mail() == 1
    assert "reset" not in capsys.readouterr().out
    assert (row().state, row().note) == (State.WAITING, "没有设置 EMAIL_URL，不发邮件。"), (
        "it may be set within the hour"
    )


@pytest.mark.parametrize("length", [255, 300, 320, 5_000])
def test_an_address_longer_than_any_is_refused_in_words(world: World, length: int) -> None:
    address = "a" * (length - len("@example.com")) + "@example.com"
    answer = Client().post("/accounts/password/reset/", {"email": address})
    assert (answer.status_code, "邮箱太长了" in answer.content.decode()) == (200, True)
    assert not AccountMail.objects.exists()


def test_after_an_hour_a_link_is_sent_no_more(world: World, office: PostOffice, clock: time_machine.Traveller) -> None:
    ask()
    clock.shift(timedelta(hours=1, seconds=1).total_seconds())
    send_account_mail()
    assert (row().state, row().body, office.mails) == ("failed", "", [])


def test_a_worker_killed_between_sending_and_marking_sends_it_once_more_as_the_same(
    world: World, office: PostOffice, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    send = hand_over

    def killed(mail: EmailMessage) -> None:
        send(mail)
        raise KeyboardInterrupt

    monkeypatch.setattr(account_mail, "hand_over", killed)
    with pytest.raises(KeyboardInterrupt):
        send_account_mail()
    monkeypatch.setattr(account_mail, "hand_over", send)
    assert send_account_mail() == 0, "another worker leaves it alone while it may be under way"
    clock.shift(181)
    assert send_account_mail() == 1
    clock.shift(3600)
    assert send_account_mail() == 0
    first, second = office.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_administrators_see_what_went_out_but_not_its_words(world: World, office: PostOffice) -> None:
    ask()
    admin = signed_in(User.objects.create_superuser("boss@example.com", PASSWORD, name="老板"))
    for path in ("/admin/members/accountmail/", f"/admin/members/accountmail/{row().pk}/change/"):
        shown = admin.get(path).content.decode()
        assert world.wang.user.name in shown
        assert "/reset/key/" not in shown
    assert admin.post(f"/admin/members/accountmail/{row().pk}/delete/", {"post": "yes"}).status_code == 403
