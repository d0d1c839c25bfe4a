"""Everybody finds only what is theirs, in every page, answer and live event, and no cache may keep it."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.conf import settings

from advisors.models import Advisor
from cases.live.shows import shows
from cases.models import Case, Note
from tests.guards.access import ACCESS, ADVISORS, METHODS, is_admin, row_of
from tests.guards.requests import send_good
from tests.guards.routes import Route, all_routes
from tests.guards.stage import ACTORS, SAID_EVERYWHERE, Stage, canaries, canary
from tests.support.size import part, sized

pytestmark = pytest.mark.django_db


def conversation(member: str, case: str, *advisors: str) -> set[str]:
    """The canaries of one case: what its member (there called by the case) and its advisors said, and who they are."""
    said = {f"{who}.{what}" for who in (case, *advisors) for what in ("said", "tail")}
    return (
        said | {f"{case}.{what}" for what in ("title", "png", "pdf")} | {f"{who}.name" for who in (member, *advisors)}
    )


def own(actor: str) -> set[str]:
    return {f"{actor}.{what}" for what in ("name", "mail", "wecom", "client")}


WANGS, LINS = conversation("wang", "wang", "ex", "li"), conversation("lin", "lin", "zhang")
MAY_SEE: dict[str, set[str]] = {
    "anonymous": set(),
    "wang": own("wang") | WANGS | conversation("wang", "fourth") | {"fourth.client"},
    "lin": own("lin") | LINS | conversation("lin", "third", "suspended") | {"third.client"},
    "pending": own("pending"),
    # Whoever follows a case sees the member's address, all notes of it, and whom it can be handed over to.
    "zhang": own("zhang") | LINS | {"lin.mail", "zhang.note", "zhang.reply", "shared.reply", "ex.name", "li.name"},
    "li": own("li")
    | WANGS
    | {"wang.mail", "ex.note", "ex.reason", "li.note", "li.reply", "shared.reply", "zhang.name"},
    # Not even the notes they wrote themselves.
    "ex": own("ex") | {"ex.reply", "shared.reply"},
    "suspended": own("suspended"),
    "staff": own("staff"),
    # Who everybody is, which cases there are and which replies are shared; not a word of what is said or noted.
    "admin": {"shared.reply"}
    | {f"{who}.{what}" for who in ACTORS for what in ("name", "mail", "wecom")}
    | {f"{case}.title" for case in ("wang", "lin", "third", "fourth")},
}
# What they must really have been shown, or the crawl saw nothing.
MUST_SEE = {
    "anonymous": set(),
    "wang": own("wang") - {"wang.wecom"} | {"wang.tail", "li.tail", "ex.tail", "wang.pdf", "fourth.title", "li.name"},
    "lin": {"lin.mail", "lin.tail", "zhang.tail", "third.title"},
    "pending": {"pending.name", "pending.mail"},
    "zhang": {"lin.tail", "zhang.tail", "lin.title", "zhang.note", "zhang.reply", "shared.reply", "zhang.mail"},
    "li": {"wang.tail", "li.tail", "wang.png", "wang.name", "ex.note", "ex.reason", "li.note", "li.reply"}
    | {"shared.reply", "wang.mail", "li.mail", "zhang.name"},
    "ex": {"ex.reply", "shared.reply", "ex.mail"},
    "suspended": {"suspended.name", "suspended.mail"},
    "staff": {"staff.name"},
    "admin": {"lin.title", "pending.mail", "zhang.wecom", "shared.reply"},
}
MODELS = {(model._meta.app_label, model._meta.model_name): model for model in apps.get_models()}
PUBLIC = {pattern for pattern, row in ACCESS.items() if row.public}
# A parameter of any of these names that finds something by its text or its number.
WORDS = ("q", "query", "search", "s", "term", "text")
NUMBERS = ("case", "number", "id", "member", "user", "before", "after", "around", "at")

# The names in JSON (docs/api.md). A new one is added here on purpose, for those who may see it.
MESSAGE_KEYS = {"id", "seq", "kind", "body", "sender", "name", "role", "me", "source", "created_at", "client_id"}
MESSAGE_KEYS |= {"recalled", "attachment", "size", "content_type", "url", "thumbnail", "width", "height"}
CASE_KEYS = {"number", "title", "status", "member", "advisor", "online", "last_message", "waiting_since", "unread"}
CASE_KEYS |= {"peer_read_seq", "notified_seq", "notified_at", "notifying", "state"}
CASE_KEYS |= {"cases", "results", "before", "searched_to", "case", "snippet", "text", "match"}  # of a search
KEYS = MESSAGE_KEYS | CASE_KEYS | {"messages", "has_more", "detail", "status", "worker", "version"}
ADVISORS_KEYS = {"notes", "author", "handed_to", "shortcut", "shared", "email"}  # of answers to advisors only
LIVE_KEYS = {"at", "note", "state", "author", "handed_to", "case", "message", "seq", "me", "online"}


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys_of(one) for one in value.values()))
    return set().union(*(keys_of(one) for one in value)) if isinstance(value, list) else set()


def text_of(response: Any) -> str:
    """Everything of an answer: headers, cookies, body."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return f"{headers}\n{response.cookies}\n{response.getvalue().decode(errors='replace')}"


