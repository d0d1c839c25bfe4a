"""wecom.api.client against a WeCom that misbehaves over real HTTP: what each fault becomes, how soon, without leaks."""

import datetime
import ipaddress
import json
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from jiayi.redact import RedactSecrets
from tests.support import hostile
from tests.support.hostile import Response, ScriptedServer
from tests.support.size import sized, some
from wecom.api import client
from wecom.api.client import RobotAddress, WeComError, robot_address
from wecom.api.errcodes import Verdict, explain

KEY, TOKEN, SECRET, MEDIA_ID = "canary-key-7e1f", "canary-token-93ab", "canary-secret-c0de", "canary-media-55aa"
CANARIES = ("canary-", "CANARY-")
DEADLINE = 5.0  # seconds, instead of 10
SHORT_DEADLINE = 0.5
LATE = 5.0  # a busy machine wakes threads late

TEXT: dict[str, Any] = {"msgtype": "text", "text": {"content": "案件 #1042 有 2 条消息"}}


@pytest.fixture(autouse=True)
def deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DEADLINE_SECONDS", DEADLINE)


@pytest.fixture
def short_deadline(deadline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For faults that only the deadline ends."""
    monkeypatch.setattr(client, "DEADLINE_SECONDS", SHORT_DEADLINE)


@pytest.fixture(autouse=True)
def no_secret_is_written(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Run every test at DEBUG, libraries included, and look for secrets in all that was logged or printed."""
    caplog.set_level(logging.DEBUG)
    yield
    out, err = capfd.readouterr()
    written = caplog.text + "".join(map(repr, (record.__dict__ for record in caplog.get_records("call")))) + out + err
    assert not any(canary in written for canary in CANARIES)


@pytest.fixture
def wecom(settings: Settings) -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        settings.WECHAT_API_BASE_URL = server.url
        yield server


def robot(server: ScriptedServer) -> RobotAddress:
    return robot_address(server.webhook_url(KEY))


def wait_for_the_exchange_to_end() -> None:
    until = time.monotonic() + LATE
    while any(thread.name == "wecom-http" for thread in threading.enumerate()):
        assert time.monotonic() < until, "an exchange outlived its request"
        time.sleep(0.005)


def failure(call: Callable[[], object], *, thread_ends: bool = True) -> WeComError:
    """Return the WeComError of the call: in time, without a thread left, without a secret in what can be printed."""
    started = time.monotonic()
    with pytest.raises(WeComError) as caught:
        call()
    assert time.monotonic() - started < client.DEADLINE_SECONDS + LATE
    if thread_ends:
        wait_for_the_exchange_to_end()
    error = caught.value
    printed = [str(error), repr(error), repr(error.args), error.reason, *traceback.format_exception(error)]
    printed += [repr(vars(error)), repr(error.__cause__), repr(error.__context__)]
    assert not any(canary in text for canary in CANARIES for text in printed)
    assert "http" not in error.reason.replace("HTTP ", "")
    return error


def group_failure(server: ScriptedServer, response: Response) -> WeComError:
    server.play([response])
    return failure(lambda: client.send_to_group(robot(server), TEXT))


# What is sent -----------------------------------------------------------------------------------------


def test_a_group_message_is_posted_as_utf8_json_with_the_key_in_the_query(wecom: ScriptedServer) -> None:
    answer = client.send_to_group(robot(wecom), TEXT)
    (request,) = wecom.requests
    assert (request.method, request.path, request.query) == ("POST", "/cgi-bin/webhook/send", {"key": KEY})
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["accept-encoding"] == "identity"
    assert request.json == TEXT
    assert b"\\u" not in request.body  # WeCom's 40033
    assert (answer.errcode, answer.errmsg) == (0, "ok")
    assert 0 <= answer.duration_ms < 1000 * DEADLINE


def test_a_path_before_the_webhook_is_kept_on_loopback(wecom: ScriptedServer) -> None:
    client.send_to_group(robot_address(f"{wecom.url}/sandbox/cgi-bin/webhook/send?key=demo"), TEXT)
    assert wecom.requests[0].path == "/sandbox/cgi-bin/webhook/send"


def test_half_a_surrogate_pair_is_replaced_and_the_message_goes_out(wecom: ScriptedServer) -> None:
    client.send_to_group(robot(wecom), {"text": {"content": "王\ud800*"}})
    assert wecom.requests[0].json["text"]["content"] == "王?*"


def test_a_token_is_fetched_and_hidden_in_its_repr(wecom: ScriptedServer) -> None:
    wecom.play([hostile.answer(access_token=TOKEN, expires_in=7200)])
    token = client.fetch_token("ww1234", SECRET)
    assert (token.value, token.expires_in) == (TOKEN, 7200)
    assert TOKEN not in repr(token)
    assert wecom.requests[0].query == {"corpid": "ww1234", "corpsecret": SECRET}


@pytest.mark.parametrize(
    "data", [{}, {"access_token": ""}, {"access_token": 5}, {"access_token": "t", "expires_in": 0}]
)
def test_a_token_answer_without_a_usable_token_is_tried_again(wecom: ScriptedServer, data: dict[str, Any]) -> None:
    wecom.play([hostile.answer(**{"expires_in": 7200, **data})])
    assert failure(lambda: client.fetch_token("ww1234", SECRET)).verdict is Verdict.RETRY


def test_a_secret_that_is_not_utf8_is_sent_replaced_and_not_shown(wecom: ScriptedServer) -> None:
    wecom.play([hostile.answer(40001)])
    assert failure(lambda: client.fetch_token("ww1234", SECRET + "\udcff")).verdict is Verdict.CONFIGURATION


def test_a_member_message_that_reached_nobody_is_seen_although_errcode_is_0(wecom: ScriptedServer) -> None:
    wecom.play([hostile.answer(invaliduser="LiMing|zhangwei", unlicenseduser="wang", msgid="m1")])
    answer = client.send_to_member(TOKEN, {"touser": "LiMing|ZhangWei|wang|ok", **TEXT})
    assert client.undelivered(answer) == {"liming", "zhangwei", "wang"}
    assert wecom.requests[0].query == {"access_token": TOKEN}


@pytest.mark.parametrize("value", [None, "", 7, ["a"], "|"])
def test_nobody_is_undelivered_when_the_list_is_empty_or_odd(wecom: ScriptedServer, value: object) -> None:
    wecom.play([hostile.answer(invaliduser=value)])
    assert client.undelivered(client.send_to_member(TOKEN, TEXT)) == set()


def test_a_card_is_updated(wecom: ScriptedServer) -> None:
    client.update_card(TOKEN, {"response_code": "r"})
    assert wecom.requests[0].path == "/cgi-bin/message/update_template_card"


# What an answer means ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errcode", "verdict", "wait"),
    [
        (-1, Verdict.RETRY, 0),
        (45009, Verdict.RETRY, 60),
        (45033, Verdict.RETRY, 0),
        (93000, Verdict.CONFIGURATION, 0),
        (93004, Verdict.CONFIGURATION, 0),
        (40001, Verdict.CONFIGURATION, 0),
        (60020, Verdict.CONFIGURATION, 0),
        (40058, Verdict.PAYLOAD, 0),
        (42045, Verdict.PAYLOAD, 0),
        (81013, Verdict.PAYLOAD, 0),
        (40014, Verdict.TOKEN, 0),
        (42001, Verdict.TOKEN, 0),
        (987654, Verdict.RETRY, 0),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_the_errcode_decides(wecom: ScriptedServer, status: int, errcode: int, verdict: Verdict, wait: float) -> None:
    error = group_failure(wecom, hostile.answer(errcode, f"no, key={KEY}", status))
    assert (error.errcode, error.verdict, error.wait) == (errcode, verdict, wait)
    assert error.permanent == (verdict in {Verdict.PAYLOAD, Verdict.CONFIGURATION})
    assert error.reason == explain(errcode).text


def test_the_address_to_trust_is_told_for_60020(wecom: ScriptedServer) -> None:
    error = group_failure(
        wecom, hostile.answer(60020, "not allow to access from your ip, hint: [1], from ip: 203.0.113.7,")
    )
    assert "203.0.113.7" in error.reason


def test_an_address_that_is_none_is_not_repeated(wecom: ScriptedServer) -> None:
    assert group_failure(wecom, hostile.answer(60020, "from ip: 999.dead")).reason == explain(60020).text


def test_an_errmsg_that_repeats_the_key_is_masked(wecom: ScriptedServer) -> None:
    wecom.play([hostile.answer(0, f"ok {KEY}")])
    assert client.send_to_group(robot(wecom), TEXT).errmsg == "ok ***"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        b"{",
        b"{}",
        b"null",
        b"[0]",
        b'"errcode"',
        b'{"errmsg": "ok"}',
        b'{"errcode": null}',
        b'{"errcode": "0"}',
        b'{"errcode": false}',
        b'{"errcode": 0.0}',
        b'{"errcode": NaN}',
        b'{"errcode": 99999999999999}',
        b'{"errcode": ' + b"9" * 6000 + b"}",
        b"[" * 60000,
        b'{"errcode": 0, "errmsg": "\xff"}',
        b"\xff\xfe\x00",
        b"<html><body>errcode: 0</body></html>",
        b'{"errcode": 0, "errmsg": "' + b"a" * 65536 + b'"}',
        b'{"errcode": 0, "errmsg": "ok"}' + b" " * 65536,
    ],
)
def test_an_answer_that_cannot_be_read_is_no_success(wecom: ScriptedServer, body: bytes) -> None:
    error = group_failure(wecom, hostile.http_answer(200, body, "application/json"))
    assert (error.verdict, error.errcode, error.permanent) == (Verdict.RETRY, None, False)


