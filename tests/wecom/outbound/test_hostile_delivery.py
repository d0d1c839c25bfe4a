"""Every way in which WeCom can fail, over real HTTP: what becomes of the notification, of the next one, of the channel.

The clock of the product stands still and is moved by hand; only the deadline of a request is real, and short.
"""

import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connections
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from members.actions import register_member
from tests.support import hostile
from tests.support.clock import NOON
from tests.support.hostile import Received, Response, ScriptedServer, Wire, answer, http_answer
from tests.support.people import PASSWORD, World, says, signed_in
from tests.support.size import size, sized, some
from wecom.api import client
from wecom.models import Attempt, Channel, InboundMessage, Notification
from wecom.outbound import events
from wecom.outbound.sending import send_due
from wecom.outbound.states import resend

pytestmark = pytest.mark.django_db

State = Notification.State
KEY = "canary-key-7e1f"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
OK = b'{"errcode": 0, "errmsg": "ok"}'


@dataclass(frozen=True)
class Fault:
    """What WeCom does, and what must follow. Seconds count from the try; `retry` None: it is not tried again."""

    response: Response
    errcode: int | None = None
    retry: tuple[float, float] | None = (1.6, 2.4)
    paused: tuple[float, float] | None = None  # the whole channel
    needs_mending: bool = False
    says: str = "稍后自动重试"


STOPPED: dict[str, Any] = {"retry": (300, 300), "paused": (300, 300), "needs_mending": True, "says": "请"}
REFUSED: dict[str, Any] = {"retry": None, "says": "请"}
LIMITED: dict[str, Any] = {"retry": (60, 60), "paused": (60, 60), "says": "60 秒"}

FAULTS: dict[str, Fault] = {
    "500": Fault(http_answer(500, b"<html>oops</html>", "text/html"), says="HTTP 500"),
    "502": Fault(http_answer(502), says="HTTP 502"),
    "503 that says errcode 0": Fault(answer(status=503), says="HTTP 503"),
    "hangs": Fault(hostile.hang()),
    "resets": Fault(hostile.reset()),
    "closes": Fault(hostile.raw()),
    "-1 busy": Fault(answer(-1, "system busy"), -1),
    "45033 too many at once": Fault(answer(45033, "concurrency"), 45033),
    "an errcode nobody described": Fault(answer(999_999, "?"), 999_999),
    "45009 too often": Fault(answer(45009, "api freq out of limit"), 45009, **LIMITED),
    "429": Fault(http_answer(429), **LIMITED),
    "invalid JSON": Fault(http_answer(200, b'{"errcode": 0,', "application/json")),
    "HTML": Fault(http_answer(200, b"<html>sign in to the Wi-Fi</html>", "text/html")),
    "an empty body": Fault(http_answer(200)),
    "an empty object": Fault(http_answer(200, b"{}", "application/json")),
    "a list": Fault(http_answer(200, b"[0]", "application/json")),
    "errcode as text": Fault(http_answer(200, b'{"errcode": "0"}', "application/json")),
    "less than announced": Fault(hostile.raw(HEAD + b"Content-Length: 300\r\n\r\n" + OK)),
    "drips the headers": Fault(hostile.drip(b"X-Slow: " + b"a" * 200, head=HEAD)),
    "drips the body": Fault(hostile.drip(OK, head=HEAD + b"Content-Length: 30\r\n\r\n")),
    "a body without end": Fault(hostile.raw(HEAD + b"\r\n" + OK, then_hang=True)),
    "a gigabyte": Fault(hostile.flood(1 << 30)),
    "a gzip bomb": Fault(hostile.gzip_bomb(5_000_000)),
    "100,000 headers": Fault(hostile.raw(HEAD + b"X-A: b\r\n" * 100_000 + b"\r\n" + OK)),
    "93000 no such robot": Fault(answer(93000, f"invalid webhook url, key={KEY}"), 93000, **STOPPED),
    "93004 robot switched off": Fault(answer(93004, "disabled"), 93004, **STOPPED),
    "60020 address not trusted": Fault(answer(60020, "from ip: 203.0.113.9"), 60020, **STOPPED),
    "404 from something in between": Fault(http_answer(404, b"<html>", "text/html"), **STOPPED),
    "40058 this text": Fault(answer(40058, "exceed max length"), 40058, **REFUSED),
    "40201 this text": Fault(answer(40201, "spam"), 40201, **REFUSED),
    "413": Fault(http_answer(413), **REFUSED),
}


@pytest.fixture
def wecom(
    settings: Settings, clock: time_machine.Traveller, world: World, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScriptedServer]:
    """WeCom, healthy until told otherwise; 李明 is bound to an account."""
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 1.5)  # healthy answers too must come within it
    bind_wecom_account(world.li, "LiMing")
    with ScriptedServer() as server:
        settings.WECHAT_WEBHOOK_URL = server.webhook_url(KEY)
        yield server


