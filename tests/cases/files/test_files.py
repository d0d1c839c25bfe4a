"""Sending files, and who gets their bytes when."""

import hashlib
import os
import re
import signal
import stat
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
import time_machine
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from advisors.actions import suspend_advisor
from cases.actions import assign_advisor, close_case, recall_message
from cases.files.actions import post_file
from cases.files.uploads import Upload, read_upload
from cases.live.shows import shows
from cases.models import Attachment, Message
from jiayi.errors import Conflict, Gone, Unavailable
from jiayi.settings import STORAGES, UPLOAD_MAX_MB
from tests.cases.files.test_file_kinds import send_file
from tests.support import files
from tests.support.people import World, deactivate, says, signed_in
from tests.support.processes import ROOT, run
from tests.support.size import part, sized
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

MB = 1024 * 1024


@pytest.fixture(autouse=True)
def disk(settings: Settings, tmp_path: Path) -> Path:
    """Files go to a folder of this test's own, as in the product."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.STORAGES = {**settings.STORAGES, "default": STORAGES["default"]}
    return tmp_path / "files"


def stored(disk: Path) -> list[Path]:
    return sorted(path for path in disk.rglob("*") if path.is_file())


def upload(content: bytes = files.PDF, name: str = "护照.pdf") -> Upload:
    return read_upload(BytesIO(content), name)


def sent(world: World, content: bytes = files.PNG, name: str = "护照.png") -> Attachment:
    message, _created = post_file(world.case, world.wang.user, upload(content, name), client_id=uuid4().hex)
    return message.attachment


def urls(attachment: Attachment) -> list[str]:
    return [f"/api/files/{attachment.key}/", f"/api/files/{attachment.key}/thumbnail/"]


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


# Sending ------------------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_the_answer_is_a_message_with_its_file(world: World) -> None:
    answer = send_file(signed_in(world.wang), world.case.number, files.PNG, "护照 首页.png")
    attachment = Attachment.objects.get()
    assert answer.status_code == 201
    assert {"kind": "file", "body": "护照 首页.png", "recalled": False}.items() <= answer.json().items()
    assert answer.json()["attachment"] == {
        "name": "护照 首页.png",
        "size": len(files.PNG),
        "content_type": "image/png",
        "kind": "image",
        "state": "ready",
        "url": f"/api/files/{attachment.key}/",
        "thumbnail": f"/api/files/{attachment.key}/thumbnail/",
        "width": 40,
        "height": 30,
    }


def test_a_text_beside_a_file_is_left_out_and_a_form_without_a_file_is_a_text(world: World) -> None:
    client = signed_in(world.wang)
    both = {"file": SimpleUploadedFile("a.pdf", files.PDF), "body": "看看", "client_id": "a"}
    assert client.post(f"/api/cases/{world.case.number}/messages/", both).json()["body"] == "a.pdf"
    only = {"body": "看看", "client_id": "b"}
    assert client.post(f"/api/cases/{world.case.number}/messages/", only).json()["kind"] == "text"


@pytest.mark.parametrize(
    ("form", "wrong"),
    [({}, {"file", "client_id"}), ({"client_id": "a"}, {"file"}), ({"client_id": "a", "file": "words"}, {"file"})],
)
def test_a_form_that_lacks_something_names_it(world: World, form: dict[str, str], wrong: set[str]) -> None:
    answer = signed_in(world.wang).post(f"/api/cases/{world.case.number}/messages/", form)
    assert (answer.status_code, set(answer.json())) == (400, wrong)


def test_both_sides_send_files_and_a_file_of_the_member_waits_for_an_answer(world: World) -> None:
    sent(world)
    world.case.refresh_from_db()
    assert world.case.waiting_since is not None
    post_file(world.case, world.li.user, upload(), client_id="b", source="wecom")
    world.case.refresh_from_db()
    assert world.case.waiting_since is None
    assert list(world.case.messages.order_by("seq").values_list("seq", "kind", "source")) == [
        (1, "system", "web"),
        (2, "file", "web"),
        (3, "file", "wecom"),
    ]


def test_what_holds_for_texts_holds_for_files(world: World, disk: Path) -> None:
    for user, error in ((world.zhang.user, Gone), (world.lin.user, Gone), (world.admin, Gone)):
        with pytest.raises(error):
            post_file(world.case, user, upload(), client_id="a")
    close_case(world.case)
    with pytest.raises(Conflict):
        post_file(world.case, world.wang.user, upload(), client_id="a")
    answer = send_file(signed_in(world.wang), world.case.number, files.PDF, "a.pdf")
    assert (answer.status_code, list(answer.json())) == (409, ["detail"])
    assert send_file(signed_in(world.lin), world.case.number, files.PDF, "a.pdf").status_code == 404
    assert send_file(Client(), world.case.number, files.PDF, "a.pdf").status_code == 401
    assert stored(disk) == []
    assert not Attachment.objects.exists()


def test_a_site_of_others_cannot_send_files_in_ones_name(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.wang.user)
    assert send_file(client, world.case.number, files.PDF, "a.pdf").status_code == 403


def test_the_same_client_id_stores_one_file(world: World, disk: Path) -> None:
    first = post_file(world.case, world.wang.user, upload(), client_id="a")
    again = post_file(world.case, world.wang.user, upload(files.PNG, "other.png"), client_id="a")
    assert (first[1], again[1], first[0]) == (True, False, again[0])
    assert len(stored(disk)) == 1
    client, path = signed_in(world.wang), f"/api/cases/{world.case.number}/messages/"
    form = {"file": SimpleUploadedFile("b.png", files.PNG), "client_id": "b"}
    answers = [client.post(path, form), client.post(path, {**form, "file": SimpleUploadedFile("b.png", files.PNG)})]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json() == answers[1].json()
    assert len(stored(disk)) == 3  # with the thumbnail


@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_a_picture_is_stored_to_the_byte_whether_it_came_in_memory_or_on_disk(
    world: World, disk: Path, size: int
) -> None:
    content = files.png_with(b"tEXt", b"Comment\0" + os.urandom(size).replace(b"\0", b"x"))
    assert send_file(signed_in(world.wang), world.case.number, content, "护照.png").status_code == 201
    attachment = Attachment.objects.get()
    with attachment.file.open() as stored_file:
        assert stored_file.read() == content
    assert (attachment.size, attachment.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.django_db(transaction=True)
def test_the_same_client_id_at_the_same_moment_stores_one_file(world: World, disk: Path) -> None:
    def send(one: Upload) -> tuple[int, bool]:
        message, created = post_file(world.case, world.wang.user, one, client_id="a")
        return message.pk, created

    results = at_once(*[partial(send, upload(files.PNG, "a.png")) for _ in range(6)])
    assert len({pk for pk, _created in results}) == 1
    assert sum(created for _pk, created in results) == 1
    assert Attachment.objects.count() == 1
    assert len(stored(disk)) == 2


def test_more_files_in_an_hour_than_anybody_sends_are_refused_and_an_hour_later_taken(
    world: World, settings: Settings
) -> None:
    settings.UPLOADS_PER_HOUR = 2
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "upload": "2/h/user"}
    client = signed_in(world.wang)
    answers = [send_file(client, world.case.number, files.PDF, f"{n}.pdf") for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json() == {"detail": "一小时内最多发送 2 个文件，请过一会儿再试。"}
    says(world.case, world.wang, "文字照样可以发送")  # a text is not counted
    assert send_file(signed_in(world.li), world.case.number, files.PDF, "a.pdf").status_code == 201
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert send_file(client, world.case.number, files.PDF, "3.pdf").status_code == 201


def form(world: World, client: Client, **fields: Any) -> Any:
    """Send the page's form as a browser without JavaScript does."""
    return client.post(f"/messages/{world.case.number}/", {"client_id": "form", "body": "", **fields})


