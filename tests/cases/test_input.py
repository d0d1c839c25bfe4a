"""Bad input is a clear 4xx that says what is wrong, never a 500, and writes nothing."""

import json
from io import BytesIO
from itertools import product

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client

from cases.models import Message, ReadMark
from jiayi.wsgi import application
from tests.support.people import World, send, signed_in
from tests.support.size import part, sized

pytestmark = pytest.mark.django_db

WRITE, READ = "/api/cases/1001/messages/", "/api/cases/1001/read/"
GOOD = {"body": "您好", "client_id": "a"}
DIGITS = "9" * 5000


@pytest.fixture
def wang(world: World) -> Client:
    return signed_in(world.wang)


def raw(client: Client, path: str, body: bytes, content_type: str = "application/json") -> tuple[int, str]:
    """Send bytes as they are; return the status and the answer's text."""
    response = client.generic("POST", path, body, content_type=content_type)
    return response.status_code, response.content.decode()


def nothing_was_written() -> bool:
    return not Message.objects.exclude(kind="system").exists() and not ReadMark.objects.exists()


MISTAKES = [
    ("body", ["", " \n\t　", None, "字" * 5001, "a\x00b", ["a"], {"a": 1}, True]),
    ("client_id", ["", None, "x" * 65, "a b", "ａ", "a\x00", [], {}, False, "../x"]),
]


@pytest.mark.parametrize(("field", "values"), MISTAKES)
def test_a_message_with_a_mistake_is_refused_by_the_name_of_its_field(
    wang: Client, field: str, values: list[object]
) -> None:
    for value in values:
        response = send(wang, WRITE, {**GOOD, field: value})
        assert (value, response.status_code, list(response.json())) == (value, 400, [field])
    assert nothing_was_written()


@pytest.mark.parametrize("missing", ["body", "client_id"])
def test_a_message_needs_both_its_fields(wang: Client, missing: str) -> None:
    response = send(wang, WRITE, {name: value for name, value in GOOD.items() if name != missing})
    assert (response.status_code, list(response.json())) == (400, [missing])


def test_every_mistake_is_told_at_once_in_chinese_and_english(wang: Client) -> None:
    chinese = send(wang, WRITE, {}).json()
    english = send(wang, WRITE, {}, **{"Accept-Language": "en"}).json()
    assert set(chinese) == set(english) == {"body", "client_id"}
    assert chinese["body"] != english["body"] == ["This field is required."]


BAD_JSON = {
    "nothing": b"",
    "half": b'{"body": "x"',
    "words": b"hello",
    "not utf-8": b'{"body": "\xff\xfe", "client_id": "a"}',
    "half a surrogate pair": rb'{"body": "a\ud800", "client_id": "a"}',
    "half a surrogate pair as name": rb'{"\udfff": 1, "body": "x"}',
    "a NUL": rb'{"body": "a\u0000", "client_id": "a"}',
    "NaN": b'{"body": NaN, "client_id": "a"}',
    "null": b"null",
    "a number": b"5",
    "a string": b'"file"',
    "true": b"true",
    "a list": b"[]",
    "a list of messages": json.dumps([GOOD]).encode(),
    "a list of names": b'["file", "body"]',
    "deep lists": b"[" * 100_000,
    "deep lists, closed": b"[" * 20_000 + b"]" * 20_000,
    "deep objects": b'{"body":' * 50_000,
    "a number of 5,000 digits": f'{{"body": {DIGITS}, "client_id": "a"}}'.encode(),
    "such a client_id": f'{{"body": "x", "client_id": {DIGITS}}}'.encode(),
    "an endless number": b'{"body": 1e999, "client_id": "a b"}',
    "a byte order mark": b"\xef\xbb\xbf[]",
    "utf-16": json.dumps(GOOD).encode("utf-16"),
}


@pytest.mark.parametrize("path", [WRITE, READ])
def test_json_that_is_none_or_not_a_message_is_a_400(wang: Client, path: str) -> None:
    for name, body in BAD_JSON.items():
        status, said = raw(wang, path, body)
        assert (status, name) == (400, name)
        assert isinstance(json.loads(said), dict)
    assert nothing_was_written()


OTHER_TYPES = [
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "",
    "nonsense",
    "application/json5",
]


@pytest.mark.parametrize("path", [WRITE, READ])
def test_anything_but_json_and_forms_with_files_is_a_415(wang: Client, path: str) -> None:
    for content_type in OTHER_TYPES:
        status, said = raw(wang, path, json.dumps({**GOOD, "seq": 1}).encode(), content_type)
        assert (status, content_type) in {(415, content_type), (400, "")}
        assert isinstance(json.loads(said), dict)
    assert nothing_was_written()


CHARSETS = ["rot13", "hex", "zlib", "bz2", "idna", "punycode", "undefined", "utf-7", "utf-16", "nonsense", "latin-1"]


def through_the_door(client: Client, method: str, path: str, body: bytes, content_type: str) -> int:
    """Ask the WSGI application itself: Django breaks off on such a request before the test client's way in."""
    path, _, query = path.partition("?")
    environ = client._base_environ(  # type: ignore[attr-defined]  # not in the stubs
        REQUEST_METHOD=method,
        PATH_INFO=path,
        QUERY_STRING=query,
        CONTENT_TYPE=content_type,
        CONTENT_LENGTH=str(len(body)),
        HTTP_X_CSRFTOKEN="t" * 32,
        **{"wsgi.input": BytesIO(body)},
    )
    statuses: list[str] = []
    for signal in (request_started, request_finished):  # the test's own connection stays open, as in its client
        signal.disconnect(close_old_connections)
    try:
        answer = application(environ, lambda status, headers, exc_info=None: statuses.append(status))
        b"".join(answer)
        getattr(answer, "close", lambda: None)()
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
    return int(statuses[0].split()[0])


