"""The page of search results, for people without JavaScript."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from cases.models import Case
from cases.queries import case_for
from cases.search.answers import search_answer
from cases.search.serializers import MAX_QUERY, SearchPlaceQuery, SearchQuery
from jiayi.errors import TooMany
from members.models import User


@login_required
@require_GET
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the results of a search; without words, only the form."""
    user = cast(User, request.user)
    place, query = SearchPlaceQuery(data=request.GET), SearchQuery(data=request.GET)
    if not place.is_valid():
        raise Http404
    valid = query.is_valid()
    asked = query.validated_data if valid else place.validated_data  # the next try is about the same case
    try:
        case = case_for(user, asked["case"]) if "case" in asked else None
        found = search_answer(user, **asked) if valid else None
    except TooMany as refusal:
        return render(request, "cases/search.html", _context(None, asked, case, [refusal.message]), status=429)
    wrong = query.errors.get("q", []) if request.GET.get("q", "").strip() else []
    if wrong:
        asked |= {"q": request.GET["q"]}  # the form shows it again
    return render(request, "cases/search.html", _context(found, asked, case, wrong), status=400 if wrong else 200)


def _context(
    found: dict[str, Any] | None, asked: dict[str, Any], case: Case | None, wrong: list[str]
) -> dict[str, object]:
    return {"found": found, "asked": asked, "within": case, "errors": wrong, "max_query": MAX_QUERY}