@pytest.fixture(autouse=True)
def no_secret_is_written(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Log at DEBUG, libraries included, and look for the key in rows, log lines, tracebacks and what was printed."""
    caplog.set_level(logging.DEBUG)
    yield
    written = "".join(
        repr(row) for model in (Notification, Attempt, Channel, InboundMessage) for row in model.objects.values()
    )
    written += caplog.text + "".join(repr(record.__dict__) for record in caplog.get_records("call"))
    assert "canary-" not in written + "".join(capfd.readouterr())


def first_and_next(world: World) -> tuple[Notification, Notification]:
    """Ask for two notifications and return them: a member's message, then a sign-up."""
    says(world.case, world.wang, "在吗？")
    register_member(email="next@example.com", name="赵一", password=PASSWORD)
    first = Notification.objects.get(event=events.MEMBER_WROTE.name)
    return first, Notification.objects.get(event=events.MEMBER_REGISTERED.name)


def about(server: ScriptedServer, row: Notification) -> list[Received]:
    """Return the requests that told of this notification."""
    return [request for request in server.requests if f"编号 {row.reference}）" in request.body.decode()]


def within(moment: datetime | None, bounds: tuple[float, float]) -> bool:
    return moment is not None and bounds[0] <= (moment - NOON).total_seconds() <= bounds[1]


@sized
@pytest.mark.parametrize("name", some(FAULTS, 4))
def test_a_fault_and_what_follows(
    world: World, wecom: ScriptedServer, clock: time_machine.Traveller, name: str
) -> None:
    fault = FAULTS[name]
    first, following = first_and_next(world)
    wecom.play([fault.response, answer()])
    send_due()

    first.refresh_from_db()
    following.refresh_from_db()
    channel = Channel.objects.get(name="group")
    assert fault.says in first.note
    assert first.state == (State.WAITING if fault.retry else State.FAILED)
    assert first.lease == ""
    assert not fault.retry or within(first.due_at, fault.retry)
    (tried,) = Attempt.objects.filter(notification=first)
    assert (tried.errcode, tried.outcome) == (fault.errcode, first.note)
    assert tried.finished_at is not None
    assert (channel.paused_until is None) if fault.paused is None else within(channel.paused_until, fault.paused)
    assert channel.needs_mending is fault.needs_mending
    assert bool(channel.problem) is bool(fault.paused)
    assert following.state == (State.WAITING if fault.paused else State.DELIVERED)

    clock.shift(301)
    send_due()
    first.refresh_from_db()
    following.refresh_from_db()
    channel.refresh_from_db()
    assert following.state == State.DELIVERED
    assert (channel.paused_until, channel.needs_mending, channel.problem) == (None, False, "")
    if not fault.retry:
        assert first.state == State.FAILED
        resend(first)
        send_due()
        first.refresh_from_db()
    assert (first.state, first.attempts) == (State.DELIVERED, 2)
    assert len(about(wecom, first)) == 2
    assert len(about(wecom, following)) == 1


ODD_SUCCESSES: dict[str, Response] = {
    "a NUL in errmsg": http_answer(200, b'{"errcode": 0, "errmsg": "o\\u0000k"}', "application/json"),
    "half a surrogate pair in errmsg": http_answer(200, b'{"errcode": 0, "errmsg": "\\ud800"}', "application/json"),
    "a long errmsg": answer(0, "好" * 10_000),
    "errmsg repeats the key": answer(0, f"ok key={KEY} {KEY}"),
    "errmsg is an object": http_answer(200, b'{"errcode": 0, "errmsg": {"a": [1]}}', "application/json"),
    "the connection stays open": hostile.raw(HEAD + b"Content-Length: 30\r\n\r\n" + OK, then_hang=True),
}


@pytest.mark.parametrize("name", ODD_SUCCESSES)
def test_an_odd_success_is_a_success_and_is_not_repeated(
    world: World, wecom: ScriptedServer, clock: time_machine.Traveller, name: str
) -> None:
    first, following = first_and_next(world)
    wecom.play([ODD_SUCCESSES[name], answer()])
    send_due()
    clock.shift(301)
    send_due()
    for row in (first, following):
        row.refresh_from_db()
        assert row.state == State.DELIVERED
        assert len(about(wecom, row)) == 1


# Where nobody answers at all ----------------------------------------------------------------------------


def expired_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begin, end)
    signed = builder.sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / "expired.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
    return path


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("expired certificate", "证书"),
        ("closed port", "连接"),
        ("nobody accepts", "超时|秒内"),
        ("no such name", "DNS"),
    ],
)
def test_where_nobody_answers_everything_waits_and_goes_out_once_afterwards(
    world: World,
    wecom: ScriptedServer,
    clock: time_machine.Traveller,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
    words: str,
) -> None:
    rows = first_and_next(world)
    with ExitStack() as stack, monkeypatch.context() as broken:
        settings.WECHAT_WEBHOOK_URL = broken_address(place, stack, broken, tmp_path)
        if place == "nobody accepts":
            broken.setattr(client, "DEADLINE_SECONDS", 0.3)  # nothing else ends it
        send_due()
    for row in rows:
        row.refresh_from_db()
        assert row.state == State.WAITING
        assert any(word in row.note for word in words.split("|"))
        assert within(row.due_at, (1.6, 2.4))
    channel = Channel.objects.get(name="group")
    assert (channel.paused_until, channel.needs_mending) == (None, False)
    settings.WECHAT_WEBHOOK_URL = wecom.webhook_url(KEY)
    clock.shift(5)
    send_due()
    assert {Notification.objects.get(pk=row.pk).state for row in rows} == {State.DELIVERED}
    assert [len(about(wecom, row)) for row in rows] == [1, 1]