@sized
def test_an_encoding_that_no_browser_sends_breaks_nothing(wang: Client) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="more"\r\n\r\nabc\r\n--x--\r\n'
    kinds = ["application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
    odd = ["charset*=rot13''rot13", "charset*=nonsense''utf-8", "boundary*=rot13''x", "a=b; " * 5000]
    content_types = [f"{kind}; {more}" for kind in kinds for more in [*(f"charset={c}" for c in CHARSETS), *odd]]
    asked = list(product((WRITE, "/messages/1001/", "/accounts/login/", "/api/wechat/receive"), ("GET", "POST")))
    for at, (path, method) in enumerate(asked):
        for content_type in part(content_types, 5, at):
            assert through_the_door(wang, method, f"{path}?after=1&q=%ff%00x", body, content_type) < 500, path
    assert nothing_was_written()


def test_a_request_that_names_an_encoding_is_still_read(wang: Client) -> None:
    wang.cookies["csrftoken"] = "t" * 32
    body = json.dumps(GOOD).encode()
    assert through_the_door(wang, "POST", WRITE, body, "application/json; charset=utf-8") == 201


BROKEN_FORMS = [
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b""),
    ("multipart/form-data; boundary=x", b"--y\r\nnonsense"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="body"\r\n\r\nab'),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nab\r\n--x--"),
    ("multipart/form-data; boundary=\xff", b"--x--"),
    (f"multipart/form-data; boundary={'x' * 300}", b"--x--"),
]


def test_a_broken_form_is_a_4xx(wang: Client) -> None:
    for content_type, body in BROKEN_FORMS:
        for path in (WRITE, READ, "/messages/1001/", "/messages/new/", "/accounts/login/"):
            assert raw(wang, path, body, content_type)[0] < 500
    assert nothing_was_written()


def test_a_body_of_megabytes_is_refused_before_it_is_read(wang: Client) -> None:
    status, said = raw(wang, WRITE, json.dumps({**GOOD, "more": "x" * 3_000_000}).encode())
    assert (status, json.loads(said)) == (413, {"detail": "内容太大。"})
    assert raw(wang, READ, b" " * 3_000_000 + b"{}")[0] == 413
    assert nothing_was_written()


NO_SEQS = [-1, 2**31, 10**30, 1.5, "x", "", None, True, [], {}, "1 or 1=1", "\x00", DIGITS, f"-{DIGITS}", "１e3"]


def test_a_mark_that_is_no_number_is_refused(wang: Client) -> None:
    for seq in NO_SEQS:
        response = send(wang, READ, {"seq": seq})
        assert (seq, response.status_code, list(response.json())) == (seq, 400, ["seq"])
    assert send(wang, READ, {}).status_code == 400
    assert nothing_was_written()


NO_NUMBERS = ["0", "1000", "2147483648", "9" * 30, DIGITS, "-1", "1.5", "abc", "%00", "%ff", "%F0%9F%99%82", "1001%2f"]


def test_a_number_that_is_no_case_is_not_found(wang: Client) -> None:
    for number in NO_NUMBERS:
        for path in (f"/api/cases/{number}/messages/", f"/messages/{number}/"):
            assert (number, wang.get(path).status_code) == (number, 404)
        assert send(wang, f"/api/cases/{number}/read/", {"seq": 1}).status_code == 404


ODD_HEADERS = [
    {"Accept": "text/html"},
    {"Accept": "nonsense"},
    {"Accept": "application/json; indent=99999999999"},
    {"Accept": f"application/json; indent={DIGITS}"},
    {"Accept-Language": "x" * 9000},
    {"Accept-Language": "zz-\xff, *;q=abc"},
    {"Cookie": "session=\xff\x00; csrftoken=;;;"},
    {"X-Forwarded-For": "not an address, " * 50},
    {"Range": "bytes=0-"},
    {"If-Modified-Since": "yesterday"},
    {"Authorization": "Basic \xff"},
    {"Content-Length": "abc"},
    {"X-CSRFToken": "\xff" * 64},
    {"X-HTTP-Method-Override": "DELETE"},
]


@sized
def test_odd_headers_break_nothing(world: World) -> None:
    for client in (Client(), signed_in(world.wang)):
        for at, headers in enumerate(ODD_HEADERS):
            for path in part(("/", "/messages/1001/", "/api/cases/", WRITE, "/accounts/login/"), 3, at):
                assert client.get(path, headers=headers).status_code < 500
            assert send(client, WRITE, GOOD, **headers).status_code < 500


def test_a_method_that_is_not_offered_changes_nothing(wang: Client) -> None:
    body = json.dumps(GOOD).encode()
    for path in (WRITE, READ, "/api/cases/", "/api/active/", "/messages/1001/", "/register/"):
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "HEAD", "BREW"):
            assert wang.generic(method, path, body, content_type="application/json").status_code < 500
    assert nothing_was_written()