def test_without_javascript_a_file_goes_with_or_without_a_text(world: World) -> None:
    client = signed_in(world.wang)
    for _time in range(2):  # a second click doubles nothing
        answer = form(world, client, body="见附件", file=SimpleUploadedFile("护照.png", files.PNG))
        assert (answer.status_code, answer["Location"]) == (302, f"/messages/{world.case.number}/")
    answer = form(world, client, client_id="other", file=SimpleUploadedFile("a.pdf", files.PDF))
    assert answer.status_code == 302
    said = list(world.case.messages.exclude(kind="system").order_by("seq").values_list("kind", "body"))
    assert said == [("file", "护照.png"), ("text", "见附件"), ("file", "a.pdf")]


def test_without_javascript_a_text_changed_after_its_file_was_refused_is_not_lost(world: World) -> None:
    client = signed_in(world.wang)
    refused = form(world, client, body="这是护照", file=SimpleUploadedFile("a.exe", b"MZ"))
    assert (refused.status_code, "这是护照" in refused.content.decode()) == (400, True)
    sent = form(world, client, body="这是护照，我 2019 年被拒签过", file=SimpleUploadedFile("护照.png", files.PNG))
    assert sent.status_code == 302
    said = world.case.messages.exclude(kind="system").order_by("seq").values_list("body", flat=True)
    assert list(said) == ["护照.png", "这是护照，我 2019 年被拒签过"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "消息不能为空。"),
        ({"file": SimpleUploadedFile("a.exe", b"MZ")}, "只能发送照片、PDF、Office 文档、录音和视频。"),
        ({"file": SimpleUploadedFile("a.pdf", b"")}, "文件是空的"),
        ({"file": SimpleUploadedFile("a.png", files.PNG[:60])}, "图片无法读取"),
    ],
)
def test_without_javascript_a_refused_file_is_explained(world: World, fields: dict[str, Any], told: str) -> None:
    answer = form(world, signed_in(world.wang), **fields)
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert not Attachment.objects.exists()