def test_a_missing_errcode_is_a_success_only_with_what_was_asked_for(wecom: ScriptedServer) -> None:
    wecom.play([hostile.http_answer(200, b'{"msgid": "m1"}'), hostile.http_answer(200, b'{"detail": "portal"}')])
    assert client.send_to_member(TOKEN, TEXT).data == {"msgid": "m1"}
    assert failure(lambda: client.send_to_member(TOKEN, TEXT)).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("status", "verdict", "wait"),
    [
        (204, Verdict.RETRY, 0),
        (206, Verdict.RETRY, 0),
        (302, Verdict.RETRY, 0),
        (400, Verdict.CONFIGURATION, 0),
        (403, Verdict.CONFIGURATION, 0),
        (404, Verdict.CONFIGURATION, 0),
        (407, Verdict.CONFIGURATION, 0),
        (408, Verdict.RETRY, 0),
        (413, Verdict.PAYLOAD, 0),
        (425, Verdict.RETRY, 0),
        (429, Verdict.RETRY, 60),
        (500, Verdict.RETRY, 0),
        (502, Verdict.RETRY, 0),
        (999, Verdict.RETRY, 0),
    ],
)
@pytest.mark.parametrize("body", [b"<html>", b'{"errcode": 0, "errmsg": "ok"}'])
def test_any_other_status_than_200_is_a_failure(
    wecom: ScriptedServer, status: int, verdict: Verdict, wait: float, body: bytes
) -> None:
    error = group_failure(wecom, hostile.http_answer(status, body, "application/json"))
    assert (error.verdict, error.wait, error.errcode) == (verdict, wait, None)
    assert str(status) in error.reason


