"""What is true of every route of the site. The routes are taken from the URL resolver, so a new one is in here too."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from jiayi import __version__
from tests.support.people import World, says, signed_in
from tests.support.size import part, sized

pytestmark = pytest.mark.django_db

CALLBACK = "/api/wechat/receive"
REMINDERS_OFF = "/profile/reminders-off/x/"  # programs of mail providers post there (RFC 8058); its token decides
SANDBOX = "/sandbox/"
SAMPLES = {"number": "1001", "seq": "1", "object_id": "1", "content_type_id": "1", "app_label": "cases"}
SAMPLES["pk"] = "1"
SAMPLES["key"] = "00000000-0000-0000-0000-000000000000"

# What a stranger sees instead of being sent away. A route that is not named here must not answer a stranger with 200.
PUBLIC = {
    "/",
    "/healthz",
    "/register/",
    "/register/advisor/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/accounts/confirm-email/",
    f"/accounts/confirm-email/{SAMPLES['key']}/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    f"/accounts/password/reset/key/x-{SAMPLES['key']}/",
    "/accounts/password/reset/key/done/",
}


class Route(NamedTuple):
    url: str
    view: Callable[..., Any]


def routes() -> list[Route]:
    """Every route of the site but the sandbox's, with something to fill its holes."""
    return [route for route in _walk(get_resolver(), "/") if not route.url.startswith(SANDBOX)]


def _walk(resolver: URLResolver, prefix: str) -> Iterator[Route]:
    for one in resolver.url_patterns:
        path = prefix + _fill(str(one.pattern))
        if isinstance(one, URLPattern):
            yield Route(path, one.callback)
        else:
            yield from _walk(one, path)


def _fill(pattern: str) -> str:
    """`<int:number>` and `(?P<key>…)` become a value, the rest of a regular expression goes."""
    pattern = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda hole: SAMPLES.get(hole[1], "x"), pattern)
    pattern = re.sub(r"<(?:\w+:)?(\w+)>", lambda hole: SAMPLES.get(hole[1], "x"), pattern)
    return pattern.removeprefix("^").removesuffix("$").removesuffix("\\Z").replace("\\", "")


def test_the_walk_meets_the_routes_of_the_site() -> None:
    urls = {route.url for route in routes()}
    assert {"/", "/register/", "/messages/1001/", "/api/cases/1001/messages/", "/admin/cases/case/1/change/"} <= urls
    assert {"/accounts/login/", "/accounts/2fa/", "/healthz", "/api/events/"} <= urls
    assert len(urls) > 60


def test_no_route_answers_a_stranger_but_the_public_ones() -> None:
    client, opened = Client(), set()
    for route in routes():
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            status = client.generic(method, route.url).status_code
            assert status < 500, (method, route.url)
            if status < 300 and method == "GET":
                opened.add(route.url)
    assert opened == PUBLIC


def test_a_stranger_gets_nothing_of_the_api_but_a_401() -> None:
    for route in routes():
        if route.url.startswith("/api/") and route.url != CALLBACK:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                assert Client().generic(method, route.url).status_code == 401, (method, route.url)


WALKERS = ["wang", "li", "chen", "gone", "admin"]


@sized
@pytest.mark.without_wecom
@pytest.mark.parametrize("name", WALKERS)
def test_no_route_breaks_for_anybody_or_shows_a_case_of_others(world: World, name: str) -> None:
    says(world.other_case, world.lin, "我的护照号是 G12345678")
    client, may_see_it = signed_in(getattr(world, name)), name in {"li", "admin"}
    urls = sorted({url for route in routes() for url in (route.url, route.url.replace("1001", "1002"))})
    # In the small size a library's page is asked for by one or two of them, each of ours by all.
    theirs = [url for url in urls if url.startswith(("/admin/", "/accounts/"))]
    some_of_theirs = part(theirs, 3, WALKERS.index(name))
    for url in [*(url for url in urls if url not in theirs), *some_of_theirs]:
        if "logout" in url:
            continue
        # 501: the live stream is not served by this synchronous test client, but by jiayi/asgi.py.
        assert client.post(url).status_code < 500, url
        page = client.get(url)
        assert page.status_code < 500 or (page.status_code, url) == (501, "/api/events/"), url
        secrets = () if may_see_it else ("G12345678", "配偶团聚移民", "lin@example.com", "林芳")
        assert not any(secret in page.content.decode() for secret in secrets), url