def test_without_javascript_a_file_needs_the_same_rights(world: World) -> None:
    for client in (signed_in(world.lin), signed_in(world.zhang)):
        assert form(world, client, file=SimpleUploadedFile("a.pdf", files.PDF)).status_code == 404
    close_case(world.case)
    assert form(world, signed_in(world.wang), file=SimpleUploadedFile("a.pdf", files.PDF)).status_code == 400
    assert not Attachment.objects.exists()


def test_the_page_tells_the_limits_before_anybody_chooses(world: World, settings: Settings) -> None:
    settings.UPLOAD_MAX_MB, settings.UPLOAD_TYPES = 7, ["png", "pdf"]
    page = signed_in(world.wang).get(f"/messages/{world.case.number}/").content.decode()
    assert "文件最大 7 MB" in page
    assert "PNG / PDF" in page
    assert 'accept=".png,.pdf"' in page
    assert '"max_bytes":7340032' in page


# Storing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 255, 64 * 1024, 256 * 1024, 256 * 1024 + 1, 3 * MB])
def test_every_byte_comes_back(world: World, size: int) -> None:
    content = files.PDF + os.urandom(size)
    attachment = sent(world, content, "a.pdf")
    response = signed_in(world.li).get(urls(attachment)[0])
    got = body(response)
    assert attachment.sha256 == hashlib.sha256(content).hexdigest() == hashlib.sha256(got).hexdigest()
    assert (int(response["Content-Length"]), attachment.size) == (len(content), len(content))


def test_nothing_of_the_name_is_on_the_disk_and_nobody_else_may_read_it(world: World, disk: Path) -> None:
    sent(world, name="passport-of-wang.png")
    for path in stored(disk):
        assert re.fullmatch(r"messages/\d{6}/[0-9a-f]{32}(-thumbnail)?", str(path.relative_to(disk)))
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_the_database_refuses_a_row_without_its_parts_and_a_file_of_two_messages(world: World) -> None:
    one, two = sent(world), sent(world)
    wrong: list[dict[str, Any]] = [
        {"size": 0},
        {"name": ""},
        {"sha256": ""},
        {"file": ""},
        {"kind": "other"},
        {"thumbnail": ""},
        {"width": None},
        {"kind": "file"},
        {"file": two.file.name},
        {"key": two.key},
        {"message": two.message},
    ]
    for change in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Attachment.objects.filter(pk=one.pk).update(**change)


