"""What a request says beyond what the endpoint asks for changes nothing.

The fields are those of the models, forms and serializers, so that a new one is tried by itself.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django import forms
from django.db import models
from rest_framework import serializers

from tests.guards.access import METHODS, Row, is_admin, row_of
from tests.guards.requests import encoded, filled, multipart
from tests.guards.routes import Route, all_routes
from tests.guards.rows import changed, dump, newest_pks
from tests.guards.rows import models as our_models
from tests.guards.stage import Stage, canary
from tests.support.recording import undone
from tests.support.size import part, sized

pytestmark = pytest.mark.django_db

HOSTILE = canary("hostile", "value")
NUMBER = 424242
OLD_TIME = "2001-01-01T00:00:00Z"
OUR_MODULES = ("jiayi.", "members.", "advisors.", "cases.", "wecom.")

# Fields of forms and serializers that name a row, and why what they name cannot be another's. A new one must be added
# here, with the test that shows it.
SELECTORS = {
    "cases.serializers.PageQuery.after": "a seq within the case of the URL",
    "cases.serializers.PageQuery.before": "a seq within the case of the URL",
    "cases.serializers.PageQuery.limit": "a count",
    "cases.serializers.ReadUpTo.seq": "a seq within the case of the URL; never past the newest (test_reading.py)",
    "cases.serializers.PageQuery.around": "a seq within the case of the URL",
    "cases.serializers.PlaceQuery.after": "a seq within the case of the URL",
    "cases.serializers.PlaceQuery.around": "a seq within the case of the URL",
    "cases.serializers.PlaceQuery.at": "a seq within the case of the URL",
    "cases.serializers.PlaceQuery.before": "a seq within the case of the URL",
    "cases.serializers.PlaceQuery.limit": "a count",
    "cases.serializers.NotesQuery.after": "a note within the case of the URL",
    "cases.serializers.NotesQuery.before": "a note within the case of the URL",
    "cases.serializers.NotesQuery.limit": "a count",
    "cases.record.views.FilesQuery.before": "a seq within the case of the URL",
    "cases.record.views.PrintQuery.first": "a seq within the case of the URL",
    "cases.serializers.CasesQuery.open": "a case of the own list",
    "cases.serializers.CasesQuery.limit": "a count",
    "cases.desk.filters.DeskQuery.cases": "a count",
    "cases.search.serializers.SearchPlaceQuery.case": "case_for, as in a URL",
    "cases.search.serializers.SearchPlaceQuery.before": "a cursor within what one may see",
    "cases.search.serializers.SearchPlaceQuery.limit": "a count",
    "cases.search.serializers.SearchQuery.case": "case_for, as in a URL",
    "cases.search.serializers.SearchQuery.before": "a cursor within what one may see",
    "cases.search.serializers.SearchQuery.limit": "a count",
    "cases.desk.api.NewHandOver.advisor": "an approved advisor; hand_over_case checks",
    "cases.desk.forms.HandOverForm.advisor": "one of possible_successors",
    "wecom.admin.inbound.HeldForm.case_number": "administrators; a case of the sender (wecom/inbound/test_commands.py)",
}

Writable = tuple[Route, Row, str]


def writable() -> list[Writable]:
    """The endpoints that write something, with the method that does it."""
    found = []
    for route in all_routes():
        row = None if is_admin(route) else row_of(route)
        if row is None or row.sends is None:
            continue
        found += [(route, row, method) for method in METHODS[1:] if row.who(method)]
    return found


def test_every_endpoint_of_ours_that_writes_says_what_it_takes() -> None:
    libraries = ("/accounts/", "/sandbox/", "/api/wechat/")
    silent = [
        route.pattern
        for route in all_routes()
        if not is_admin(route) and not route.pattern.startswith(libraries)
        if row_of(route).sends is None and any(row_of(route).who(method) for method in METHODS[1:])
    ]
    assert not silent, (
        "give these `sends` in tests/guards/access.py: a request that succeeds, with every field it takes"
    )


def sent(stage: Stage, one: Writable, actor: str, body: Any, content_type: str, query: str = "") -> Any:
    """Send it; give the answer and what changed in the database."""
    route, _row, method = one
    with undone():
        if stage.before is None:  # the same for all: what is sent is undone
            stage.before = (pks := newest_pks()), dump(pks)
        known, before = stage.before
        url = route.url(stage.values()) + (f"?{query}" if query else "")
        response = stage.ask(actor, method, url, body, content_type)
        return response, changed(before, dump(known))


def an_actor(row: Row, method: str) -> str:
    """Somebody whom the row lets in; a stranger where it is for strangers too."""
    who = row.who(method) or frozenset()
    return next(actor for actor in ("anonymous", "li", "wang", "zhang", "admin") if actor in who)


# What they change is a cookie, a time or a password: blotted out in rows.py.
CHANGE_NO_ROW = {
    "/profile/",
    "/api/cases/<int:number>/typing/",
    "/api/cases/<int:number>/reopen/",
    "/i18n/setlang/",
    "/api/active/",
    "/accounts/password/change/",
}


@sized
def test_the_good_request_of_each_row_is_one(stage: Stage) -> None:
    for at, one in enumerate(writable()):
        route, row, method = one
        for actor in part(sorted(row.who(method) or ()), 3, at):
            data = filled(row, stage.values())
            response, written = sent(stage, one, actor, *encoded(data, form=row.form))
            away = route.pattern.startswith("/register/") and actor != "anonymous"
            assert response.status_code in {200, 201, 204, 302}, (route.pattern, actor, response.content)
            assert written or away or route.pattern in CHANGE_NO_ROW, (route.pattern, actor)


def hostile_fields(stage: Stage, variant: int) -> dict[str, Any]:
    """A value for every field of every model: something one would like to be true, or that is another's."""
    found: dict[str, Any] = {"role": "advisor", "me": True, "case_id": stage.cases["lin"].pk, "reply_to": 1}
    for model in our_models():
        for field in model._meta.get_fields():
            found.setdefault(field.name, _hostile(field, variant))
            if isinstance(field, models.ForeignKey):
                found[field.attname] = found[field.name]
    return found