def test_only_wecoms_callback_and_the_way_out_of_e_mails_take_requests_without_csrf_protection() -> None:
    def is_exempt(view: Callable[..., Any]) -> bool:
        # DRF's views say so too, because its session authentication checks the token instead (see the next test).
        return bool(getattr(view, "csrf_exempt", False)) and not hasattr(view, "cls")

    exempt = {route.url for route in routes() if is_exempt(route.view)}
    assert exempt == {REMINDERS_OFF, *({CALLBACK} if apps.is_installed("wecom") else ())}


def test_every_other_route_refuses_to_change_anything_without_a_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.admin)
    others = [route.url for route in routes() if route.url not in {CALLBACK, REMINDERS_OFF}]
    for url in others:
        assert client.post(url, {"a": "b"}).status_code == 403, url
    for url in (url for url in others if url.startswith("/api/")):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.generic(method, url, b"{}", content_type="application/json").status_code == 403
            assert client.generic(method, url, b"{}", content_type="text/plain").status_code in {403, 415}


def test_a_csrf_token_of_ours_sent_from_another_site_is_refused(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.wang.user)
    token = client.get("/messages/1001/").cookies["csrftoken"].value

    def write(client_id: str, **headers: str) -> int:
        body = {"body": "您好", "client_id": client_id}
        headers |= {"X-CSRFToken": token}
        path = "/api/cases/1001/messages/"
        return client.post(path, body, content_type="application/json", headers=headers).status_code

    assert write("a", Origin="https://evil.example") == write("b", Origin="null") == 403
    assert write("c", Origin="http://testserver") == write("d") == 201


WRITES = re.compile(r"INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|.*pg_notify|.*FOR UPDATE", re.IGNORECASE | re.DOTALL)


@pytest.mark.once
@pytest.mark.parametrize("name", ["wang", "li"])
def test_looking_writes_nothing(world: World, name: str) -> None:
    says(world.case, world.wang, "您好")
    says(world.case, world.li, "您好")
    client = signed_in(getattr(world, name))
    ours = [route.url for route in routes() if not route.url.startswith(("/admin/", "/accounts/"))]
    assert len(ours) >= 14
    for url in [*ours, "/messages/1001/?before=2", "/api/cases/1001/messages/?after=0"]:
        with CaptureQueriesContext(connection) as captured:
            client.get(url)
            client.head(url)
        assert [q["sql"] for q in captured.captured_queries if WRITES.match(q["sql"])] == [], url


def test_a_post_that_writes_is_seen_by_the_spy_above(world: World) -> None:
    with CaptureQueriesContext(connection) as captured:
        signed_in(world.wang).post("/messages/1001/", {"body": "您好", "client_id": "a"})
    assert [q for q in captured.captured_queries if WRITES.match(q["sql"])]


def test_every_page_carries_the_headers_that_protect_it(world: World) -> None:
    pages = [
        Client().get("/"),
        Client().get("/no-such-page"),
        Client().get("/messages/"),
        signed_in(world.wang).get("/messages/1001/"),
        signed_in(world.wang).get("/api/cases/"),
        signed_in(world.admin).get("/admin/"),
    ]
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert "camera=(self)" in page.headers["Permissions-Policy"]
        assert "no-store" in page.headers["Cache-Control"]


def test_the_health_check_says_whether_the_database_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")

    def unreachable() -> None:
        raise OperationalError("password of the database")

    monkeypatch.setattr(connection, "cursor", unreachable)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "database unreachable", "version": __version__})
