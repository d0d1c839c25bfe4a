"""/api/wechat/receive as WeCom, a scanner and an attacker see it."""

import gzip
import json
import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from advisors.models import Advisor
from cases.models import Message
from tests.support.colleague import URL, WeCom, xml
from tests.support.people import World, signed_in
from tests.support.size import size, sized
from wecom.inbound import callback, crypto, envelope, receipts
from wecom.inbound.receive import receive
from wecom.inbound.spool import bring_in
from wecom.models import InboundMessage

pytestmark = pytest.mark.engine

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
ALL = [*VECTORS["published"], *VECTORS["made_with_the_official_npm_library"]]


def configure(settings: Settings, vector: dict[str, Any]) -> None:
    settings.WECHAT_CALLBACK_TOKEN = vector["token"]
    settings.WECHAT_ENCODING_AES_KEY = vector["encoding_aes_key"]
    settings.WECHAT_CORP_ID = vector["receiveid"]
    settings.WECHAT_AGENT_ID = ""


def query_of(vector: dict[str, Any], **more: str) -> str:
    return urlencode({name: vector[name] for name in ("msg_signature", "timestamp", "nonce")} | more)


@pytest.mark.parametrize("vector", [v for v in ALL if v["kind"] == "url_verify"], ids=lambda v: v["name"])
def test_the_url_check_answers_exactly_the_plaintext_without_the_database(
    client: Client, settings: Settings, vector: dict[str, Any]
) -> None:
    configure(settings, vector)
    response = client.get(f"{URL}?{query_of(vector, echostr=vector['encrypt'])}")
    assert response.status_code == 200
    assert response.content == vector["plaintext"].encode()
    assert response["Content-Type"].startswith("text/plain")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "vector", [v for v in ALL if v["kind"] == "message" and v.get("post_body")], ids=lambda v: v["name"]
)
def test_the_official_messages_are_taken_as_they_are(
    client: Client, settings: Settings, vector: dict[str, Any]
) -> None:
    configure(settings, vector)
    response = client.post(f"{URL}?{query_of(vector)}", vector["post_body"], content_type="text/xml")
    assert response.status_code == 200
    row = InboundMessage.objects.get()
    assert row.content in vector["plaintext"]
    assert row.userid in vector["plaintext"]


@pytest.fixture
def sealed(client: Client) -> tuple[str, bytes]:
    return WeCom(client).sealed(
        xml(
            {
                "ToUserName": "wwtest0000000000",
                "FromUserName": "LiMing",
                "CreateTime": str(int(time.time())),
                "MsgType": "text",
                "Content": "秘密内容",
                "MsgId": "77",
                "AgentID": "1000002",
            }
        )
    )


