"""Files in S3-compatible storage: the real client against a small S3 over HTTP."""

import builtins
import hashlib
import os
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from pytest_django import Settings

from cases.models import Attachment, Message
from jiayi.object_storage import s3_storage
from tests.cases.files.test_file_kinds import assert_harmless, send_file
from tests.support import files, s3
from tests.support.people import World, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def bucket(settings: Settings) -> Iterator[s3.Bucket]:
    with s3.Bucket() as server:
        made = s3_storage("jiayi", endpoint=server.url, region="ca-central-1", key="id", secret="secret")
        settings.STORAGES = {**settings.STORAGES, "default": made}
        yield server


def test_bytes_go_to_the_bucket_and_come_back_through_our_own_check(world: World, bucket: s3.Bucket) -> None:
    content = files.png_with(b"tEXt", b"Comment\0" + os.urandom(3_000_000).replace(b"\0", b"x"))
    client = signed_in(world.wang)
    answer = send_file(client, world.case.number, content, "护照.png")
    assert answer.status_code == 201
    attachment = Attachment.objects.get()
    assert set(bucket.objects) == {attachment.file.name, attachment.thumbnail.name}
    assert hashlib.sha256(bucket.objects[attachment.file.name]).hexdigest() == attachment.sha256
    assert not [one for headers in bucket.headers_seen for one in headers if one.lower() == "x-amz-acl"]
    url = answer.json()["attachment"]["url"]
    assert url == f"/api/files/{attachment.key}/"
    whole = client.get(url)
    assert_harmless(whole, "image/png")
    assert b"".join(whole) == content
    part = client.get(url, headers={"Range": "bytes=2000000-2000009"})
    assert (part.status_code, b"".join(part)) == (206, content[2_000_000:2_000_010])
    assert signed_in(world.lin).get(url).status_code == 404


def test_what_a_crash_left_behind_is_found_there_too(world: World, bucket: s3.Bucket) -> None:
    send_file(signed_in(world.wang), world.case.number, files.PDF, "a.pdf")
    bucket.objects |= {"messages/202601/orphan": b"x", "backup/old": b"x"}
    said = StringIO()
    call_command("clean_files", stdout=said)
    assert said.getvalue() == "1 removed\n"
    assert set(bucket.objects) == {Attachment.objects.get().file.name, "backup/old"}
    call_command("clean_files", "--check", stdout=said)
    bucket.objects.clear()
    assert signed_in(world.wang).get(f"/api/files/{Attachment.objects.get().key}/").status_code == 404


def test_while_the_storage_is_away_nothing_is_half_sent_and_nothing_breaks(world: World, bucket: s3.Bucket) -> None:
    client = signed_in(world.wang)
    url = send_file(client, world.case.number, files.PDF, "a.pdf").json()["attachment"]["url"]
    bucket.broken = True
    answer = send_file(client, world.case.number, files.PDF, "b.pdf")
    assert (answer.status_code, answer.json()) == (503, {"detail": "文件暂时无法保存，请稍后再试。"})
    assert (client.get(url).status_code, Message.objects.filter(kind="file").count()) == (503, 1)
    bucket.broken = False
    assert client.get(url).status_code == 200


def test_without_the_optional_packages_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] in {"storages", "botocore"}:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImproperlyConfigured, match=r"requirements-s3\.txt"):
        s3_storage("jiayi")


def test_an_addressing_style_that_is_none_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="FILES_S3_ADDRESSING"):
        s3_storage("jiayi", addressing="dns")