HAVE_CASES = ("wang", "lin", "zhang", "li", "ex")


def crawled(stage: Stage, actor: str) -> Iterator[tuple[str, Any]]:
    """Every GET of every route with the things of every case, and searches for the first half of what is said.

    In the small size, at each route and for each actor, some of these: of the cases always wang's and lin's for those
    who have one of them.
    """
    cases = [stage.values(name) for name in stage.cases]
    for at, route in enumerate(all_routes(), ACTORS.index(actor)):
        if is_admin(route):
            objects = sorted(admin_urls(route, cases[0])) if actor in ("staff", "admin") else []
            urls = set(part(objects, 8, at))
        elif route.pattern.startswith(("/sandbox/", "/accounts/")):
            continue
        else:
            some_cases = cases[:2] + part(cases[2:], 2, at) if actor in HAVE_CASES else part(cases, 2, at)
            urls = {route.url(values) for values in some_cases} | set(part(searches(route.url(cases[0])), 2, at))
        for url in sorted(urls):
            yield url, stage.ask(actor, "GET", url)


def searches(url: str) -> list[str]:
    """By another's number, and by another's words, which would be refused together with a number that is none."""
    number, words = dict.fromkeys(WORDS + NUMBERS, "1002"), dict.fromkeys(WORDS, canary("lin", "said"))
    return [f"{url}?{urlencode(query)}" for query in (number, words)]


def admin_urls(route: Route, values: dict[str, str]) -> set[str]:
    """With every object that the route's model has, and every case for those that belong to no model."""
    _admin, app, model = (route.pattern.strip("/").split("/") + ["", ""])[:3]
    if not route.holes or "object_id" not in route.holes or (app, model) not in MODELS:
        return {route.url(values)}
    pks = MODELS[app, model]._default_manager.values_list("pk", flat=True)
    return {route.url(values | {"object_id": str(pk)}) for pk in pks}


@sized
@pytest.mark.parametrize("actor", ACTORS)
def test_everybody_sees_only_what_is_theirs_and_no_cache_keeps_it(stage: Stage, actor: str) -> None:
    found: set[str] = set()
    for url, response in crawled(stage, actor):
        shown = canaries(text_of(response))
        if canary("lin", "said") in url:
            shown -= {"lin.said"}  # a page may repeat what was searched for
        assert shown <= MAY_SEE[actor], (url, sorted(shown - MAY_SEE[actor]))
        if actor != "anonymous" and url.partition("?")[0] not in PUBLIC:
            kept = response.headers["Cache-Control"]
            is_file = response.status_code == 200 and "/api/files/" in url
            assert ("private" if is_file else "no-store") in kept, url
            assert "public" not in kept, url
        # An error names the fields that are wrong; those are the asker's own words.
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        if is_json and response.status_code < 400 and not url.startswith("/admin/"):
            assert keys_of(json.loads(response.content)) <= KEYS | (ADVISORS_KEYS if actor in ADVISORS else set()), url
        found |= shown
    assert found >= MUST_SEE[actor]


