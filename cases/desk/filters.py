"""The filter of the advisor's list of cases. It stands in the page's address, so that it can be kept and shared.

js/list/casefilter.js filters the same way without loading the page again.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from cases.models import Case

LIMIT = 300  # cases listed at first; more are asked for
MAX_LIMIT = 10_000
ACTIVE = ("open", "waiting", "unread")  # filters that need no closed case in which everything was read


class DeskQuery(serializers.Serializer[None]):
    show = serializers.ChoiceField([*ACTIVE, "closed", "all"], default="open")
    cases = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=LIMIT)


class Desk:
    """The filter that an address asks for; the default when it asks for one that does not exist."""

    def __init__(self, query: Mapping[str, str]) -> None:
        asked = DeskQuery(data={name: query[name] for name in ("show", "cases") if name in query})
        data: dict[str, Any] = asked.validated_data if asked.is_valid() else {"show": "open", "cases": LIMIT}
        self.show: str = data["show"]
        self.limit: int = data["cases"]

    @property
    def is_active(self) -> bool:
        return self.show in ACTIVE

    def shown(self, cases: list[dict[str, Any]], number: int | None) -> list[dict[str, Any]]:
        """Return the cases (of list_cases) that the filter lets through; the one on the page always is."""
        return [one for one in cases if one["number"] == number or belongs(one, self.show)]

    def folds(self, one: dict[str, Any]) -> bool:
        """Whether a case stands below the others, folded. Only in the list of all cases."""
        return self.show == "all" and is_done(one)

    def about(self, cases: list[dict[str, Any]], number: int | None) -> dict[str, Any]:
        """Return what the template needs: filters with their counts, how to get more cases, and which waits next."""
        labels = {
            "open": _("进行中"),
            "waiting": _("待回复"),
            "unread": _("未读"),
            "closed": _("已结案"),
            "all": _("全部"),
        }
        counted = {show: sum(belongs(one, show) for one in cases) for show in ("waiting", "unread")}
        return {
            "show": self.show,
            "query": "" if self.show == "open" else f"?show={self.show}",
            "filters": [{"show": show, "label": label, "count": counted.get(show)} for show, label in labels.items()],
            "limit": self.limit,
            "kinds": json.dumps({kind.value: str(kind.label) for kind in Case.Kind}, ensure_ascii=False),
            "next": next_waiting(cases, number),
            "more": min(self.limit * 2, MAX_LIMIT) if len(cases) >= self.limit else None,
        }


def belongs(one: dict[str, Any], show: str) -> bool:
    """Whether a case of list_cases stands under this filter."""
    waits = bool(one["waiting_since"]) and not one["member"]["me"]
    answers: dict[str, bool] = {
        "open": one["status"] == "open" or one["unread"] > 0,
        "waiting": waits,
        "unread": one["unread"] > 0,
        "closed": one["status"] == "closed",
        "all": True,
    }
    return answers[show]


def is_done(one: dict[str, Any]) -> bool:
    """Whether a case of list_cases is closed and everything in it was read."""
    return one["status"] == "closed" and not one["unread"]


def next_waiting(cases: list[dict[str, Any]], number: int | None) -> int | None:
    """Return the number of the waiting case that follows the one on the page, after the last the first; or None."""
    waiting = [one["number"] for one in cases if belongs(one, "waiting")]
    at = waiting.index(number) if number in waiting else -1
    return next(iter(waiting[at + 1 :] + waiting[: max(at, 0)]), None)
