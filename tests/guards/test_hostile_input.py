"""No input of any kind yields a 500, at any route, as whoever gets furthest there.

In the small size too every route and every field is visited, each with other values of the lists (`part`).
"""

import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.core.signals import got_request_exception
from rest_framework import serializers

from members.sessions import session_users
from tests.guards.access import METHODS, is_admin, row_of
from tests.guards.requests import FORM, filled
from tests.guards.routes import Route, all_routes
from tests.guards.stage import JSON, Stage
from tests.guards.test_fields import OUR_MODULES, subclasses
from tests.support.recording import undone
from tests.support.size import part, sized

pytestmark = pytest.mark.django_db

DIGITS = "9" * 5000
NUL, HALF = "\x00", "\ud800"
Request = tuple[str, str, Any, str, dict[str, Any]]  # method, url, body, content type, environment


class Broken:
    """Collects what broke, and the exception behind it."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.count = stage, 0
        self.found: list[str] = []
        self.error: BaseException | None = None

    def note(self, **_signal: Any) -> None:
        self.error = sys.exc_info()[1]

    def send(
        self, actor: str, method: str, url: str, body: Any = "", content_type: str = JSON, environ: Any = None
    ) -> Any:
        self.error = None
        self.count += 1
        with undone():
            response = self.stage.ask(actor, method, url, body, content_type, environ)
            response.getvalue()
        if response.status_code >= 500 and response.status_code != 501:
            self.found.append(f"{method} {url[:200]} {content_type} {str(body)[:80]!r} {environ}: {self.error!r}"[:600])
        return response


@pytest.fixture
def broken(stage: Stage) -> Iterator[Broken]:
    collector = Broken(stage)
    got_request_exception.connect(collector.note)
    yield collector
    got_request_exception.disconnect(collector.note)
    assert collector.count > 50
    assert not collector.found, "\n".join(collector.found)


def actor_of(route: Route) -> str:
    """Who gets furthest at a route."""
    if is_admin(route):
        return "admin"
    row = row_of(route)
    allowed = set().union(*(row.who(method) or () for method in METHODS))
    if route.pattern.startswith(("/accounts/", "/register/")) and "anonymous" in allowed:
        return "anonymous"
    return next((actor for actor in ("wang", "li", "admin") if actor in allowed), "admin")


ODD_IN_A_PATH = [
    "0",
    "-1",
    DIGITS,
    "9" * 4000,
    "9" * 19,
    "%00",
    "%ff",
    "%ed%a0%80",
    "%F0%9F%99%82",
    "x" * 5000,
    "..%2f",
]


@sized
def test_what_is_no_number_and_no_key_in_a_path(stage: Stage, broken: Broken) -> None:
    values = stage.values()
    for at, route in enumerate(route for route in all_routes() if route.holes):
        odds = part(ODD_IN_A_PATH[4:7] if is_admin(route) else ODD_IN_A_PATH, 3, at)
        for hole, odd in itertools.product(route.holes, odds):
            for method in ("GET",) if is_admin(route) else ("GET", "POST"):
                response = broken.send(actor_of(route), method, route.url(values | {hole: odd}))
                assert response.status_code != 200 or route.pattern.startswith(("/admin/", "/accounts/"))


def fields_of(ending: str, kind: type = serializers.Field) -> set[str]:
    """The fields of this kind in our serializers whose name ends like this."""
    made = [one for one in subclasses(serializers.Serializer) if one.__name__.endswith(ending)]
    fields = [item for one in made for item in getattr(one, "_declared_fields", {}).items()]
    return {name for name, field in fields if isinstance(field, kind)}


def parameters() -> tuple[list[str], list[str]]:
    """The names of query parameters that our pages read, and those with all that the sandbox or a body may have."""
    pages, others = fields_of("Query") | {"next", "language", "page", "q"}, fields_of("")
    for app in OUR_MODULES:
        for path in (Path(settings.BASE_DIR) / app.rstrip(".")).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            read = re.findall(r"""(?:GET|query_params)(?:\.get\(|\[)["'](\w+)""", source)
            (others if "sandbox" in path.parts else pages).update(read)
    return sorted(pages), sorted(pages | others)


# As they stand in the address, percent-coded or not at all.
ODD_VALUES = ["%00", "%ff", "%ed%a0%80", DIGITS, "9" * 19, "-1", "1e999", "", "%D9%A1", "\xff\xfe", "%"]


@sized
def test_odd_query_strings(stage: Stage, broken: Broken) -> None:
    values, (names, all_names) = stage.values(), parameters()
    assert {"after", "before", "limit", "case"} <= set(names)
    assert {"since", "seq"} <= set(all_names) - set(names)
    numbers = fields_of("Query", serializers.IntegerField)
    assert {"limit", "case"} <= numbers
    for at, route in enumerate(route for route in all_routes() if not is_admin(route)):
        queries = [
            "&".join(f"{name}={odd}" for name in all_names) for odd in ODD_VALUES[: None if is_ours(route) else 2]
        ]
        if is_ours(route) and row_of(route).GET and actor_of(route) != "anonymous":
            # One by one: what is refused of one must not hide what another breaks.
            queries += [f"{name}={'9' * 19 if name in numbers else '%00'}" for name in names]
            queries += ["after=1&after=%00", "=&&==", "a" * 20_000, "x[]=1&x.y=2", "after[]=1"]
        # An advisor's list of cases has filters that a member's has not.
        actors = {actor_of(route), "li"} if route.pattern == "/messages/" else {actor_of(route)}
        for actor, query in itertools.product(sorted(actors), part(queries, 16, at)):
            broken.send(actor, "GET", route.url(values), environ={"QUERY_STRING": query})


def is_ours(route: Route) -> bool:
    return not route.pattern.startswith(("/accounts/", "/sandbox/", "/admin/"))


FILTERS = [
    "q",
    "p",
    "o",
    "_to_field",
    "_changelist_filters",
    "id__in",
    "state",
    "status__exact",
    "case__id",
    "nonsense",
]


@sized
def test_odd_query_strings_in_the_admin(stage: Stage, broken: Broken) -> None:
    values = stage.values()
    for at, route in enumerate(route for route in all_routes() if is_admin(route) and "_delete" not in route.pattern):
        # Its lists; of the other pages one request each.
        filters = FILTERS if route.pattern.count("/") == 4 and not route.holes else []
        queries = [f"{name}={odd}" for name in filters for odd in ("%00", "9" * 19)] + ["q=%00&_popup=%ed%a0%80"]
        for query in part(queries, 16, at):
            broken.send("admin", "GET", route.url(values), environ={"QUERY_STRING": query})


BODIES = [
    b"",
    b'{"a":',
    b"\xff\xfe",
    b"null",
    b"5",
    b'"x"',
    b"[]",
    b"NaN",
    b"-Infinity",
    DIGITS.encode(),
    b"[" * 100_000,
    b'{"a":' * 20_000,
    rb'{"\ud800": "\udfff"}',
    rb'{"\u0000": "\u0000"}',
    b"=&=&==%00=%ff&%ed%a0%80=1",
    b"a=1&" * 2_000,
    b"--x\r\n",
    b'--x\r\nContent-Disposition: form-data; name="body"\r\n\r\nab',
    b'--x\r\nContent-Disposition: form-data; name="\x00"; filename="\xff/\x00"\r\nContent-Type: \xff\r\n\r\n--x--',
    b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--',
]
CONTENT_TYPES = [
    JSON,
    FORM,
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "application/json; charset=rot13",
    "multipart/form-data; boundary=\xff",
    "nonsense",
    "",
]
# As what a body is sent, by how it begins; as JSON, if not named.
KINDS = {
    b"=&": CONTENT_TYPES[1:2],
    b"a=": CONTENT_TYPES[1:2],
    b"--": CONTENT_TYPES[2:3],
    b"\xff\xfe": CONTENT_TYPES[:3],
}


@sized
def test_bodies_that_are_none(stage: Stage, broken: Broken) -> None:
    values = stage.values()
    for at, route in enumerate(all_routes()):
        takes_any = is_admin(route) or row_of(route).POST is not None
        bodies = BODIES if takes_any and is_ours(route) else BODIES[1:3] if takes_any else BODIES[:1]
        sent = [(body, kind) for body in bodies for kind in (kinds_of(body) if is_ours(route) else [FORM])]
        for body, content_type in part(sent, 16, at):
            broken.send(actor_of(route), "POST", route.url(values), body, content_type)


def kinds_of(body: bytes) -> list[str]:
    return KINDS.get(body[:2], CONTENT_TYPES[:1]) if body else CONTENT_TYPES


ODD: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**18,
    10**30,
    float("nan"),
    [],
    {},
    [[]],
    {"a": 1},
    NUL,
    f"a{NUL}b",
    HALF,
    DIGITS,
]
ODD += ["", " \n\t　", "字" * 6000, "\u202e\u2028\ufeff", "１２３", "<>", "0", "-0", "1e5", "\x7f\x80"]


@sized
def test_each_field_with_values_of_every_kind(stage: Stage, broken: Broken) -> None:
    fields = itertools.count()
    for route in (route for route in all_routes() if not is_admin(route)):
        row = row_of(route)
        for method in (method for method in METHODS[1:] if row.who(method)):
            good = filled(row, stage.values()) or _GUESSES.get(route.pattern, {})
            for name in good:
                sent = [
                    one for odd in (ODD if is_ours(route) else ODD[-12:-4]) for one in _with(route, good, name, odd)
                ]
                for body, content_type in part(sent, 16, next(fields)):
                    broken.send(actor_of(route), method, route.url(stage.values()), body, content_type)


# Forms of libraries: what they ask for.
_GUESSES: dict[str, dict[str, Any]] = {
    "/accounts/login/": {"login": "a@example.com", "password": "x", "next": "/", "remember": "on"},
    "/accounts/password/reset/": {"email": "a@example.com"},
    "/accounts/reauthenticate/": {"password": "x"},
    "/accounts/2fa/totp/activate/": {"code": "123456"},
    "/sandbox/api/say/": {"userid": "LiMing", "text": "x"},
    "/sandbox/api/event/": {"userid": "LiMing", "event": "press", "message": 1, "key": "x"},
    "/sandbox/cgi-bin/webhook/send": {"msgtype": "text", "text": {"content": "x"}, "markdown": {}, "template_card": {}},
    "/sandbox/cgi-bin/message/send": {"touser": "LiMing", "msgtype": "text", "agentid": 1, "text": {"content": "x"}},
    "/sandbox/cgi-bin/message/update_template_card": {"response_code": "x", "agentid": 1, "button": {}, "userids": []},
}


def _with(route: Route, good: dict[str, Any], name: str, odd: Any) -> Iterator[tuple[Any, str]]:
    as_form = row_of(route).form or route.pattern.startswith("/accounts/")
    if not as_form:
        yield json.dumps({**good, name: odd}), JSON
    elif isinstance(odd, str):
        coded = quote(odd.encode("utf-8", "surrogatepass"))
        yield urlencode({key: value for key, value in good.items() if key != name}) + f"&{name}={coded}", FORM


ODD_HEADERS = [
    {"HTTP_HOST": "evil.example"},
    {"HTTP_HOST": "testserver:99999999999"},
    {"HTTP_HOST": "[::1"},
    {"HTTP_HOST": "\xff"},
    {"HTTP_HOST": ""},
    {"HTTP_COOKIE": "session=\xff\x00; csrftoken=;;;"},
    # Cookies may hold any byte, written as an octal number.
    {"HTTP_COOKIE": r'session="aaaaaaaaaaaaaaaa\000bbbbbbbbbbbbbbb"; csrftoken="\000"; django_language="\000"'},
    {"HTTP_COOKIE": f"session={'a' * 32}; csrftoken={'x' * 5000}; django_language={'x' * 5000}; messages={'x' * 5000}"},
    {"HTTP_COOKIE": "messages=.eJx:1:2; django_language=zz-\xff"},
    {"HTTP_ACCEPT_LANGUAGE": "x" * 9000},
    {"HTTP_ACCEPT_LANGUAGE": "zz-\xff, *;q=abc"},
    {"HTTP_ACCEPT": "application/json; indent=99999999999"},
    {"HTTP_X_FORWARDED_FOR": "not an address, " * 50},
    {"HTTP_X_FORWARDED_PROTO": "\xff"},
    {"HTTP_RANGE": f"bytes={DIGITS}-"},
    {"HTTP_RANGE": "bytes=-0"},
    {"HTTP_IF_NONE_MATCH": '"' * 999},
    {"HTTP_IF_MODIFIED_SINCE": "yesterday"},
    {"HTTP_IF_RANGE": "\xff"},
    {"HTTP_REFERER": "http://[", "HTTP_ORIGIN": "http://["},
    {"HTTP_AUTHORIZATION": "Basic \xff"},
    {"CONTENT_LENGTH": "abc"},
    {"CONTENT_LENGTH": "-1"},
    {"HTTP_USER_AGENT": "\xff" * 2000},
    {"REMOTE_ADDR": ""},
    {"REMOTE_ADDR": "unix:"},
]


@sized
def test_odd_headers(stage: Stage, broken: Broken) -> None:
    urls = ["/", "/accounts/login/", "/messages/1001/", "/api/cases/1001/messages/", "/admin/", "/api/wechat/receive"]
    urls += [f"/api/files/{stage.values()['key']}/", "/api/events/", "/no-such-page", "/static/css/jiayi.css"]
    for at, url in enumerate(urls):
        for environ in part(ODD_HEADERS, 5, at):
            broken.send("wang", "GET", url, environ=environ)
            broken.send("anonymous", "POST", url, "", FORM, environ)


ODD_PATHS = [
    "/%00",
    "/%ff",
    "/%ed%a0%80",
    "/" + "a" * 100_000,
    "/messages//1001/",
    "/..",
    "/%2e%2e/x",
]


def test_odd_paths(stage: Stage, broken: Broken) -> None:
    for path, prefix in itertools.product(ODD_PATHS, ("", "/messages", "/api/cases", "/static", "/accounts")):
        assert broken.send("wang", "GET", prefix + path).status_code in {301, 302, 404}
        broken.send("anonymous", "POST", prefix + path, "{}")


def test_a_session_key_of_odd_characters_is_nobodys(stage: Stage) -> None:
    """The live stream reads the cookie itself."""
    for key in ("aaaaaaaaaaaaaaaa\x00bbb", "é" * 32, "' or 1=1 --" * 5):
        assert session_users([key]) == {}