def test_a_search_finds_only_what_the_asker_reads_in_a_conversation(stage: Stage) -> None:
    finds = {"wang": {"wang.tail", "li.tail", "fourth.tail"}, "lin": {"lin.tail", "third.tail"}, "zhang": {"lin.tail"}}
    finds["li"] = {"wang.tail", "ex.tail"}
    numbers = ["", *(f"&case={case.number}" for case in stage.cases.values())]
    for actor in ACTORS:
        found = set()
        for place, path in itertools.product(numbers, ("/api/search/?limit=50&", "/messages/search/?")):
            text = text_of(stage.ask(actor, "GET", f"{path}q={SAID_EVERYWHERE}{place}"))
            found |= canaries(text)
        assert found <= MAY_SEE[actor], actor
        # Neither for those who may see them elsewhere: what is noted is no message.
        assert not {one for one in found if one.endswith((".note", ".reason", ".reply", ".recalled", ".client"))}
        assert found >= finds.get(actor, set())


def test_admin_lists_find_nothing_by_what_is_said_in_a_case(stage: Stage) -> None:
    for route in (route for route in all_routes() if is_admin(route) and route.pattern.count("/") == 4):
        for word in () if route.holes else ("said", "pdf", "inbound"):
            text = text_of(stage.ask("admin", "GET", f"{route.pattern}?{urlencode({'q': canary('wang', word)[:-2]})}"))
            assert not re.search("said|pdf|inbound", " ".join(canaries(text))), route.pattern


def event_types() -> set[str]:
    """The types of event that our code tells open pages about."""
    folders = [Path(settings.BASE_DIR) / app for app in ("cases", "advisors", "members")]
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py")]
    return {kind for source in sources for kind in re.findall(r'"type": "(\w+)"', source)}


def events(case: Case, stage: Stage) -> Iterator[dict[str, Any]]:
    """Each type of event about each message and note of a case, told to everybody: showing it decides who sees it."""
    everybody = [user.pk for user in stage.people.values()]
    about = {"case": case.pk, "users": everybody, "user": case.member.user_id, "advisor": case.advisor_id or 0, "id": 1}
    for kind in event_types():
        for seq in range(1, case.last_seq + 1):
            yield {**about, "type": kind, "seq": seq, "note": 0}
    for note in Note.objects.filter(case=case):
        yield {**about, "type": "note", "note": note.pk}


def test_the_live_stream_shows_everybody_only_what_is_theirs(stage: Stage) -> None:
    assert {"message", "read", "presence", "case", "note", "typing", "notified"} <= event_types()
    names = {user.pk: name for name, user in stage.people.items()}
    shown: set[tuple[str, str]] = set()
    noted: set[str] = set()
    for case in stage.cases.values():
        for event in events(case, stage):
            for user, kind, data in shows(event, set(names)):
                actor, text = names[user], json.dumps(data)
                assert canaries(text) <= MAY_SEE[actor], (kind, actor)
                assert keys_of(data) <= LIVE_KEYS | MESSAGE_KEYS, kind
                if "case" in data:
                    assert data["case"] in visible_numbers(stage, actor), (kind, actor)
                shown.add((actor, kind))
                noted |= canaries(text) if kind == "note" else set()
    assert {("wang", "message"), ("li", "message"), ("lin", "read"), ("wang", "presence")} <= shown
    assert {actor for actor, kind in shown if kind == "note"} == {"li", "zhang"}  # who follow a case now
    assert noted >= {"ex.note", "ex.reason", "li.note", "zhang.note"}
    assert not [one for one in shown if one[0] in ("staff", "admin", "pending", "suspended", "ex") and one[1] != "case"]


def visible_numbers(stage: Stage, actor: str) -> set[int]:
    mine = Case.objects.filter(member__user=stage.people[actor])
    followed = Case.objects.filter(advisor__user=stage.people[actor], advisor__status=Advisor.Status.APPROVED)
    return {case.number for case in (mine | followed)}


def test_a_write_answers_with_nothing_of_others(stage: Stage) -> None:
    """What test_access.py sends is refused; here what comes back from it, and from what is let in, is read."""
    for route in (route for route in all_routes() if not is_admin(route) and row_of(route).sends is not None):
        for actor in ACTORS:
            for method in (method for method in METHODS[1:] if row_of(route).who(method)):
                response, _written = send_good(stage, actor, method, route, stage.values())
                assert canaries(text_of(response)) <= MAY_SEE[actor], (route.pattern, actor)
                assert "no-store" in response.headers["Cache-Control"]
