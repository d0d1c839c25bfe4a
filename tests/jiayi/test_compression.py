"""Pages and JSON are sent compressed, with a length that tells little; files as they are."""

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from cases.files.actions import post_file
from cases.files.uploads import read_upload
from tests.support.files import PNG
from tests.support.people import World, says, signed_in

pytestmark = pytest.mark.django_db

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def test_pages_and_json_are_compressed_for_who_can_read_it(world: World) -> None:
    says(world.case, world.wang, "请问" * 200)
    client = signed_in(world.wang)
    for path in ("/messages/1001/", "/api/cases/1001/messages/"):
        packed, plain = client.get(path, headers=GZIP), client.get(path)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert len(packed.content) < len(plain.content) / 2
        assert "请问" in gzip.decompress(packed.content).decode()


def test_the_length_of_the_same_answer_differs_from_time_to_time(world: World) -> None:
    """Otherwise an answer's length would tell whether what was asked and a secret in it are alike (BREACH)."""
    says(world.case, world.wang, "请问" * 200)
    client = signed_in(world.wang)
    lengths = {len(client.get("/api/cases/1001/messages/", headers=GZIP).content) for _ in range(20)}
    assert len(lengths) > 5


def test_a_file_is_sent_as_it_is(world: World) -> None:
    upload = read_upload(SimpleUploadedFile("a.png", PNG), "a.png")
    message, _created = post_file(world.case, world.wang.user, upload, client_id="a")
    answer = signed_in(world.wang).get(f"/api/files/{message.attachment.key}/", headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    assert answer.getvalue() == PNG
