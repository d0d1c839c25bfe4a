"""Every route × method × actor is as the access table says, and what one may not see does not exist."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from tests.guards.access import (
    ACCESS,
    ADMIN_FOR_ALL_STAFF,
    ADMIN_FOR_STRANGERS,
    EVERYBODY,
    METHODS,
    NOBODY,
    Row,
    is_admin,
    row_of,
)
from tests.guards.requests import send_good, written
from tests.guards.routes import Route, all_routes
from tests.guards.stage import ACTORS, NEVER, Stage
from tests.support.recording import undone
from tests.support.size import part, size, sized

pytestmark = pytest.mark.django_db


def ours() -> list[Route]:
    return [route for route in all_routes() if not is_admin(route)]


def outcome(response: Any) -> str:
    """What became of a request, in the words of the access table."""
    status = response.status_code
    if status in {301, 302} and "/login/" in response.headers["Location"].partition("?")[0]:
        return "sign in"
    if status >= 500 and status != 501:  # 501: no live stream without asyncio
        return "broken"
    return {401: "sign in", 403: "forbidden", 404: "gone", 405: "no such method"}.get(status, "let in")


def expected(row: Row, method: str, actor: str) -> set[str]:
    who = row.who(method)
    if who is not None and actor in who:
        return {"let in"}
    if actor == "anonymous":
        return {"sign in", "gone"} if who == NOBODY else {"sign in"}
    return {"gone"}


def seen(response: Any, url: str) -> tuple[object, ...]:
    """All of an answer but what differs from one request to the next: the path asked for and random tokens."""
    body = response.getvalue().decode(errors="replace").replace(url, "PATH")
    body = re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"|nonce="[^"]+"', "", body)
    headers = sorted((name, value.replace(url, "PATH")) for name, value in response.headers.items())
    return response.status_code, headers, sorted(response.cookies), body


def test_the_table_knows_every_route_and_no_other() -> None:
    for route in ours():
        row_of(route)
    gone = set(ACCESS) - {route.pattern for route in ours()}
    assert not gone, "rows of tests/guards/access.py whose route is no more"


def test_everybody_gets_what_the_table_says_and_a_refused_request_writes_nothing(stage: Stage) -> None:
    values, wrong = stage.values(), []
    for route, actor in itertools.product(ours(), ACTORS):
        row = row_of(route)
        # To the libraries' pages all who are signed in are the same.
        if route.pattern.startswith(("/accounts/", "/sandbox/")) and actor not in ("anonymous", "wang", "admin"):
            continue
        for method in METHODS:
            if row.who(method) is None:
                continue
            response, statements = send_good(stage, actor, method, route, values)
            got = outcome(response)
            if got not in expected(row, method, actor) or (got != "let in" and statements):
                wrong.append((method, route.pattern, actor, response.status_code, statements))
    assert not wrong


@sized
def test_what_the_table_does_not_let_a_method_do_changes_nothing(stage: Stage) -> None:
    values, wrong = stage.values(), []
    routes = [route for route in ours() if not route.pattern.startswith(("/accounts", "/sandbox"))]
    for at, route in enumerate(routes):
        methods = [one for one in ("HEAD", "OPTIONS", "BREW", *METHODS) if getattr(row_of(route), one, None) is None]
        asking = itertools.product(("anonymous", "wang", "li", "admin"), methods)
        for actor, method in part(asking, 3, at):
            response, statements = send_good(stage, actor, method, route, values)
            if statements or outcome(response) == "broken":
                wrong.append((method, route.pattern, actor, response.status_code, statements))
    assert not wrong


@sized
def test_a_foreign_object_is_answered_like_a_number_never_used(stage: Stage) -> None:
    """That everybody is refused everywhere is shown above; how the refusal looks, to some of them at each route."""
    values, never, compared = stage.values(), stage.values() | NEVER, 0
    routes = [route for route in ours() if route.holes and not route.pattern.startswith("/accounts/")]
    for at, (route, method) in enumerate(itertools.product(routes, METHODS)):
        refused = [actor for actor in ACTORS if actor not in (row_of(route).who(method) or ())]
        for actor in part(refused, 3, at):
            foreign, unused = (send_good(stage, actor, method, route, one)[0] for one in (values, never))
            assert seen(foreign, route.url(values)) == seen(unused, route.url(never)), (method, route.pattern, actor)
            compared += 1
    assert compared > size(100, 200)


def swapped(stage: Stage, route: Route, own: str, foreign: str) -> Iterator[dict[str, str]]:
    """Each way to fill the holes with one's own and foreign things mixed, and at least one foreign."""
    mine, theirs = stage.values(own), stage.values(foreign)
    for choice in itertools.product((mine, theirs, NEVER), repeat=len(route.holes)):
        if any(one is not mine for one in choice):
            yield mine | {hole: one[hole] for hole, one in zip(route.holes, choice, strict=True)}


@pytest.mark.parametrize(
    ("actor", "own", "foreign"), [("wang", "wang", "lin"), ("li", "wang", "lin"), ("zhang", "lin", "wang")]
)
def test_ones_own_case_opens_no_way_to_what_is_anothers(stage: Stage, actor: str, own: str, foreign: str) -> None:
    tried = 0
    for route in ours():
        if not route.holes or route.pattern.startswith("/accounts/"):
            continue
        # What is for everybody who has the address (a link in an e-mail) is nobody's in particular.
        for method in (method for method in METHODS if row_of(route).who(method) not in (None, EVERYBODY)):
            for values in swapped(stage, route, own, foreign):
                response, statements = send_good(stage, actor, method, route, values)
                assert (outcome(response), statements) == ("gone", []), (method, route.url(values))
                assert f"zq{foreign}0" not in response.getvalue().decode(errors="replace")
                tried += 1
    assert tried >= 20


@sized
def test_the_admin_is_closed_to_all_but_staff_and_empty_to_staff_without_a_permission(stage: Stage) -> None:
    values, wrong = stage.values(), []
    for at, (route, method) in enumerate(itertools.product(filter(is_admin, all_routes()), ("GET", "POST"))):
        # In the small size each is asked by staff and by one of the strangers, and some by an administrator.
        for actor in ("staff", *part(("anonymous", "li"), 2, at), *(("admin",) if at % size(4, 1) == 0 else ())):
            with undone(), written() as statements:
                response = stage.ask(actor, method, route.url(values), "", "application/x-www-form-urlencoded")
            got = outcome(response)
            if actor == "admin":  # what a superuser may do: tests/*/test_admin.py
                right = got != "broken"
            elif actor == "staff":
                # 302: Django looks for the object first, and sends to the front page when there is none.
                right = got in {"forbidden", "gone", "no such method"} or response.status_code == 302
                right = right or route.pattern in ADMIN_FOR_ALL_STAFF
            else:
                right = got == "sign in" or route.pattern in ADMIN_FOR_STRANGERS
            if not right or (statements and actor != "admin" and route.pattern != "/admin/logout/"):
                wrong.append((method, route.pattern, actor, response.status_code, statements))
    assert not wrong


def test_pages_send_a_stranger_to_the_sign_in_page_and_back(stage: Stage) -> None:
    values = stage.values()
    for url in (route.url(values) for route in ours() if not route.pattern.startswith("/accounts/")):
        if outcome(response := stage.ask("anonymous", "GET", url)) == "sign in":
            if url.startswith("/api/"):
                assert (response.status_code, set(response.json())) == (401, {"detail"})
            else:
                assert response.headers["Location"] == f"{reverse('account_login')}?next={url}"