@pytest.mark.parametrize("failing", [Message, Attachment])
def test_when_the_row_cannot_be_written_the_file_goes_too(world: World, disk: Path, failing: type) -> None:
    def fail(**_kwargs: object) -> None:
        raise IntegrityError("as from the database")

    post_save.connect(fail, sender=failing)
    try:
        with pytest.raises(IntegrityError):
            sent(world)
    finally:
        post_save.disconnect(fail, sender=failing)
    assert stored(disk) == []
    assert not Message.objects.filter(kind="file").exists()


@pytest.mark.parametrize("fails_at", [1, 2])
def test_when_the_disk_is_full_there_is_neither_row_nor_half_a_file(world: World, disk: Path, fails_at: int) -> None:
    real, calls = FileSystemStorage._save, []  # type: ignore[attr-defined]

    def save(self: FileSystemStorage, name: str, content: Any) -> str:
        calls.append(name)
        real(self, name, content)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")
        return name

    with patch.object(FileSystemStorage, "_save", save), pytest.raises(Unavailable):
        sent(world)
    assert stored(disk) == []
    calls.clear()
    with patch.object(FileSystemStorage, "_save", save):
        answer = send_file(signed_in(world.wang), world.case.number, files.PNG, "a.png")
    assert (answer.status_code, answer.json()) == (503, {"detail": "文件暂时无法保存，请稍后再试。"})
    assert stored(disk) == []
    assert not Message.objects.filter(kind="file").exists()