def broken_address(place: str, stack: ExitStack, patch: pytest.MonkeyPatch, folder: Path) -> str:
    """Return a webhook address where nobody answers, for as long as the stack is open."""
    path = f"/cgi-bin/webhook/send?key={KEY}"
    if place == "expired certificate":
        pem = expired_certificate(folder)
        patch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return stack.enter_context(ScriptedServer(tls=context)).webhook_url(KEY)
    if place == "nobody accepts":
        return f"http://127.0.0.1:{stack.enter_context(hostile.unreachable_port())}{path}"
    if place == "no such name":

        def fail(*args: object, **kwargs: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        patch.setattr(socket, "getaddrinfo", fail)
        return f"http://localhost:9{path}"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}{path}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_never_followed(
    world: World, wecom: ScriptedServer, clock: time_machine.Traveller, status: int
) -> None:
    first, following = first_and_next(world)
    with ScriptedServer() as elsewhere:
        wecom.play([hostile.redirect(status, elsewhere.webhook_url(KEY)), answer()])
        send_due()
        clock.shift(5)
        send_due()
        assert elsewhere.connections == 0
    assert len(about(wecom, first)) == 2
    assert set(Notification.objects.filter(pk__in=[first.pk, following.pk]).values_list("state", flat=True)) == {
        State.DELIVERED
    }


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_wecom_hangs(
    world: World, wecom: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 0.5)  # long enough to be asked at all
    says(world.case, world.wang, "在吗？")
    ours, held = connections["default"], list[bool]()

    def hang(wire: Wire) -> None:
        held.append(ours.connection is not None)
        wire.hang()

    wecom.play([hang])
    send_due()
    assert held == [False]
    assert Notification.objects.get(event=events.MEMBER_WROTE.name).state == State.WAITING


# For how long -------------------------------------------------------------------------------------------

ONE_DAY_LONG = ("500", "-1 busy", "45009 too often", "HTML", "resets", "hangs", "a gzip bomb")


@sized
@pytest.mark.parametrize("name", size(["500"], [*ONE_DAY_LONG]))
def test_after_24_hours_it_is_given_up_and_shown(
    world: World, wecom: ScriptedServer, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 0.05)
    says(world.case, world.wang, "在吗？")
    Notification.objects.exclude(event=events.MEMBER_WROTE.name).delete()
    row = Notification.objects.get()
    wecom.play([FAULTS[name].response])
    while row.state == State.WAITING:
        send_due()
        row.refresh_from_db()
        clock.move_to(max(row.due_at, datetime.now(UTC)))
        assert datetime.now(UTC) < NOON + timedelta(hours=25)
    assert row.state == State.FAILED
    last = Attempt.objects.latest("pk").started_at - NOON
    assert timedelta(hours=24) < last <= timedelta(hours=24, minutes=36)
    assert 50 <= row.attempts == Attempt.objects.count() <= 100
    page = signed_in(world.admin).get("/admin/wecom/notification/", {"state__exact": "failed"})
    assert row.reference in page.content.decode()
    wecom.play([])
    monkeypatch.setattr(client, "DEADLINE_SECONDS", 10)
    clock.shift(61)  # WeCom's own limit is no reason to try at once
    resend(row)
    send_due()
    row.refresh_from_db()
    assert row.state == State.DELIVERED


@sized
def test_what_waits_for_a_person_is_never_given_up(
    world: World, wecom: ScriptedServer, clock: time_machine.Traveller
) -> None:
    first, _following = first_and_next(world)
    wecom.play([FAULTS["93000 no such robot"].response])
    minutes = size(90, 15)
    for _ in range(30 * 60 // minutes):
        send_due()
        clock.shift(minutes * 60)  # thirty hours
    assert not Notification.objects.filter(state=State.FAILED).exists()
    assert Channel.objects.get(name="group").needs_mending
    # Mended, but the network fails once more: that is the first failure of a new day.
    wecom.play([FAULTS["500"].response, answer()])
    send_due()
    clock.shift(400)
    send_due()
    assert not Notification.objects.filter(state=State.FAILED).exists()
    first.refresh_from_db()
    assert first.state == State.DELIVERED


def test_one_due_long_after_it_was_asked_for_has_24_hours_from_its_first_try(
    world: World, wecom: ScriptedServer, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 11, 27, 22, 50, tzinfo=UTC))  # Friday 17:50 in Toronto
    says(world.case, world.wang, "在吗？")
    send_due()
    clock.move_to(datetime(2026, 11, 30, 14, 30, tzinfo=UTC))  # Monday 09:30
    wecom.play([FAULTS["500"].response, answer()])
    send_due()
    clock.shift(5)
    send_due()
    reminder = Notification.objects.get(event=events.STILL_UNREAD.name)
    assert (reminder.state, reminder.attempts) == (State.DELIVERED, 2)
