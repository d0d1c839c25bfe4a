"""What one person may send in a minute, in a day and in all; and that nothing they wrote is lost by it."""

import shutil
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cases.actions import open_case
from cases.files import receiving
from cases.models import Attachment, Case, Message
from tests.support import files
from tests.support.people import PASSWORD, World, signed_in

pytestmark = pytest.mark.django_db


def post(client: Client, case: Case, client_id: str, body: str = "您好") -> Any:
    data = {"body": body, "client_id": client_id}
    return client.post(f"/api/cases/{case.number}/messages/", data, content_type="application/json")


def send_file(client: Client, case: Case, client_id: str, size: int = 2_000) -> Any:
    file = SimpleUploadedFile("a.pdf", files.PDF.ljust(size))
    return client.post(f"/api/cases/{case.number}/messages/", {"file": file, "client_id": client_id})


def ask(client: Client, n: int = 0) -> Any:
    return client.post("/messages/new/", {"title": f"问题 {n}", "body": "我的情况", "client_id": f"new-{n}"})


# Posts and searches --------------------------------------------------------------------------------------


def test_who_posts_too_fast_is_told_when_to_go_on_and_a_repetition_still_finds_its_message(
    world: World, settings: Settings
) -> None:
    settings.POSTS_PER_MINUTE = 3
    wang = signed_in(world.wang)
    assert [post(wang, world.case, f"c{n}").status_code for n in range(4)] == [201, 201, 201, 429]
    refused = post(wang, world.case, "c9", "一句重要的话")
    assert refused.json() == {"detail": "发送得太快了，请过一分钟再发送。"}
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert post(wang, world.case, "c1").status_code == 200, "its answer was lost"
    assert post(signed_in(world.li), world.case, "c1").status_code == 201, "others go on"
    page = wang.post(f"/messages/{world.case.number}/", {"body": "一句重要的话", "client_id": "p1"})
    assert page.status_code == 400
    assert "一句重要的话" in page.content.decode()
    Message.objects.update(created_at=Message.objects.earliest("pk").created_at.replace(year=2025))
    form = {"client_id": "p2", "file": SimpleUploadedFile("a.pdf", files.PDF)}
    assert wang.post(f"/messages/{world.case.number}/", form).status_code == 302
    settings.POSTS_PER_MINUTE = 1
    form["file"] = SimpleUploadedFile("a.pdf", files.PDF)
    assert wang.post(f"/messages/{world.case.number}/", form).status_code == 302, "a file alone is known again, too"
    settings.POSTS_PER_MINUTE = 3
    assert post(wang, world.case, "c9", "一句重要的话").status_code == 201


def test_who_searches_too_often_waits_a_minute(world: World, settings: Settings) -> None:
    settings.SEARCHES_PER_MINUTE = 2
    with time_machine.travel(timezone.now(), tick=False):  # counted by the clock's minute, which may end in between
        wang = signed_in(world.wang)
        assert [wang.get("/api/search/?q=签证").status_code for _ in range(3)] == [200, 200, 429]
        assert wang.get("/api/search/?q=签证").headers["Retry-After"] == "60"
        page = wang.get("/messages/search/?q=签证")
        assert (page.status_code, "搜索得太频繁了" in page.content.decode()) == (429, True)
        assert 'value="签证"' in page.content.decode()
        assert signed_in(world.lin).get("/api/search/?q=签证").status_code == 200


# Open questions ------------------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_a_member_has_five_questions_without_an_advisor_at_most_and_keeps_what_they_wrote(world: World) -> None:
    wang = signed_in(world.wang)
    assert [ask(wang, n).status_code for n in range(6)] == [302] * 5 + [400]
    page = ask(wang, 7).content.decode()
    assert "您有 5 个咨询还在等待安排顾问" in page
    assert "我的情况" in page
    assert Case.objects.filter(member=world.wang, advisor=None).count() == 5
    assert open_case(world.wang, "管理员建立的").number, "an administrator may open more"
    assert ask(signed_in(world.lin)).status_code == 302


def test_a_question_sent_again_is_one_case_even_at_the_limit(world: World) -> None:
    wang = signed_in(world.wang)
    first = [ask(wang, n).url for n in range(5)]
    assert [ask(wang, n).url for n in range(5)] == first
    assert Case.objects.filter(member=world.wang, advisor=None).count() == 5
    assert Message.objects.filter(case__member=world.wang, kind="text").count() == 5


