"""A scanner in front of the files: nothing is served before it said so, and nothing waits for ever."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from cases.actions import recall_message
from cases.files import scanning
from cases.files.actions import post_file
from cases.files.scanning import scan_due
from cases.files.uploads import read_upload
from cases.live.shows import shows
from cases.models import Attachment
from jiayi.clamd import Address, ScannerUnavailable, parse_address, scan
from jiayi.env import env_parsed
from tests.cases.files.test_file_kinds import send_file
from tests.support import files
from tests.support.clamd import EICAR, Answer, Clamd, says
from tests.support.people import World, signed_in
from tests.support.size import part, sized, some

pytestmark = pytest.mark.django_db

EICAR_TEXT = EICAR + b"\n"
NOWHERE = Address("127.0.0.1", 1)


@pytest.fixture(autouse=True)
def _not_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_pause_until", 0.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For scanners that only the deadline ends: a healthy one would need longer now and then."""
    monkeypatch.setattr(scanning, "AT_ONCE", 0.3)
    monkeypatch.setattr(scanning, "PATIENCE", 0.3)


@pytest.fixture
def clamd(settings: Settings) -> Iterator[Clamd]:
    with Clamd() as scanner:
        settings.CLAMD_URL = scanner.address
        yield scanner


def send(world: World, content: bytes = files.PNG, name: str = "护照.png") -> Attachment:
    answer = send_file(signed_in(world.wang), world.case.number, content, name)
    assert answer.status_code == 201, answer.content
    return Attachment.objects.get(message_id=answer.json()["id"])


def urls(attachment: Attachment) -> list[str]:
    return [f"/api/files/{attachment.key}/", f"/api/files/{attachment.key}/thumbnail/"]


def assert_not_served(world: World, attachment: Attachment, state: str, every: int = 1, at: int = 0) -> None:
    """By none of the ways; in the small size by one of `every` so many, another one at each place `at`."""
    attachment.refresh_from_db()
    assert attachment.state == state
    for who in (world.wang, world.li):
        client = signed_in(who)
        never = client.get(f"/api/files/{uuid4()}/")
        for url in urls(attachment):
            for headers in part(({}, {"Range": "bytes=0-3"}, {"If-None-Match": f'"{attachment.sha256}"'}), every, at):
                answer = client.get(url, headers=headers)
                assert (answer.status_code, answer.content) == (404, never.content)
                assert client.head(url, headers=headers).status_code == 404
        (seen,) = client.get(f"/api/cases/{world.case.number}/messages/?after=1").json()["messages"]
        shown = seen["attachment"]
        assert (shown["state"], shown["url"], shown["thumbnail"]) == (state, None, None)
        page = client.get(f"/messages/{world.case.number}/").content.decode()
        assert str(attachment.key) not in page
        assert {"waiting": "正在安全检查…", "infected": "文件未通过安全检查"}[state] in page


def assert_served(world: World, attachment: Attachment, content: bytes) -> None:
    attachment.refresh_from_db()
    assert attachment.state == "ready"
    assert b"".join(signed_in(world.li).get(urls(attachment)[0])) == content


def wait_a_little(seconds: float = 60) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds))


def test_without_a_scanner_a_file_is_ready_at_once(world: World, settings: Settings) -> None:
    settings.CLAMD_URL = None
    assert_served(world, send(world), files.PNG)
    assert scan_due() == 0


def test_a_clean_file_is_served_at_once_and_the_scanner_saw_every_byte(world: World, clamd: Clamd) -> None:
    content = files.PDF + os.urandom(700_000)
    assert_served(world, send(world, content, "a.pdf"), content)
    assert clamd.scanned == [content]


def test_the_scanner_listens_on_a_unix_socket_too(world: World, settings: Settings, tmp_path: Path) -> None:
    with Clamd(path=tmp_path / "clamd.ctl") as scanner:
        settings.CLAMD_URL = scanner.address
        assert_served(world, send(world), files.PNG)
        assert send(world, EICAR_TEXT, "a.txt").state == "infected"
        assert len(scanner.scanned) == 2


@pytest.mark.without_wecom
def test_an_infected_file_is_kept_told_and_served_to_nobody(world: World, clamd: Clamd) -> None:
    attachment = send(world, EICAR_TEXT, "a.txt")
    assert_not_served(world, attachment, "infected")
    assert attachment.finding == "Eicar-Signature"
    page = signed_in(world.admin).get("/admin/cases/attachment/?state__exact=infected").content.decode()
    assert "Eicar-Signature" in page
    assert f"#{world.case.number}/{attachment.message.seq}" in page
    assert "a.txt" not in page
    assert scan_due() == 0