def test_a_server_error_is_tried_again_whatever_it_says(wecom: ScriptedServer) -> None:
    assert group_failure(wecom, hostile.answer(93000, status=500)).verdict is Verdict.RETRY


# A hostile other side ---------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
OK = b'{"errcode": 0, "errmsg": "ok"}'

FAULTS: dict[str, Response] = {
    "hangs": hostile.hang(),
    "resets": hostile.reset(),
    "closes": hostile.raw(),
    "drips the status line": hostile.drip(HEAD + b"Content-Length: 30\r\n\r\n" + OK),
    "drips the headers": hostile.drip(b"X-Slow: " + b"a" * 200, head=HEAD),
    "drips the body": hostile.drip(OK, head=HEAD + b"Content-Length: 30\r\n\r\n"),
    "drips a body without a length": hostile.drip(OK + b" " * 100, head=HEAD + b"\r\n"),
    "drips a chunked body": hostile.drip(b"1\r\n{\r\n" * 50, head=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
    "says nothing after a complete body without a length": hostile.raw(HEAD + b"\r\n" + OK, then_hang=True),
    "sends less than it announced": hostile.raw(HEAD + b"Content-Length: 300\r\n\r\n" + OK),
    "sends less than it announced and stays": hostile.raw(HEAD + b"Content-Length: 300\r\n\r\n" + OK, then_hang=True),
    "ends a chunked body early": hostile.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1e\r\n" + OK),
    "lies about its chunks": hostile.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + OK),
    "announces a negative length": hostile.raw(HEAD + b"Content-Length: -5\r\n\r\n"),
    "sends a gzip bomb": hostile.gzip_bomb(50_000_000),
    "sends 100,000 headers": hostile.raw(HEAD + b"X-A: b\r\n" * 100_000 + b"\r\n" + OK),
    "sends headers for ever": hostile.flood(1 << 30, HEAD, b"X-A: b\r\n" * 1000),
    "sends one endless header": hostile.flood(1 << 30, HEAD + b"X-A: "),
    "says 100 Continue for ever": hostile.flood(1 << 30, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n"),
    "speaks something else": hostile.raw(b"SSH-2.0-OpenSSH_9.2\r\n" * 10),
    "sends only zero bytes": hostile.raw(b"\x00" * 70_000),
}


@sized
@pytest.mark.parametrize("fault", some(FAULTS, 3))
@pytest.mark.usefixtures("short_deadline")
def test_a_hostile_answer_ends_in_time_as_a_retry(wecom: ScriptedServer, fault: str) -> None:
    error = group_failure(wecom, FAULTS[fault])
    assert (error.verdict, error.errcode) == (Verdict.RETRY, None)
    assert len(wecom.wait_for(1)) == 1  # not tried again behind the caller's back


def test_a_body_of_a_gigabyte_is_cut_at_the_cap(wecom: ScriptedServer) -> None:
    assert group_failure(wecom, hostile.flood(1 << 30)).verdict is Verdict.RETRY
    deadline = time.monotonic() + 2
    while not wecom.bytes_sent:  # counted when the server notices that nobody reads any more
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert wecom.bytes_sent < 16 * 1024 * 1024  # what sockets buffer, not what was offered


@pytest.mark.usefixtures("short_deadline")
def test_the_next_request_after_a_hang_goes_through(wecom: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    wecom.play([hostile.hang(), hostile.answer()])
    failure(lambda: client.send_to_group(robot(wecom), TEXT))
    monkeypatch.setattr(client, "DEADLINE_SECONDS", DEADLINE)  # of a healthy answer on a busy machine
    assert client.send_to_group(robot(wecom), TEXT).errcode == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_its_target_sees_nothing(wecom: ScriptedServer, status: int) -> None:
    with ScriptedServer() as other:
        error = group_failure(wecom, hostile.redirect(status, other.webhook_url(KEY), OK))
        assert error.verdict is Verdict.RETRY
        assert other.connections == 0
    assert len(wecom.requests) == 1


def test_a_redirect_with_an_endless_body_is_not_read(wecom: ScriptedServer) -> None:
    head = hostile.http_bytes(301, Location="http://127.0.0.1:9/", Content_Length=str(1 << 30))
    assert group_failure(wecom, hostile.flood(1 << 30, head)).verdict is Verdict.RETRY


def test_proxies_and_netrc_of_the_environment_are_not_used(
    wecom: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password canary-netrc\n")
    with ScriptedServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NETRC", str(netrc))
        client.send_to_group(robot(wecom), TEXT)
        assert proxy.connections == 0
    assert "authorization" not in wecom.requests[0].headers


def test_cookies_are_not_kept(wecom: ScriptedServer) -> None:
    wecom.play([hostile.http_answer(200, OK, Set_Cookie="a=b"), hostile.answer()])
    client.send_to_group(robot(wecom), TEXT)
    client.send_to_group(robot(wecom), TEXT)
    assert "cookie" not in wecom.requests[1].headers


def test_a_closed_port_is_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = robot_address(f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key={KEY}")
    assert failure(lambda: client.send_to_group(address, TEXT)).verdict is Verdict.RETRY


@pytest.mark.usefixtures("short_deadline")
def test_a_connection_that_never_comes_about_ends_in_time() -> None:
    with hostile.unreachable_port() as port:
        address = robot_address(f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key={KEY}")
        assert failure(lambda: client.send_to_group(address, TEXT)).verdict is Verdict.RETRY


def test_a_name_that_does_not_resolve_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    address = robot_address(f"http://localhost:9/cgi-bin/webhook/send?key={KEY}")
    assert "DNS" in failure(lambda: client.send_to_group(address, TEXT)).reason


@pytest.mark.usefixtures("short_deadline")
def test_a_resolver_that_hangs_ends_in_time_and_nothing_is_sent_late(
    wecom: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver, resolve = threading.Event(), socket.getaddrinfo

    def resolve_late(*args: Any, **kwargs: Any) -> Any:
        resolver.wait(5)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_late)
    error = failure(lambda: client.send_to_group(robot(wecom), TEXT), thread_ends=False)
    assert error.verdict is Verdict.RETRY
    resolver.set()
    wait_for_the_exchange_to_end()
    assert wecom.connections <= 1
    assert wecom.requests == []  # the caller has given up and will send again: this one must not


# TLS --------------------------------------------------------------------------------------------------


def certificate(folder: Path, days: int) -> Path:
    """Write key and certificate of 127.0.0.1, signed by itself, that ends `days` from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), until - datetime.timedelta(days=30), until
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / f"{days}.pem"
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + signed.public_bytes(pem))
    return path


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, bool], ScriptedServer]:
    """Return a function that makes a server from the days its certificate is still good, and whether it is trusted."""

    def make(days: int, trusted: bool) -> ScriptedServer:
        pem = certificate(tmp_path, days)
        if trusted:
            monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return ScriptedServer(tls=context)

    return make


def test_a_trusted_certificate_lets_the_request_through(tls_server: Callable[[int, bool], ScriptedServer]) -> None:
    with tls_server(10, True) as server:
        assert client.send_to_group(robot(server), TEXT).errcode == 0


@pytest.mark.parametrize(("days", "trusted"), [(10, False), (-1, True)], ids=["nobody's", "expired"])
def test_a_certificate_that_does_not_verify_stops_the_request(
    tls_server: Callable[[int, bool], ScriptedServer], days: int, trusted: bool
) -> None:
    with tls_server(days, trusted) as server:
        error = failure(lambda: client.send_to_group(robot(server), TEXT))
        assert error.verdict is Verdict.RETRY
        assert "证书" in error.reason
        assert server.requests == []


@sized
@pytest.mark.parametrize("fault", some(["hangs", "drips the headers", "drips the body"], 2))
@pytest.mark.usefixtures("short_deadline")
def test_the_deadline_holds_over_tls(tls_server: Callable[[int, bool], ScriptedServer], fault: str) -> None:
    with tls_server(10, True) as server:
        assert group_failure(server, FAULTS[fault]).verdict is Verdict.RETRY
        assert len(server.wait_for(1)) == 1


@pytest.mark.usefixtures("short_deadline")
def test_a_tls_handshake_that_hangs_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = robot_address(f"https://127.0.0.1:{listener.getsockname()[1]}/cgi-bin/webhook/send?key={KEY}")
        assert failure(lambda: client.send_to_group(address, TEXT)).verdict is Verdict.RETRY


# Media ------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400


def media(max_bytes: int = 10 * 1024 * 1024) -> client.Media:
    return client.fetch_media(TOKEN, MEDIA_ID, max_bytes)


def test_a_file_is_fetched_with_its_type_and_name(wecom: ScriptedServer) -> None:
    disposition = 'attachment; filename="../etc/护照.png"'.encode().decode("latin-1")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-disposition: {disposition}\r\n"
    wecom.play([hostile.raw(f"{head}Content-Length: {len(PNG)}\r\n\r\n".encode("latin-1") + PNG)])
    fetched = media()
    assert (fetched.content, fetched.content_type, fetched.filename) == (PNG, "image/png", "护照.png")
    assert wecom.requests[0].query == {"access_token": TOKEN, "media_id": MEDIA_ID}


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ("", ""),
        ("attachment", ""),
        ('attachment; filename="voice"', "voice"),
        ("attachment; filename*=UTF-8''%E6%8A%A4.png", "护.png"),
        ("attachment; filename*=odd''%E6.png", ""),
        ('attachment; filename="C:\\\\a\\\\b.amr"', "b.amr"),
    ],
)
def test_odd_file_names_do_no_harm(wecom: ScriptedServer, disposition: str, filename: str) -> None:
    wecom.play([hostile.http_answer(200, PNG, "image/png", Content_Disposition=disposition)])
    assert media().filename == filename


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "image/jpeg"])
def test_an_error_in_place_of_the_file_is_seen(wecom: ScriptedServer, status: int, content_type: str) -> None:
    body = json.dumps({"errcode": 40007, "errmsg": f"invalid media_id {MEDIA_ID}"}).encode()
    wecom.play([hostile.http_answer(status, body, content_type)])
    error = failure(media)
    assert (error.errcode, error.verdict) == (40007, Verdict.PAYLOAD)


def test_an_expired_token_in_place_of_the_file_asks_for_a_new_one(wecom: ScriptedServer) -> None:
    wecom.play([hostile.answer(42001)])
    assert failure(media).verdict is Verdict.TOKEN


def test_a_file_over_the_limit_is_refused_for_good_and_not_read_to_its_end(wecom: ScriptedServer) -> None:
    head = hostile.http_bytes(200, content_type="video/mp4", Content_Length=str(1 << 30))
    wecom.play([hostile.flood(1 << 30, head)])
    assert failure(lambda: media(200_000)).verdict is Verdict.PAYLOAD
    wecom.play([hostile.http_answer(200, b"x" * 1001, "video/mp4")])
    assert failure(lambda: media(1000)).verdict is Verdict.PAYLOAD


def test_a_file_of_exactly_the_limit_is_taken(wecom: ScriptedServer) -> None:
    wecom.play([hostile.http_answer(200, PNG, "image/png")])
    assert media(len(PNG)).content == PNG


@pytest.mark.parametrize(
    "response",
    [
        hostile.http_answer(200, b"", "image/png"),
        hostile.http_answer(200, b"<html>", "text/html; charset=utf-8"),
        hostile.http_answer(200, b'{"errcode": 0}', "application/json"),
        hostile.http_answer(200, PNG, "image/png", Content_Encoding="gzip"),
        hostile.http_answer(500, PNG, "image/png"),
        hostile.http_answer(206, PNG, "image/png"),
        hostile.raw(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 999999\r\n\r\n" + PNG),
        hostile.drip(PNG, head=b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"),
    ],
)
@pytest.mark.usefixtures("short_deadline")
def test_what_is_not_the_whole_file_is_tried_again(wecom: ScriptedServer, response: Response) -> None:
    wecom.play([response])
    assert failure(media).verdict is Verdict.RETRY


# Addresses --------------------------------------------------------------------------------------------

OFFICIAL_ROBOT = RobotAddress("https://qyapi.weixin.qq.com", KEY)
SEND = "/cgi-bin/webhook/send"


@pytest.mark.parametrize(
    "value",
    [
        f"https://qyapi.weixin.qq.com{SEND}?key={KEY}",
        f"  'https://qyapi.weixin.qq.com{SEND}?key={KEY}' \n",
        f'"HTTPS://QYAPI.weixin.qq.com{SEND}?key={KEY}"',
        KEY,
        f' "{KEY}" ',
    ],
)
def test_the_official_robot_is_named_by_its_url_or_its_key(settings: Settings, value: str) -> None:
    settings.WECHAT_API_BASE_URL = "https://qyapi.weixin.qq.com"
    assert robot_address(value) == OFFICIAL_ROBOT


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:8000",
        "https://127.0.0.1",
        "http://127.8.9.10:1",
        "http://localhost:8000",
        "http://[::1]:8000",
        "http://127.0.0.1:8000/sandbox",
        "http://127.0.0.1:8000/a/b-c/d.e",
    ],
)
def test_loopback_is_accepted_with_any_path_before_the_webhook(base: str) -> None:
    assert robot_address(f"{base}{SEND}?key={KEY}") == RobotAddress(base, KEY)
    assert client.check_base_url(base + "/") == base


@pytest.mark.parametrize(
    "base",
    [
        "http://qyapi.weixin.qq.com",
        "https://qyapi.weixin.qq.com.",
        "https://qyapi.weixin.qq.com:443",
        "https://qyapi.weixin.qq.com:8443",
        "https://qyapi.weixin.qq.com:",
        "https://qyapi.weixin.qq.com/x",
        "https://qyapi.weixin.qq.com@evil.example",
        "https://evil.example@qyapi.weixin.qq.com",
        "https://qyapi.weixin.qq.com:x@evil.example",
        "https://user:pw@127.0.0.1",
        "https://evil.example",
        "https://evil.example/qyapi.weixin.qq.com",
        "https://evil.example#qyapi.weixin.qq.com",
        "https://evil.example\\@qyapi.weixin.qq.com",
        "https://qyapi.weixin.qq.com.evil.example",
        "https://xqyapi.weixin.qq.com",
        "https://qyapi.weixin.qq.com\n.evil.example",
        "https://qyapi。weixin。qq。com",
        "https://ｑyapi.weixin.qq.com",
        "ftp://qyapi.weixin.qq.com",
        "file:///etc",
        "//qyapi.weixin.qq.com",
        "https://",
        "https:///",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://0.0.0.0",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://127.1",
        "http://127.0.0.01",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:8000/../x",
        "http://127.0.0.1:8000/a?b",
        "http://localhost.",
        "http://localhost.evil.example",
        "http://[::]",
        "http://[::2]",
        "http://[fe80::1%25eth0]",
        "http://[::ffff:10.0.0.1]",
        "http://[2001:db8::1]",
    ],
)
def test_no_other_address_is_accepted_for_robot_or_api(settings: Settings, base: str) -> None:
    with pytest.raises(ValueError, match="^WECHAT_WEBHOOK_URL") as refused:
        robot_address(f"{base}{SEND}?key={KEY}")
    assert KEY not in "".join(traceback.format_exception(refused.value))
    with pytest.raises(ValueError, match="."):
        RobotAddress(base, KEY)
    settings.WECHAT_API_BASE_URL = base
    with pytest.raises(ImproperlyConfigured, match="WECHAT_API_BASE_URL"):
        client.fetch_token("ww1234", SECRET)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " '' ",
        "not a key!",
        f"{KEY}/..",
        f"{KEY}\r\nHost: evil.example",
        f"https://qyapi.weixin.qq.com{SEND}",
        f"https://qyapi.weixin.qq.com{SEND}?key=",
        f"https://qyapi.weixin.qq.com{SEND}?key={KEY}&debug=1",
        f"https://qyapi.weixin.qq.com{SEND}?key={KEY}#x",
        f"https://qyapi.weixin.qq.com{SEND}?key={KEY}%20",
        f"https://qyapi.weixin.qq.com{SEND}?token={KEY}",
        f"https://qyapi.weixin.qq.com{SEND}/?key={KEY}",
        f"https://qyapi.weixin.qq.com/cgi-bin/message/send?key={KEY}",
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/upload_media?key={KEY}",
        f"qyapi.weixin.qq.com{SEND}?key={KEY}",
        "k" * 129,
        f"{KEY}密",
    ],
)
def test_a_webhook_setting_that_is_wrong_is_named_and_its_key_is_not(settings: Settings, value: str) -> None:
    settings.WECHAT_API_BASE_URL = "https://qyapi.weixin.qq.com"
    with pytest.raises(ValueError, match="WECHAT_WEBHOOK_URL") as refused:
        robot_address(value)
    assert KEY not in "".join(traceback.format_exception(refused.value))


def test_a_key_alone_goes_where_the_api_is(settings: Settings) -> None:
    settings.WECHAT_API_BASE_URL = "http://127.0.0.1:8000/sandbox/"
    assert robot_address("demo") == RobotAddress("http://127.0.0.1:8000/sandbox", "demo")


def test_the_key_is_not_in_the_repr() -> None:
    assert KEY not in repr(OFFICIAL_ROBOT)
    assert KEY not in f"{OFFICIAL_ROBOT}"


# Logs -------------------------------------------------------------------------------------------------


def test_one_line_is_logged_with_host_path_errcode_and_duration(
    wecom: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    wecom.play([hostile.answer(), hostile.answer(93000), hostile.reset()])
    client.send_to_group(robot(wecom), TEXT)
    failure(lambda: client.send_to_group(robot(wecom), TEXT))
    failure(lambda: client.send_to_group(robot(wecom), TEXT))
    lines = [record.getMessage() for record in caplog.records if record.name == "jiayi.wecom"]
    begin = f"127.0.0.1:{wecom.port} {SEND} "
    assert [line.removeprefix(begin).split()[0] for line in lines] == ["errcode=0", "errcode=93000", "failed"]
    assert all(line.startswith(begin) and line.endswith(" ms") for line in lines)


def test_the_debug_lines_of_urllib3_are_there_and_masked(
    wecom: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    client.send_to_group(robot(wecom), TEXT)
    assert f"{SEND}?key=***" in caplog.text


def test_a_malformed_header_makes_urllib3_warn_without_the_key(
    wecom: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    wecom.play([hostile.raw(HEAD + b"X-No-Colon\r\nContent-Length: 30\r\n\r\n" + OK)])
    client.send_to_group(robot(wecom), TEXT)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert f"{SEND}?key=***" in warnings[0]


def redacted(message: object, *args: object, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": message, "args": args, **extra})
    assert RedactSecrets().filter(record)
    return logging.Formatter().format(record)


@pytest.mark.parametrize(
    ("message", "args"),
    [
        (f"GET /x?key={KEY}", ()),
        ("GET %s %d", (f"/x?a=1&access_token={TOKEN}&b=2", 200)),
        ("%s", (f"corpid=ww1&corpsecret={SECRET}",)),
        ("%(url)s", ({"url": f"/x?msg_signature={SECRET}&echostr={SECRET}%2B%3D"},)),
        ("%s", ({"access_token": TOKEN},)),
        (json.dumps({"access_token": TOKEN}), ()),
        (f"next=https%3A%2F%2Fh%2Fx%3Fa%3D1%26key%3D{KEY}", ()),
        (f"next=%2Fx%3Fkey%3D{KEY}", ()),
        (f"KEY={KEY} Access_Token={TOKEN}", ()),
        ("too few %s %s", (f"key={KEY}",)),
        ("not a number: %d", (f"?key={KEY}",)),
        (ValueError(f"?key={KEY}"), ()),
    ],
)
def test_secrets_are_masked_in_any_record(message: object, args: tuple[object, ...]) -> None:
    line = redacted(message, *args)
    assert "canary" not in line
    assert "***" in line


def test_secrets_are_masked_in_tracebacks() -> None:
    try:
        raise ValueError(f"https://h/x?key={KEY}")
    except ValueError as error:
        line = redacted("failed", exc_info=(type(error), error, error.__traceback__))
    assert "ValueError" in line
    assert "canary" not in line


def test_other_lines_stay_as_they_are() -> None:
    assert redacted("100%% of %s: monkey=%d, keys=2", "it", 3) == "100% of it: monkey=3, keys=2"
    assert redacted("no arguments: 100% key=%s") == "no arguments: 100% key=***"


def test_a_record_that_cannot_be_read_passes_without_its_content() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError(KEY)

    assert redacted("%s", Hostile()) == "(unreadable log record)"


# The table --------------------------------------------------------------------------------------------

# As WeCom's documents describe them (DOC 90313, 99110). 81013 stands under PAYLOAD here: one wrong account must not
# stop everybody's messages.
VERDICTS = {
    Verdict.CONFIGURATION: """93000 93001 93004 93006 93008 93019 40013 40001 40091 40056 301002 48002 48006 50003
        60031 60020 43012 48010 60011 301007""",
    Verdict.PAYLOAD: """40008 40035 40058 40063 93017 44004 45002 45008 40033 40039 45034 40127 41016 41033 40007 40145
        301019 93018 82004 85002 40201 40204 82001 42014 42027 42040 42051 40206 42052 81013 60140 82101 82102""",
    Verdict.RETRY: "-1 45009 45033 45036 45035 6000 2000111 2000141",
    Verdict.TOKEN: "40014 42001 41001",
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_documented_errcodes_have_their_verdict_and_words_for_a_person(verdict: Verdict) -> None:
    for errcode in map(int, VERDICTS[verdict].split()):
        known = explain(errcode)
        assert known.verdict is verdict, errcode
        assert known.text.endswith("。"), errcode
        assert "未收录" not in known.text, errcode
        assert known.wait == (60 if errcode == 45009 else 0), errcode


def test_an_errcode_nobody_described_is_tried_again_and_told() -> None:
    known = explain(1234567)
    assert known.verdict is Verdict.RETRY
    assert "1234567" in known.text