@pytest.mark.django_db(transaction=True)
def test_questions_asked_at_once_are_counted_all_the_same(world: World) -> None:
    clients = [signed_in(world.wang) for _ in range(8)]

    def asking(n: int) -> None:
        ask(clients[n], n)
        connection.close()

    threads = [threading.Thread(target=asking, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Case.objects.filter(member=world.wang, advisor=None).count() == 5


# Files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("UPLOAD_MB_PER_DAY", "一天内最多发送 1 MB 的文件，请明天再发送其余的。"),
        ("UPLOAD_MB_PER_CASE", "这个案件的文件已满 1 MB，请联系您的顾问。"),
    ],
)
def test_files_have_a_limit_for_a_person_and_for_a_case(world: World, settings: Settings, name: str, said: str) -> None:
    setattr(settings, name, 1)
    wang = signed_in(world.wang)
    assert [send_file(wang, world.case, f"f{n}", 600_000).status_code for n in range(2)] == [201, 429]
    assert send_file(wang, world.case, "f9", 600_000).json() == {"detail": said}
    assert send_file(wang, world.case, "f0", 600_000).status_code == 200, "its answer was lost"
    assert send_file(wang, world.case, "small").status_code == 201
    assert Attachment.objects.count() == 2
    assert post(wang, world.case, "text").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_files_sent_at_once_are_counted_all_the_same(world: World, settings: Settings) -> None:
    settings.UPLOAD_MB_PER_DAY = 1
    clients = [signed_in(world.wang) for _ in range(6)]

    def sending(n: int) -> None:
        send_file(clients[n], world.case, f"f{n}", 400_000)
        connection.close()

    threads = [threading.Thread(target=sending, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Attachment.objects.count() == 2
    assert Message.objects.filter(case=world.case, kind="file").count() == 2


def test_a_file_sent_again_is_neither_counted_nor_refused_nor_read_again(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "upload": "1/h/user"}
    wang = signed_in(world.wang)
    assert send_file(wang, world.case, "f1").status_code == 201
    refused = send_file(wang, world.case, "f2")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")

    def never(*_args: object) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr(receiving, "read_upload", never)
    assert send_file(wang, world.case, "f1").status_code == 200
    assert Attachment.objects.count() == 1


def test_a_new_installation_without_its_folders_takes_files(world: World, settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR, settings.MEDIA_ROOT = tmp_path / "no" / "var", str(tmp_path / "no" / "files")
    assert send_file(signed_in(world.wang), world.case, "f1").status_code == 201


def test_all_files_together_have_a_limit_if_one_is_set(world: World, settings: Settings) -> None:
    settings.UPLOAD_MB_IN_ALL = 1
    assert send_file(signed_in(world.lin), world.other_case, "f1", 600_000).status_code == 201
    cache.clear()
    answer = send_file(signed_in(world.wang), world.case, "f1", 600_000)
    assert (answer.status_code, "网站的文件空间已满" in answer.json()["detail"]) == (503, True)
    assert answer.headers["Retry-After"] == "86400", "no page sends 20 MB again every minute"


def test_files_are_refused_before_the_disk_is_full(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 999 * 1024 * 1024))
    wang = signed_in(world.wang)
    refused = send_file(wang, world.case, "f1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "600")
    assert post(wang, world.case, "text").status_code == 201, "texts go on"
    settings.UPLOAD_MIN_FREE_MB = 900
    assert send_file(wang, world.case, "f1").status_code == 201


# Sign-ups ------------------------------------------------------------------------------------------------


def test_all_addresses_of_one_ipv6_network_are_counted_as_one(world: World, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register": "2/h/ip"}

    def sign_up(n: int, address: str) -> int:
        form = {"name": "新会员", "email": f"new{n}@example.com", "password": PASSWORD}
        return Client(REMOTE_ADDR=address).post("/register/", form).status_code

    assert [sign_up(n, f"2001:db8:1:2::{n}") for n in range(3)] == [302, 302, 429]
    assert sign_up(4, "2001:db8:1:3::1") == 302
    assert sign_up(5, "203.0.113.5") == 302
    # IPv4 as a proxy that listens on both may write it: not one network of everybody.
    assert [sign_up(n, f"::ffff:203.0.113.{n}") for n in range(10, 13)] == [302] * 3
    assert [sign_up(n, "::ffff:203.0.113.5") for n in (20, 21)] == [302, 429], "the same as without"