def refusals(url: str, body: bytes) -> dict[str, tuple[str, str, bytes]]:
    """Every way in which a request is not WeCom's: method, address, body."""
    bare, query = url.split("?")
    pairs = dict(pair.split("=") for pair in query.split("&"))

    def with_query(**changed: str) -> str:
        return f"{bare}?{urlencode({**pairs, **changed})}"

    return {
        "no query": ("POST", bare, body),
        "no signature": ("POST", f"{bare}?timestamp={pairs['timestamp']}&nonce={pairs['nonce']}", body),
        "wrong signature": ("POST", with_query(msg_signature="0" * 40), body),
        "signature in capitals": ("POST", with_query(msg_signature=pairs["msg_signature"].upper()), body),
        "non-ASCII signature": ("POST", with_query(msg_signature="é" * 40), body),
        "a signature of a megabyte": ("POST", f"{bare}?msg_signature={'a' * 1_000_000}", body),
        "two timestamps": ("POST", f"{url}&timestamp=1", body),
        "full-width timestamp": ("POST", with_query(timestamp="１７９５４７３１３５"), body),
        "another timestamp": ("POST", with_query(timestamp="1795473135"), body),
        "another nonce": ("POST", with_query(nonce="1234567890"), body),
        "an empty body": ("POST", url, b""),
        "not XML": ("POST", url, b"{}"),
        "too long": ("POST", url, body + b" " * 70_000),
        "an entity": ("POST", url, b'<!DOCTYPE a [<!ENTITY b "c">]>' + body),
        "two ciphertexts": ("POST", url, body.replace(b"</xml>", b"<Encrypt>YQ==</Encrypt></xml>")),
        "a flipped byte": ("POST", url, body.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[A")),
        "UTF-16": ("POST", url, body.decode().encode("utf-16")),
        "a byte order mark": ("POST", url, b"\xef\xbb\xbf" + body),
        "packed": ("POST", url, gzip.compress(body)),
        "ten megabytes": ("POST", url, body + b" " * 10_000_000),
        "an inclusion": ("POST", url, body.replace(b"<Encrypt>", b'<Encrypt><i:include href="/etc/passwd"/>')),
        "nested 20,000 deep": ("POST", url, b"<xml>" + b"<a>" * 20_000),
        "JSON": ("POST", url, b'{"Encrypt": NaN}'),
        "a bad method": ("PUT", url, body),
        "HEAD": ("HEAD", url, b""),
        "OPTIONS": ("OPTIONS", url, b""),
        "DELETE": ("DELETE", url, body),
        "PATCH": ("PATCH", url, body),
        "TRACE": ("TRACE", url, b""),
        "a method of its own": ("BREW", url, body),
        "GET of a message": ("GET", url, b""),
    }


CASES = list(refusals(f"{URL}?msg_signature=a&timestamp=1&nonce=1", b""))


@pytest.mark.parametrize("case", CASES)
def test_whatever_fails_verification_gets_one_answer_and_costs_no_query(
    client: Client, sealed: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    # No `db` fixture: a query would raise.
    method, url, body = refusals(*sealed)[case]
    monkeypatch.setattr(crypto, "_aes", lambda keys: pytest.fail("deciphered before it was verified"))
    response = client.generic(method, url, body, content_type="text/xml")
    reference = client.post(URL, b"", content_type="text/xml")
    assert response.status_code == 400
    assert response.headers == reference.headers
    assert response.content == (b"" if method == "HEAD" else reference.content)


@pytest.mark.django_db
def test_a_refusal_costs_no_query_for_somebody_signed_in_either(world: World) -> None:
    client = signed_in(world.admin)
    with CaptureQueriesContext(connection) as queries:
        assert client.post(URL, b"", content_type="text/xml").status_code == 400
        assert client.get(URL).status_code == 400
    assert [query["sql"] for query in queries] == []


def test_an_oversized_body_is_refused_before_anything_of_it_is_read(sealed: tuple[str, bytes]) -> None:
    class Watched(BytesIO):
        def read(self, *size: Any) -> bytes:
            pytest.fail("read")

    request = RequestFactory().post(sealed[0], b"", content_type="text/xml")
    request.META.update({"CONTENT_LENGTH": str(envelope.MAX_BODY + 1)})
    request._stream = Watched()
    assert callback.wechat_receive(request).status_code == 400


@pytest.mark.parametrize("length", ["-1", "1e3", "１０", "9" * 5000, " 10", "0x10"])
def test_a_length_that_is_none_is_refused(sealed: tuple[str, bytes], length: str) -> None:
    request = RequestFactory().post(sealed[0], sealed[1], content_type="text/xml")
    request.META["CONTENT_LENGTH"] = length
    assert callback.wechat_receive(request).status_code == 400


class Chunks(BytesIO):
    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def in_chunks(url: str, body: Chunks) -> HttpResponse:
    request = RequestFactory().post(url, b"", content_type="text/xml", HTTP_TRANSFER_ENCODING="chunked")
    request.META["wsgi.input"] = body
    request.META.pop("CONTENT_LENGTH", None)
    return callback.wechat_receive(request)


@pytest.mark.django_db
def test_a_body_in_chunks_without_a_length_is_read_up_to_the_cap(sealed: tuple[str, bytes]) -> None:
    url, body = sealed
    assert in_chunks(url, Chunks(body)).status_code == 200
    assert InboundMessage.objects.count() == 1
    endless = Chunks(body + b" " * 1_000_000)
    assert in_chunks(url, endless).status_code == 400
    assert endless.taken <= envelope.MAX_BODY + 1


def test_a_body_that_breaks_off_is_refused(sealed: tuple[str, bytes]) -> None:
    class Broken(Chunks):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    assert in_chunks(sealed[0], Broken()).status_code == 400


def signed(plaintext: bytes, **keys: str) -> tuple[str, bytes]:
    ours = WeCom().keys()
    made = crypto.Keys(ours.token, ours.aes_key, keys.get("receiveid", ours.receiveid))
    envelope = crypto.encrypt(made, plaintext, timestamp=str(int(time.time())), nonce="1234567890")
    query = {"msg_signature": envelope.msg_signature, "timestamp": envelope.timestamp, "nonce": envelope.nonce}
    return f"{URL}?{urlencode(query)}", xml({"ToUserName": "x", "Encrypt": envelope.encrypt})


WELL_SIGNED = {
    "of another company": (b"<xml></xml>", {"receiveid": "wwother000000000"}),
    "not XML": (b"hello", {}),
    "not UTF-8": (b"<xml>\xff\xfe</xml>", {}),
    "with an entity": (b'<!DOCTYPE a [<!ENTITY b "c">]><xml></xml>', {}),
    "without a sender": (xml({"ToUserName": "wwtest0000000000", "MsgType": "text"}), {}),
    "of another app": (
        xml(
            {
                "ToUserName": "wwtest0000000000",
                "FromUserName": "LiMing",
                "CreateTime": "1795473135",
                "MsgType": "text",
                "Content": "x",
                "MsgId": "1",
                "AgentID": "1000003",
            }
        ),
        {},
    ),
    "nested too deep": (b"<xml>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</xml>", {}),
}


@pytest.mark.parametrize("case", list(WELL_SIGNED))
def test_a_well_signed_but_wrong_message_gets_the_same_answer(client: Client, case: str) -> None:
    plaintext, keys = WELL_SIGNED[case]
    url, body = signed(plaintext, **keys)
    response = client.post(url, body, content_type="text/xml")
    reference = client.post(URL, b"", content_type="text/xml")
    assert (response.status_code, response.content) == (400, reference.content)
    assert response.headers == reference.headers


def test_a_captured_message_cannot_be_read_back_through_the_url_check(
    client: Client, sealed: tuple[str, bytes]
) -> None:
    url, body = sealed
    encrypted = body.decode().split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    response = client.get(f"{url}&{urlencode({'echostr': encrypted})}")
    assert response.status_code == 400
    assert "秘密".encode() not in response.content


@pytest.mark.parametrize("unset", ["WECHAT_CORP_ID", "WECHAT_CALLBACK_TOKEN", "WECHAT_ENCODING_AES_KEY"])
def test_an_unconfigured_callback_refuses_like_any_other(
    client: Client, settings: Settings, sealed: tuple[str, bytes], unset: str
) -> None:
    setattr(settings, unset, "")
    assert client.post(sealed[0], sealed[1], content_type="text/xml").status_code == 400


@pytest.mark.django_db
def test_an_old_timestamp_is_taken_and_reported_once_a_minute(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "_last_clock_warning", -1e9)
    wecom = WeCom(clock=lambda: time.time() - 3600)
    with caplog.at_level("WARNING", "jiayi.wecom"):
        assert wecom.say("LiMing", "一").status == wecom.say("LiMing", "二").status == 200
    assert InboundMessage.objects.count() == 2
    assert len([line for line in caplog.messages if "clock" in line]) == 1


@pytest.mark.django_db
def test_a_busy_database_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def busy_twice(*given: Any, **more: Any) -> InboundMessage:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("database is locked")
        return receive(*given, **more)

    monkeypatch.setattr(callback, "receive", busy_twice)
    monkeypatch.setattr(callback, "close_old_connections", lambda: None)
    assert WeCom().say("LiMing", "您好").status == 200
    assert len(tries) == 3


@pytest.mark.django_db
def test_events_and_kinds_of_tomorrow_are_stored_and_answered(world: World) -> None:
    wecom = WeCom()
    assert wecom.send("LiMing", "event", {"Event": "something_new", "EventKey": ""}).status == 200
    assert wecom.send("LiMing", "hologram", {"HologramId": "1"}).status == 200
    assert set(InboundMessage.objects.values_list("message_type", flat=True)) == {"event", "hologram"}
    assert Message.objects.filter(source="wecom").count() == 0


@pytest.mark.django_db
def test_two_different_events_of_one_second_are_both_kept(world: World) -> None:
    now = time.time()
    wecom = WeCom(clock=lambda: now)
    for key in ("a", "b", "b"):
        wecom.send("LiMing", "event", {"Event": "click", "EventKey": key})
    assert InboundMessage.objects.count() == 2


@pytest.mark.django_db
def test_a_second_delivery_gets_the_same_answer_to_the_byte(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    wecom = WeCom()
    with time_machine.travel(time.time(), tick=False) as clock:
        plaintext = wecom.message("LiMing", "text", {"Content": f"#{world.case.number} 您好"})
        first = wecom.plain(wecom.post(plaintext).body)
        clock.shift(7)
        assert wecom.plain(wecom.post(plaintext).body) == first
    assert "✓ 已发送 → #1001 王小明 · 学签续签" in first.decode()


@pytest.mark.django_db
def test_the_receipt_is_in_chinese_whatever_the_request_says_of_languages(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    wecom = WeCom(Client(headers={"Accept-Language": "en"}))
    reply = wecom.say("LiMing", f"#{world.case.number} " + "字" * 6000).reply
    assert "消息最长" in reply
    assert "at most" not in reply


@sized
@pytest.mark.django_db(transaction=True)
def test_a_database_that_somebody_holds_is_not_waited_for_longer_than_wecom_waits(
    world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small size all is three and a half seconds shorter; a busy machine has the same second to answer."""
    assert callback.RESPOND_WITHIN + 1 <= callback.WECOM_WAITS == 5
    less = 0 if connection.vendor == "sqlite" else size(3.5, 0)  # SQLite waits for a lock as its settings say
    monkeypatch.setattr(callback, "RESPOND_WITHIN", callback.RESPOND_WITHIN - less)
    wecom_waits = callback.WECOM_WAITS - less
    settings.VAR_DIR = tmp_path
    bind_wecom_account(world.li, "LiMing")

    def hold(held: threading.Event, free: threading.Event) -> None:
        with transaction.atomic():
            Advisor.objects.select_for_update().get(pk=world.li.pk)
            held.set()
            free.wait(20)
        connection.close()

    for attempt in range(3):  # the machine may stand still once for what is left of the 5 s, not each time
        held, free = threading.Event(), threading.Event()
        other = threading.Thread(target=hold, args=(held, free))
        other.start()
        try:
            assert held.wait(10)
            began = time.monotonic()
            answer = WeCom().say("LiMing", f"#{world.case.number} 您好 {attempt}")
            took = time.monotonic() - began
        finally:
            free.set()
            other.join()
        assert (answer.status, answer.reply) == (200, receipts.PUT_ASIDE)
        assert bring_in() == 1
        assert Message.objects.filter(source="wecom").latest("seq").body == f"您好 {attempt}"
        if took < wecom_waits:
            break
    assert took < wecom_waits
