"""The answer to a search, as the API gives it and as the page of results shows it."""

from typing import Any

from cases.limits import limit_searches
from cases.queries import case_for
from cases.search.queries import search_cases, search_messages
from cases.search.serializers import found_json
from jiayi.folding import words_of
from members.models import User


def search_answer(
    user: User, q: str, *, limit: int = 20, case: int | None = None, before: int | None = None
) -> dict[str, Any]:
    """Return what the API answers. Cases by their number or title stand only before everything else. Raises TooMany."""
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
