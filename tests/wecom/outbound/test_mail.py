"""E-mails on a real mail server: taken, refused, away, silent. Nothing else waits for it, and no address is written."""

import logging
import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import connection
from pytest_django import Settings

from cases.actions import open_case
from jiayi.mail import mail_is_configured
from members.actions import register_member
from tests.support.clock import NOON
from tests.support.people import PASSWORD, World, says, signed_in
from tests.support.post_office import PostOffice
from tests.support.robot import Robot
from wecom.management.commands.deliver import work_on_mail
from wecom.models import Attempt, Channel, Notification
from wecom.outbound import events, queue
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = Notification.State


@pytest.fixture
def due(world: World, clock: time_machine.Traveller, office: PostOffice) -> Notification:
    """An e-mail to 王小明 that is due."""
    return reply(world, clock)


def reply(world: World, clock: time_machine.Traveller) -> Notification:
    says(world.case, world.li, "您好")
    clock.shift(300)
    return Notification.objects.get(event=events.REPLY_UNREAD.name)


def send() -> Notification:
    send_due(channels=("email",))
    return Notification.objects.filter(event=events.REPLY_UNREAD.name).latest("pk")


def channel() -> Channel:
    return Channel.objects.get(name="email")


def test_an_e_mail_is_handed_to_the_mail_server_once(due: Notification, office: PostOffice) -> None:
    row = send()
    send()
    (taken,) = office.mails
    assert (row.state, row.delivered_at) == (State.DELIVERED, NOON + timedelta(seconds=300))
    assert office.recipients == ["rcpt TO:<wang@example.com>"]
    assert taken["To"] == "wang@example.com"
    assert "您的顾问在案件 #1001 中回复了您" in taken["Subject"]
    assert taken["Auto-Submitted"] == "auto-generated"
    assert taken["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert taken["List-Unsubscribe"].strip().startswith("<http://testserver/profile/reminders-off/")
    assert taken["Message-ID"] == f"<N{due.pk}.20261123170000@testserver>"


def test_no_database_connection_is_held_while_the_server_takes_its_time(
    due: Notification, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a test's transaction the connection stays; what matters is that no transaction of ours is open."""
    seen: list[int] = []
    real = EmailMessage.send
    depth = len(connection.savepoint_ids)

    def send_and_look(self: EmailMessage, *args: object) -> int:
        seen.append(len(connection.savepoint_ids))
        return real(self)

    monkeypatch.setattr(EmailMessage, "send", send_and_look)
    send()
    assert seen == [depth]


# What an answer means: at which step the server says what; the row afterwards, and whether the channel stops.
ANSWERS = [
    ("RCPT", "550 5.1.1 wang@example.com unknown", State.FAILED, False),
    ("RCPT", "553 wang@example.com?", State.FAILED, False),
    ("RCPT", "450 4.2.0 wang@example.com greylisted", State.WAITING, False),
    ("RCPT", "452 mailbox full", State.WAITING, False),
    ("MAIL", "550 sender not allowed", State.WAITING, True),
    ("MAIL", "451 try later", State.WAITING, False),
    ("DATA", "554 spam for wang@example.com", State.FAILED, False),
    ("DATA", "451 try later", State.WAITING, False),
    ("AUTH", "535 wrong password", State.WAITING, True),
    ("AUTH", "454 temporary", State.WAITING, False),
]


@pytest.mark.parametrize(("step", "said", "state", "stops"), ANSWERS)
def test_what_an_answer_means(
    due: Notification,
    office: PostOffice,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    step: str,
    said: str,
    state: str,
    stops: bool,
) -> None:
    office.say[step] = said
    if step == "AUTH":
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = "jiayi"
    row = send()
    assert (row.state, row.attempts, channel().needs_mending) == (state, 1, stops)
    outcome = Attempt.objects.get(notification=row)
    for text in (row.note, outcome.outcome, channel().problem, caplog.text):
        assert "wang" not in text
    assert str(outcome.errcode) == said[:3]


def test_a_refused_address_fails_only_its_own_e_mail(
    world: World, due: Notification, office: PostOffice, clock: time_machine.Traveller
) -> None:
    office.say["RCPT"] = "550 unknown"
    assert send().state == State.FAILED
    office.say["RCPT"] = "250 ok"
    says(world.other_case, world.li, "您好")
    clock.shift(300)
    assert send().state == State.DELIVERED
    assert channel().paused_until is None


def test_a_server_that_is_down_loses_nothing_and_is_tried_for_a_day(
    world: World, due: Notification, office: PostOffice, settings: Settings, clock: time_machine.Traveller
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9  # nobody listens there
    waits = []
    for _ in range(6):
        row = send()
        assert row.state == State.WAITING
        waits.append((row.due_at - NOON - timedelta(seconds=300)).total_seconds())
        clock.move_to(row.due_at)
    assert waits == sorted(waits)
    settings.EMAIL_PORT = port
    assert send().state == State.DELIVERED
    assert len(office.mails) == 1


def test_after_a_day_it_is_given_up_and_stands_in_the_admin(
    world: World, due: Notification, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.EMAIL_PORT = 9
    assert send().state == State.WAITING
    clock.shift(timedelta(hours=24, minutes=1))
    assert send().state == State.FAILED
    page = signed_in(world.admin).get("/admin/wecom/notification/?channel__exact=email").content.decode()
    assert due.reference in page
    assert "wang@example.com" not in page


def test_a_silent_server_costs_one_time_out_and_five_of_them_a_pause(
    world: World, due: Notification, office: PostOffice, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    office.silent = True
    for n in range(9):
        case = open_case(world.wang, f"案件 {n}", advisor=world.li)
        says(case, world.li, "您好")
    clock.shift(300)
    send()
    for _ in range(200):  # on a busy machine the office counts the last one after we have given it up
        if office.connections < 5:
            threading.Event().wait(0.05)
    assert office.connections == 5
    assert channel().paused_until is not None
    office.silent = False
    settings.EMAIL_TIMEOUT = 10
    for _ in range(3):
        clock.shift(600)
        send()
    assert len(office.mails) == 10


def test_a_wrong_password_waits_for_a_person_and_is_shown_to_administrators(
    world: World, due: Notification, office: PostOffice, settings: Settings, clock: time_machine.Traveller
) -> None:
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = "jiayi"
    send()
    assert "EMAIL_URL" in signed_in(world.admin).get("/admin/").content.decode()
    clock.shift(timedelta(days=3))  # longer than a failure is tried
    send()
    office.say["AUTH"] = "235 welcome"
    clock.shift(timedelta(minutes=6))
    assert send().state == State.DELIVERED
    assert "EMAIL_URL" not in signed_in(world.admin).get("/admin/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_goes_to_wecom_does_not_wait_for_a_silent_mail_server(
    world: World, robot: Robot, office: PostOffice, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 30.0
    settings.EMAIL_REMINDER_AFTER = timedelta()
    office.silent = True
    says(world.case, world.li, "您好")
    stopping = threading.Event()
    thread = threading.Thread(target=work_on_mail, args=(stopping.is_set, stopping.wait), daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not office.connections and time.monotonic() < until:
            time.sleep(0.01)
        started = time.monotonic()
        register_member(email="zhao@example.com", name="赵一", password=PASSWORD)
        send_due(channels=("group", "app"))
        assert any("新会员" in text for text in robot.texts)
        assert time.monotonic() - started < 20.0
        assert Notification.objects.get(event=events.REPLY_UNREAD.name).state == State.SENDING
    finally:
        stopping.set()
        office.stopping.set()
        thread.join(10)


def test_an_error_of_our_own_fails_the_row_and_names_nobody(
    due: Notification, office: PostOffice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: EmailMessage, *args: object) -> int:
        raise RuntimeError("wang@example.com")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(EmailMessage, "send", broken)
    row = send()
    assert row.state == State.FAILED
    assert "wang@example.com" not in row.note + caplog.text


def test_a_worker_that_was_killed_while_sending_leaves_it_to_the_next(
    world: World, due: Notification, office: PostOffice, clock: time_machine.Traveller
) -> None:
    assert queue.claim("email") is not None
    assert send().state == State.SENDING
    clock.shift(181)
    assert send().state == State.DELIVERED
    assert len(office.mails) == 1


def test_the_console_is_a_mail_server_for_developers_only(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    for debug in (True, False):
        settings.DEBUG = debug
        assert mail_is_configured() is debug
