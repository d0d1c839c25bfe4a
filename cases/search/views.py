"""Searching one's conversations: for the page's script, and as a page of its own for those without."""

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.limits import limit_searches
from cases.models import Case
from cases.queries import case_for
from cases.search.queries import MAX_QUERY, SearchPlaceQuery, SearchQuery, found_json, search_cases, search_messages
from jiayi.errors import Gone, TooMany
from jiayi.folding import words_of
from members.models import User
from members.requests import SignedInRequest


class Search(APIView):
    def get(self, request: SignedInRequest) -> Response:
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(_answer(request.user, **query.validated_data))


def _answer(
    user: User, q: str, *, limit: int = 20, case: int | None = None, before: int | None = None
) -> dict[str, Any]:
    """What the API answers. Cases by their number or title stand only before everything else. Raises TooMany."""
    within = case_for(user, case) if case is not None else None
    limit_searches(user)
    found = search_messages(user, q, case=within, before=before, limit=limit)
    cases = search_cases(user, q) if within is None and before is None else []
    words = words_of(q)
    return {
        "cases": cases,
        "results": [found_json(message, user, words) for message in found.messages],
        "before": found.before,
        "searched_to": found.searched_to.isoformat() if found.searched_to else None,
    }


@login_required
@require_GET
def search_page(request: HttpRequest) -> HttpResponse:
    """The results as a page. Without words it has only the form."""
    user = cast(User, request.user)
    place, query = SearchPlaceQuery(data=request.GET), SearchQuery(data=request.GET)
    if not place.is_valid():
        raise Http404
    valid = query.is_valid()
    asked = query.validated_data if valid else place.validated_data  # the next try is about the same case
    try:
        case = case_for(user, asked["case"]) if "case" in asked else None
        found = _answer(user, **asked) if valid else None
    except Gone:
        raise Http404 from None
    except TooMany as refusal:
        return render(request, "cases/search.html", _context(None, asked, case, [refusal.message]), status=429)
    wrong = query.errors.get("q", []) if request.GET.get("q", "").strip() else []
    if wrong:
        asked |= {"q": request.GET["q"]}  # nobody types it again
    return render(request, "cases/search.html", _context(found, asked, case, wrong), status=400 if wrong else 200)


def _context(
    found: dict[str, Any] | None, asked: dict[str, Any], case: Case | None, wrong: list[str]
) -> dict[str, object]:
    for one in found["results"] if found else []:
        one["time"] = datetime.fromisoformat(one["created_at"])
    to = datetime.fromisoformat(found["searched_to"]) if found and found["searched_to"] else None
    return {
        "found": found,
        "asked": asked,
        "within": case,
        "errors": wrong,
        "searched_to": to,
        "max_query": MAX_QUERY,
    }