def _hostile(field: Any, variant: int) -> Any:
    if field.is_relation:
        # What is another's: the first and the last of them.
        rows = field.related_model._default_manager.order_by("pk" if variant else "-pk")
        return rows.values_list("pk", flat=True).first() or 1
    if field.choices:
        return [value for value, _label in field.choices][-1 if variant else 0]
    if isinstance(field, models.BooleanField):
        return True
    if isinstance(field, models.IntegerField):
        return NUMBER
    if isinstance(field, models.DateTimeField):
        return OLD_TIME
    if isinstance(field, models.TimeField):
        return "01:01"
    return HOSTILE


def encodings(row: Row, good: dict[str, Any], more: dict[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """The good request with more fields in it, in each way to send fields: body, content type, query string."""
    yield *encoded({**more, **good}, form=row.form), ""
    yield *multipart({**more, **good}), ""
    yield *encoded(good, form=row.form), urlencode(more)
    yield *encoded(more, form=row.form), urlencode(good)


@sized
@pytest.mark.parametrize("variant", [0, 1])
def test_fields_that_nobody_asked_for_are_ignored_or_refused(stage: Stage, variant: int) -> None:
    tried = hostile_fields(stage, variant)
    assert {"is_staff", "is_superuser", "status", "sender", "source", "seq", "created_at", "wecom_userid"} <= set(tried)
    for at, one in enumerate(writable()):
        route, row, method = one
        good = filled(row, stage.values())
        actor = an_actor(row, method)
        more = {name: value for name, value in tried.items() if name not in good and name not in row.also}
        _response, plainly = sent(stage, one, actor, *encoded(good, form=row.form))
        ways = list(encodings(row, good, more))
        for body, content_type, query in part(ways if variant == 0 else ways[:2], 2, at + variant):
            response, written = sent(stage, one, actor, body, content_type, query)
            assert response.status_code < 500
            assert written in (plainly, []), (route.pattern, content_type, query)
            assert "zqlin0" not in response.getvalue().decode(errors="replace")


def foreign_values(stage: Stage) -> list[Any]:
    """What names things of lin's: her case's number, message, file, primary keys."""
    values = stage.values("lin")
    found: list[Any] = [values[name] for name in ("number", "seq", "key", "id", "object_id")]
    return found + [int(value) for value in found if value.isdigit()] + [stage.people["lin"].pk]


@sized
@pytest.mark.parametrize("actor", ["wang", "li"])
def test_what_a_field_names_is_never_anothers(stage: Stage, actor: str) -> None:
    for at, one in enumerate(writable()):
        route, row, method = one
        if actor not in (row.who(method) or ()):
            continue
        good = filled(row, stage.values())
        for name, value in good.items():
            if not isinstance(value, int) and not str(value).isdigit():
                continue
            for foreign in part(foreign_values(stage), 3, at):
                body = encoded({**good, name: foreign}, form=row.form)
                response, written = sent(stage, one, actor, *body)
                said = response.getvalue().decode(errors="replace")
                assert "zqlin0" not in said, (route.pattern, name, foreign)
                assert not [change for change in written if "zqlin0" in change], (route.pattern, name, foreign)


def subclasses(one: type) -> Iterator[type]:
    child: type
    for child in one.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_field_that_names_a_row_is_accounted_for() -> None:
    names_a_row = (
        serializers.IntegerField,
        serializers.UUIDField,
        serializers.RelatedField,
        serializers.ListField,
        forms.IntegerField,
        forms.UUIDField,
        forms.ModelChoiceField,
    )
    found = set()
    for made in {*subclasses(serializers.Serializer), *subclasses(forms.BaseForm)}:
        if made.__module__.startswith(OUR_MODULES):
            fields = getattr(made, "_declared_fields", {}) | getattr(made, "base_fields", {})
            # DRF's TimeField and the like are no selectors; forms.FloatField is an IntegerField and none either.
            found |= {
                f"{made.__module__}.{made.__qualname__}.{name}"
                for name, field in fields.items()
                if isinstance(field, names_a_row)
            }
    assert found == set(SELECTORS), "say in SELECTORS why the row that this field names cannot be another's"