def hang(clamd: Clamd) -> Answer:
    return clamd.hang


def slow(clamd: Clamd) -> Answer:
    def drip(wire: socket.socket, _content: bytes) -> None:
        for byte in b"stream: OK" * 6:  # 12 s
            if clamd.released.wait(0.2):
                return
            wire.sendall(bytes([byte]))

    return drip


WRONG: dict[str, Callable[[Clamd], Answer]] = {
    "hangs": hang,
    "drips": slow,
    "hangs up": lambda _clamd: lambda wire, _content: wire.close(),
    "hangs up in the middle": lambda _clamd: says(b"stream: O"),
    "says nothing": lambda _clamd: says(b"\0"),
    "says garbage": lambda _clamd: says(b"\xff\xfeHTTP/1.1 200 OK\r\n\r\nstream: OK\0"),
    "is not sure": lambda _clamd: says(b"stream: OK maybe\0"),
    "never ends": lambda _clamd: says(b"stream: OK" * 10_000),
    "is out of memory": lambda _clamd: says(b"stream: Can't allocate memory ERROR\0"),
}


@sized
@pytest.mark.parametrize("wrong", some(WRONG, 2))
def test_a_scanner_that_gives_no_verdict_keeps_the_file_waiting(
    world: World, clamd: Clamd, impatient: None, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    proper, clamd.answer = clamd.answer, WRONG[wrong](clamd)
    began = time.monotonic()
    attachment = send(world, files.PDF, "a.pdf")
    assert time.monotonic() - began < 8
    at = list(WRONG).index(wrong)
    assert_not_served(world, attachment, "waiting", 3, at)
    assert scan_due() == 0
    assert_not_served(world, attachment, "waiting", 3, at + 1)
    clamd.answer = proper
    monkeypatch.setattr(scanning, "PATIENCE", 30.0)
    with wait_a_little():
        assert scan_due() == 1
    assert_served(world, attachment, files.PDF)


def test_a_file_larger_than_the_scanner_takes_waits_with_what_it_said(
    world: World, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with Clamd(limit=1000) as scanner:
        settings.CLAMD_URL = scanner.address
        assert_not_served(world, send(world, files.PDF + b" " * 3_000_000, "a.pdf"), "waiting")
    assert "size limit exceeded" in caplog.text


def test_while_the_scanner_is_down_files_wait_and_are_served_when_it_is_back(
    world: World, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CLAMD_URL = NOWHERE
    clean, infected = send(world), send(world, EICAR_TEXT, "王小明.txt")
    assert scan_due() == 0
    assert {clean.state, infected.state} == {"waiting"}
    with Clamd() as scanner:
        settings.CLAMD_URL = scanner.address
        with wait_a_little():
            assert scan_due() == 2
            assert scan_due() == 0
    assert_served(world, clean, files.PNG)
    infected.refresh_from_db()
    assert (infected.state, infected.finding, infected.scan_due_at) == ("infected", "Eicar-Signature", None)
    assert "王小明" not in caplog.text


def test_after_a_failure_nobody_else_waits_for_the_scanner(world: World, clamd: Clamd, impatient: None) -> None:
    clamd.answer = clamd.hang
    send(world)
    for _number in range(3):
        send(world)
    assert len(clamd.scanned) == 1


def test_one_file_nobody_can_scan_does_not_hold_up_the_others(world: World, settings: Settings) -> None:
    settings.CLAMD_URL = NOWHERE
    stuck, missing, other = send(world, files.PDF, "a.pdf"), send(world), send(world)
    missing.file.storage.delete(missing.file.name)

    def all_but_pdf(wire: socket.socket, content: bytes) -> None:
        wire.sendall(b"stream: OK\0" if b"%PDF" not in content else b"crash\0")

    with Clamd(all_but_pdf) as scanner:
        settings.CLAMD_URL = scanner.address
        for seconds in (60, 75, 90):
            with wait_a_little(seconds):
                scan_due()
    states = [Attachment.objects.get(pk=one.pk).state for one in (stuck, missing, other)]
    assert states == ["waiting", "waiting", "ready"]


def test_the_finished_state_is_shown_on_the_open_pages(world: World, settings: Settings) -> None:
    settings.CLAMD_URL = NOWHERE
    attachment = send(world)
    with Clamd() as scanner, patch.object(scanning, "publish") as publish:
        settings.CLAMD_URL = scanner.address
        scan_due()
    (event,) = (call.args[0] for call in publish.call_args_list)
    both = {world.wang.user_id, world.li.user_id}
    shown = {user: data["message"]["attachment"] for user, _name, data in shows(event, both)}
    assert {one["state"] for one in shown.values()} == {"ready"}
    assert set(shown) == both
    assert shown[world.li.user_id]["url"] == urls(attachment)[0]


def test_a_recalled_file_stays_gone_when_its_verdict_comes(world: World, settings: Settings) -> None:
    settings.CLAMD_URL = NOWHERE
    attachment = send(world)
    recall_message(attachment.message, by=world.wang.user)
    with Clamd() as scanner:
        settings.CLAMD_URL = scanner.address
        assert scan_due() == 1
    assert signed_in(world.wang).get(urls(attachment)[0]).status_code == 404


def test_a_file_is_not_scanned_inside_a_transaction_and_a_retry_stores_one(
    world: World, clamd: Clamd, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = read_upload(BytesIO(files.PNG), "a.png")
    monkeypatch.setattr(scanning, "AT_ONCE", 0.3)
    clamd.answer = clamd.hang  # whoever asked now would wait
    first, created = post_file(world.case, world.wang.user, upload, client_id="a")
    again, again_created = post_file(
        world.case, world.wang.user, read_upload(BytesIO(files.PNG), "a.png"), client_id="a"
    )
    assert (created, again_created, first.pk) == (True, False, again.pk)
    assert Attachment.objects.get().state == "ready"


def test_an_administrator_has_a_file_scanned_again(world: World, clamd: Clamd) -> None:
    attachment = send(world, EICAR_TEXT, "a.txt")
    client = signed_in(world.admin)
    action = {"action": "scan_again", "_selected_action": [attachment.pk]}
    assert "已开始重新检查 1 项" in client.post("/admin/cases/attachment/", action, follow=True).content.decode()
    assert_not_served(world, attachment, "waiting")
    again = client.post("/admin/cases/attachment/", action, follow=True).content.decode()
    assert "没有变化：这个文件已经在等待安全检查。" in again
    assert "已开始" not in again
    clamd.answer = says(b"stream: OK\0")  # the scanner's list was wrong
    assert scan_due() == 1
    assert_served(world, attachment, EICAR_TEXT)
    for path in (f"/admin/cases/attachment/{attachment.pk}/change/", "/admin/cases/attachment/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "a.txt" not in page.content.decode()


def test_the_database_refuses_a_state_that_contradicts_itself(world: World) -> None:
    attachment = send(world)
    wrong: list[dict[str, Any]] = [
        {"state": "clean"},
        {"state": "waiting"},
        {"state": "infected"},
        {"finding": "x"},
        {"scan_due_at": timezone.now()},
    ]
    for change in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Attachment.objects.filter(pk=attachment.pk).update(**change)


# The protocol and its address ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:3310", Address("127.0.0.1", 3310)),
        ("tcp://[::1]:3310", Address("::1", 3310)),
        ("unix:///run/clamav/clamd.ctl", Address(path="/run/clamav/clamd.ctl")),
    ],
)
def test_an_address_is_a_port_or_a_socket(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["clamd", "tcp://host", "tcp://:1", "tcp://a:99999", "http://a:1", "unix://a/b", "unix:"]
)
def test_another_address_stops_the_start_naming_the_variable(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAMD_URL", text)
    with pytest.raises(ImproperlyConfigured, match="CLAMD_URL"):
        env_parsed("CLAMD_URL", "", parse_address)


def test_a_scanner_that_stops_reading_ends_with_the_deadline() -> None:
    """The rest of the file would wait in the socket for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("127.0.0.1", server.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(ScannerUnavailable):
            scan(BytesIO(b"x" * 20_000_000), address, seconds=0.3)
        assert time.monotonic() - began < 2


def test_logs_of_the_scanner_name_no_file(world: World, clamd: Clamd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    send(world, EICAR_TEXT, "王小明的护照.txt")
    assert "Eicar-Signature" in caplog.text
    assert "护照" not in caplog.text