def test_when_the_disk_is_full_while_receiving_texts_still_go(
    world: World, disk: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # every file is received on the disk
    client = signed_in(world.wang)
    full = OSError(28, "No space left on device")
    with patch.object(TemporaryFileUploadHandler, "receive_data_chunk", side_effect=full):
        answer = send_file(client, world.case.number, files.PNG, "护照.png")
        assert (answer.status_code, answer.json()) == (503, {"detail": "文件暂时无法保存，请稍后再试。"})
        says(world.case, world.wang, "文字照样可以发送")
    assert not Attachment.objects.exists()
    assert "No space left" in caplog.text
    assert "护照" not in caplog.text
    assert send_file(client, world.case.number, files.PNG, "护照.png").status_code == 201


def test_a_file_whose_transaction_fails_afterwards_is_cleaned_a_day_later(world: World, disk: Path) -> None:
    kept = sent(world)

    @transaction.atomic
    def send_and_fail() -> None:
        sent(world)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        send_and_fail()
    assert len(stored(disk)) == 4
    assert clean() == "0 removed"
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        assert clean() == "2 removed"
        assert clean() == "0 removed"
    assert {str(path.relative_to(disk)) for path in stored(disk)} == {kept.file.name, kept.thumbnail.name}
    assert clean("--check") == "every file is there, as it was sent"


CRASH = """
import django; django.setup()
import os, signal, sys
from io import BytesIO
from django.conf import settings
from django.db.models.signals import post_save
from django.test.utils import override_settings
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Attachment, Case
from jiayi.settings import STORAGES
from tests.support.files import PNG
case = Case.objects.get(number=int(sys.argv[1]))
def die(**kwargs): os.kill(os.getpid(), signal.SIGKILL)
post_save.connect(die, sender=Attachment)
with override_settings(MEDIA_ROOT=sys.argv[2], STORAGES={**settings.STORAGES, "default": STORAGES["default"]}):
    post_file(case, case.member.user, read_upload(BytesIO(PNG), "a.png"), client_id="a")
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_before_its_commit_leaves_no_row_and_a_retry_stores_the_file(world: World, disk: Path) -> None:
    killed = run("-c", CRASH, str(world.case.number), str(disk))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not Message.objects.filter(kind="file").exists()
    assert len(stored(disk)) == 2
    message, created = post_file(world.case, world.wang.user, upload(files.PNG), client_id="a")
    assert created
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert clean() == "2 removed"
    assert body(signed_in(world.wang).get(urls(message.attachment)[0])) == files.PNG


def clean(*arguments: str) -> str:
    said = StringIO()
    call_command("clean_files", *arguments, stdout=said)
    return said.getvalue().strip()


def test_cleaning_a_site_without_files_does_nothing(db: None) -> None:
    assert clean() == "0 removed"
    assert clean("--check") == "every file is there, as it was sent"


def test_cleaning_leaves_alone_what_is_not_a_message_of_ours(world: World, disk: Path) -> None:
    (disk / "backup").mkdir(parents=True)
    (disk / "backup" / "old").write_bytes(b"x")
    with time_machine.travel(timezone.now() + timedelta(days=9)):
        assert clean() == "0 removed"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(files.PNG[:-1] + b"x"), "altered"),
        (lambda path: path.write_bytes(b""), "altered"),
        (lambda path: path.with_name(path.name + "-thumbnail").unlink(), "thumbnail missing"),
    ],
)
def test_a_check_finds_what_is_damaged_without_telling_its_name(
    world: World, damage: Callable[[Path], object], problem: str
) -> None:
    sent(world)
    attachment = sent(world, name="王小明的护照.png")
    damage(Path(attachment.file.path))
    said = StringIO()
    with pytest.raises(CommandError, match="1 damaged"):
        call_command("clean_files", "--check", stdout=said)
    assert said.getvalue() == f"message {attachment.message_id}, {attachment.file.name}: {problem}\n"


def test_a_missing_file_looks_like_one_that_never_was_and_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    attachment = sent(world, name="王小明的护照.png")
    Path(attachment.file.path).unlink()
    assert signed_in(world.wang).get(urls(attachment)[0]).status_code == 404
    assert attachment.file.name in caplog.text
    assert "护照" not in caplog.text


# Who gets the bytes -------------------------------------------------------------------------------

WAYS: dict[str, dict[str, Any]] = {
    "all": {},
    "first bytes": {"headers": {"Range": "bytes=0-9"}},
    "last bytes": {"headers": {"Range": "bytes=-1"}},
    "none of it": {"headers": {"Range": "bytes=999999999-"}},
    "if changed": {"headers": {"If-None-Match": "ETAG"}},
    "if any": {"headers": {"If-None-Match": "*"}},
    "if not": {"headers": {"If-Match": '"other"'}},
    "as a picture": {"headers": {"Accept": "image/*", "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "same-origin"}},
}


def every_answer(
    client: Client, attachment: Attachment, key: UUID, every: int = 1, at: int = 0
) -> dict[str, tuple[int, bytes, list[Any]]]:
    """What somebody gets under `key` by every way; the tag that is asked for is always the one of `attachment`.

    In the small size by one of `every` so many ways with each method, others at each place `at`.
    """
    answers = {}
    for place, url in enumerate((f"/api/files/{key}/", f"/api/files/{key}/thumbnail/"), at):
        tag = f'"{attachment.sha256}{"-thumbnail" if "thumbnail" in url else ""}"'
        for method in ("get", "head", "post", "put", "delete", "options"):
            for name, extra in part(WAYS.items(), every, place):
                headers = {header: value.replace("ETAG", tag) for header, value in extra.get("headers", {}).items()}
                answer = getattr(client, method)(url, headers=headers)
                visible = [pair for pair in sorted(answer.headers.items()) if pair[0] != "Set-Cookie"]
                answers[f"{method} {url.replace(str(key), 'KEY')} {name}"] = (answer.status_code, body(answer), visible)
    return answers


@sized
@pytest.mark.parametrize(("at", "name"), list(enumerate(["lin", "zhang", "chen", "gone", "admin"])))
def test_the_bytes_of_others_are_as_if_they_had_never_been(world: World, at: int, name: str) -> None:
    attachment = sent(world)
    client = signed_in(getattr(world, name))
    real = every_answer(client, attachment, attachment.key, 3, at)
    assert real == every_answer(client, attachment, uuid4(), 3, at)
    assert {status for way, (status, _body, _headers) in real.items() if way.startswith(("get", "head"))} == {404}
    assert {status for status, _body, _headers in real.values()} <= {404, 405, 200}
    assert not any(files.PNG[-20:] in content for _status, content, _headers in real.values())


def test_nobody_gets_bytes_without_signing_in(world: World) -> None:
    attachment = sent(world)
    real = every_answer(Client(), attachment, attachment.key)
    assert {status for status, _body, _headers in real.values()} == {401}


def hand_over(world: World, attachment: Attachment) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)


def suspend(world: World, attachment: Attachment) -> None:
    suspend_advisor(world.li, by=world.admin)


def recall(world: World, attachment: Attachment) -> None:
    recall_message(attachment.message, by=world.wang.user)


def switch_off(world: World, attachment: Attachment) -> None:
    deactivate(world.li)


@pytest.mark.parametrize("end", [hand_over, suspend, recall, switch_off])
def test_a_right_that_ended_ends_at_once_also_for_what_the_browser_kept(
    world: World, end: Callable[[World, Attachment], None]
) -> None:
    attachment = sent(world)
    client = signed_in(world.li)
    kept = {url: client.get(url)["ETag"] for url in urls(attachment)}
    end(world, attachment)
    for url, tag in kept.items():
        for method in (client.get, client.head):
            for headers in ({}, {"If-None-Match": tag}, {"Range": "bytes=0-9", "If-Range": tag}):
                answer = method(url, headers=headers)
                assert answer.status_code in {401, 404}
                assert "ETag" not in answer


def test_a_recalled_file_is_gone_for_everybody_and_kept_in_the_storage(world: World, disk: Path) -> None:
    attachment = sent(world)
    recall(world, attachment)
    for who in (world.wang, world.li):
        client = signed_in(who)
        assert [client.get(url).status_code for url in urls(attachment)] == [404, 404]
        (message,) = client.get(f"/api/cases/{world.case.number}/messages/?after=1").json()["messages"]
        assert (message["attachment"], message["body"], message["recalled"]) == (None, "", True)
    assert len(stored(disk)) == 2


def test_the_same_file_in_two_messages_outlives_the_recall_of_one(world: World, disk: Path) -> None:
    one, two = sent(world), sent(world)
    recall(world, one)
    client = signed_in(world.li)
    assert [client.get(urls(attachment)[0]).status_code for attachment in (one, two)] == [404, 200]
    with time_machine.travel(timezone.now() + timedelta(days=9)):
        assert clean() == "0 removed"
    assert len(stored(disk)) == 4


def test_the_new_advisor_reads_what_was_sent_before(world: World) -> None:
    attachment = sent(world)
    hand_over(world, attachment)
    assert body(signed_in(world.zhang).get(urls(attachment)[0])) == files.PNG
    close_case(world.case)
    assert body(signed_in(world.wang).get(urls(attachment)[0])) == files.PNG


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_another_site_can_neither_show_nor_measure_a_file(world: World, site: str) -> None:
    attachment = sent(world)
    client = signed_in(world.wang)
    headers = {"Sec-Fetch-Site": site}
    for key in (attachment.key, uuid4()):
        for url in (f"/api/files/{key}/", f"/api/files/{key}/thumbnail/"):
            for method in (client.get, client.head):
                answer = method(url, headers=headers)
                assert answer.status_code == 403
                assert "ETag" not in answer
    assert client.get(urls(attachment)[0], headers={"Sec-Fetch-Site": "none"}).status_code == 200


def test_no_folder_is_served(world: World, disk: Path) -> None:
    attachment = sent(world)
    client = signed_in(world.wang)
    paths = ["/media/", "/files/", "/static/", "/", "/var/files/", "/api/files/", "/media/../files/"]
    for path in paths:
        for name in (attachment.file.name, attachment.thumbnail.name):
            assert client.get(path + name).status_code == 404


@pytest.mark.parametrize("key", ["1", "x", str(uuid4()).upper(), uuid4().hex, "%00", "../" * 5, "9" * 5000])
def test_a_key_that_is_none_is_not_found(world: World, key: str) -> None:
    assert signed_in(world.wang).get(f"/api/files/{key}/").status_code == 404


# How the bytes are sent ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-", 206, 0, 999),
        ("bytes=0-0", 206, 0, 0),
        ("bytes=0-1", 206, 0, 1),
        ("bytes=10-19", 206, 10, 19),
        ("bytes=990-5000", 206, 990, 999),
        ("bytes=999-", 206, 999, 999),
        ("bytes=-1", 206, 999, 999),
        ("bytes=-5000", 206, 0, 999),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, 999),
        ("bytes=9-5", 200, 0, 999),
        ("bytes=-", 200, 0, 999),
        ("bytes=a-b", 200, 0, 999),
        ("bytes=１-２", 200, 0, 999),
        ("lines=0-1", 200, 0, 999),
        (f"bytes={'9' * 5000}-", 200, 0, 999),
        ("", 200, 0, 999),
    ],
)
def test_one_part_of_a_file_can_be_asked_for(world: World, asked: str, status: int, first: int, last: int) -> None:
    content = files.PDF.ljust(1000, b"x")[:990] + b"0123456789"
    url = urls(sent(world, content, "a.pdf"))[0]
    answer = signed_in(world.wang).get(url, headers={"Range": asked} if asked else {})
    assert answer.status_code == status
    assert answer["Accept-Ranges"] == "bytes"
    part = b"" if status == 416 else content[first : last + 1]
    assert body(answer) == part
    assert answer["Content-Length"] == str(len(part))
    expected = {206: f"bytes {first}-{last}/1000", 416: "bytes */1000"}.get(status)
    assert answer.get("Content-Range") == expected


def test_a_part_of_a_file_that_changed_is_all_of_it(world: World) -> None:
    attachment = sent(world)
    client, url = signed_in(world.wang), urls(attachment)[0]
    same = client.get(url, headers={"Range": "bytes=0-3", "If-Range": f'"{attachment.sha256}"'})
    other = client.get(url, headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (same.status_code, body(same)) == (206, files.PNG[:4])
    assert (other.status_code, body(other)) == (200, files.PNG)


def test_what_the_browser_has_is_not_sent_again(world: World) -> None:
    client = signed_in(world.wang)
    for url in urls(sent(world)):
        first = client.get(url)
        again = client.get(url, headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, body(again), again["ETag"]) == (304, b"", first["ETag"])
        kept = "no-cache" if url.endswith("/thumbnail/") else "no-store"  # the original is on nobody's disk
        assert again["Cache-Control"] == first["Cache-Control"] == f"private, {kept}"
        assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert first["ETag"] != client.get(urls(Attachment.objects.get())[0])["ETag"]


def test_head_says_the_same_as_get_and_sends_nothing(world: World) -> None:
    client = signed_in(world.wang)
    for url in urls(sent(world)):
        get, head = client.get(url), client.head(url)
        assert head.status_code == 200
        assert body(head) == b""
        assert dict(head.headers) == dict(get.headers)
        assert not head.streaming  # the file is not even opened


def test_every_answer_about_a_file_forbids_a_browser_to_run_it(world: World) -> None:
    client, attachment = signed_in(world.wang), sent(world)
    url = urls(attachment)[0]
    answers = [
        client.get(url),
        client.get(url, headers={"Range": "bytes=0-1"}),
        client.get(url, headers={"Range": "bytes=99999-"}),
        client.get(url, headers={"If-None-Match": f'"{attachment.sha256}"'}),
        client.get(url, headers={"Sec-Fetch-Site": "cross-site"}),
        client.get(f"/api/files/{uuid4()}/"),
        client.post(url),
        Client().get(url),
    ]
    assert [answer.status_code for answer in answers] == [200, 206, 416, 304, 403, 404, 405, 401]
    for answer in answers:
        assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "private" in answer["Cache-Control"]
        assert answer["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in answer


def test_nginx_may_send_the_bytes_after_the_same_check(world: World, settings: Settings) -> None:
    settings.FILES_ACCEL_PREFIX = "/stored/"
    attachment = sent(world)
    for url, name in zip(urls(attachment), (attachment.file.name, attachment.thumbnail.name), strict=True):
        answer = signed_in(world.wang).get(url, headers={"Range": "bytes=0-1"})
        assert (answer.status_code, answer["X-Accel-Redirect"], body(answer)) == (200, f"/stored/{name}", b"")
        assert answer["Content-Type"] == ("image/webp" if "thumbnail" in url else "image/png")
        assert signed_in(world.lin).get(url).get("X-Accel-Redirect") is None


def test_the_nginx_of_the_docs_lets_files_in_and_its_folder_be_asked_for_by_nobody() -> None:
    told = (ROOT / "docs" / "deploy" / "nginx.conf").read_text()
    assert re.search(r"location /stored/ \{\s+internal;", told)
    sending = re.search(r"location ~ (\S+) \{[^}]*client_max_body_size (\d+)m;", told)
    assert sending is not None
    for path in ("/api/cases/1001/messages/", "/messages/1001/"):
        assert re.search(sending[1], path)
    assert int(sending[2]) > UPLOAD_MAX_MB


# Where files are shown ----------------------------------------------------------------------------


def test_a_page_of_files_needs_no_more_queries_than_one_of_texts(world: World) -> None:
    client = signed_in(world.li)
    paths = [
        f"/api/cases/{world.case.number}/messages/",
        "/api/cases/",
        f"/messages/{world.case.number}/",
    ]

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    says(world.case, world.wang, "您好")
    says(world.other_case, world.lin, "您好")
    texts = [queries(path) for path in paths]
    for _number in range(5):
        sent(world)
    post_file(world.other_case, world.lin.user, upload(), client_id="a")
    assert [queries(path) for path in paths] == texts


def test_the_stream_shows_a_file_as_the_api_does_in_one_query(world: World) -> None:
    attachment = sent(world)
    event = {"type": "message", "case": world.case.pk, "seq": attachment.message.seq}
    connected = {world.wang.user.pk, world.li.user.pk, world.lin.user.pk}
    with CaptureQueriesContext(connection) as captured:
        shown = shows(event, connected)
    assert len(captured) == 1
    assert {user for user, _name, _data in shown} == {world.wang.user.pk, world.li.user.pk}
    (listed,) = signed_in(world.li).get(f"/api/cases/{world.case.number}/messages/?after=1").json()["messages"]
    assert [data["message"] for user, _name, data in shown if user == world.li.user.pk] == [listed]
    assert listed["attachment"]["url"] == urls(attachment)[0]


def test_the_list_of_cases_shows_the_name_of_a_file_that_came_last(world: World) -> None:
    sent(world, name="护照.png")
    (case,) = signed_in(world.wang).get("/api/cases/").json()
    assert case["last_message"]["body"] == case["last_message"]["attachment"]["name"] == "护照.png"


def test_the_page_links_a_file_for_those_without_javascript(world: World) -> None:
    picture, sound = sent(world), sent(world, files.M4A, '"><script>alert(1)</script>.m4a')
    page = signed_in(world.li).get(f"/messages/{world.case.number}/").content.decode()
    assert f'<img src="{urls(picture)[1]}"' in page
    for attachment in (picture, sound):
        assert f'href="{urls(attachment)[0]}"' in page
    assert re.search(rf'<audio [^>]*src="{urls(sound)[0]}"', page)
    assert "<script>alert(1)" not in page
