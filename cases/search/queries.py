"""Searching conversations: the newest messages first, a bounded number at a time (decisions 0007 and 0011)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from cases.models import Case, Message
from cases.queries import with_what_is_shown
from jiayi.folding import fold, words_of
from members.models import User

# Messages looked at for one answer, in steps: most searches end within the first.
STEPS = (200, 1_800, 18_000)
SECONDS = 0.3  # after which no further step begins; the steps are made as long as they may well take until then
MAX_CASES = 5  # named in an answer
MOST_CASES = 5_000  # whose number and title are compared for one answer
MAX_TITLES = 200_000  # characters of them, folded


@dataclass
class Found:
    """Messages, newest first; while `before` is not None there may be more, older than `searched_to`."""

    messages: list[Message]
    before: int | None = None
    searched_to: datetime | None = None


class _OneCase:
    """The messages of a case, by their number, which has no holes."""

    key = "seq"

    def __init__(self, case: Case) -> None:
        self.messages = Message.objects.filter(case=case)
        self._end = case.last_seq + 1

    def lowest(self, size: int, before: int | None) -> int | None:
        """Return the key of the lowest of `size` messages before a key; None when that is all of them."""
        lowest = min(before or self._end, self._end) - size
        return lowest if lowest > 1 else None


class _AllCases:
    """The messages of all cases that a person may see, by their id."""

    key = "pk"

    def __init__(self, cases: QuerySet[Case]) -> None:
        last = dict(cases.values_list("pk", "last_seq"))
        self.messages = Message.objects.filter(case__in=list(last))
        self._left = sum(last.values())  # at most

    def lowest(self, size: int, before: int | None) -> int | None:
        """Return what _OneCase does."""
        self._left -= size
        if self._left <= 0:
            return None
        older = self.messages if before is None else self.messages.filter(pk__lt=before)
        return older.order_by("-pk").values_list("pk", flat=True)[size - 1 : size].first()


def search_messages(
    user: User, query: str, *, case: Case | None = None, before: int | None = None, limit: int = 20
) -> Found:
    """Return up to `limit` messages with all words of `query`, of one case (already checked) or of all `user` may see.

    Looks at a bounded number of messages; `before`, from the answer before, goes on from there. A file's name counts
    as its text. Recalled messages are not found, nor what the system says.
    """
    words = words_of(query)
    if not words:
        return Found([])
    visible = Case.objects.visible_to(user)
    place = _OneCase(case) if case is not None else _AllCases(visible)
    rows: list[tuple[int, int]] = []
    end = before
    for size in _steps():
        lowest = place.lowest(size, end)
        rows += _matching(place, words, lowest, end)[: limit + 1 - len(rows)]
        end = rows[limit - 1][0] if len(rows) > limit else lowest
        if end is None or len(rows) > limit:
            break
    # Once more whether they may be seen: a case may have been handed over, a message recalled meanwhile.
    shown = with_what_is_shown(Message.objects.filter(case__in=visible, recalled_at=None))
    shown = shown.select_related("case__member__user").filter(pk__in=[pk for _key, pk in rows[:limit]])
    messages = list(shown.order_by("-pk"))
    if end is None:
        return Found(messages)
    return Found(messages, end, place.messages.filter(**{place.key: end}).values_list("created_at", flat=True).get())


def _steps() -> Iterator[int]:
    """Give how many messages to look at next, as long as there is time, and no more than it may suffice for."""
    began, looked = time.monotonic(), 0
    for size in STEPS:
        if looked:
            took = max(time.monotonic() - began, 0.000_001)
            size = min(size, int(looked * (SECONDS - took) / took))
        if size <= 0:
            return
        looked += size
        yield size


def _matching(
    place: _OneCase | _AllCases, words: list[str], lowest: int | None, before: int | None
) -> QuerySet[Message, tuple[int, int]]:
    """Give key and id of the messages in a piece of the place that have all words, newest first."""
    messages = place.messages
    if before is not None:
        messages = messages.filter(**{f"{place.key}__lt": before})
    if lowest is not None:
        messages = messages.filter(**{f"{place.key}__gte": lowest})
    for word in sorted(words, key=len, reverse=True):  # what is rare first: the next is compared only where it stands
        messages = messages.filter(GreaterThan(StrIndex("search", Value(word)), 0))
    return messages.order_by(f"-{place.key}").values_list(place.key, "pk")


def search_cases(user: User, query: str) -> list[dict[str, Any]]:
    """Return cases the user may see of which every word of `query` says something: number, title, kind as they read it.

    For an advisor also the member's name and e-mail. As the API gives them, newest conversation first. Of very
    many cases or long titles only the newest are compared.
    """
    words = [word for word in words_of(query) if word != "#"]  # "# 1001": a blank behind it is a slip
    if not words:
        return []
    found: list[dict[str, Any]] = []
    compared = 0
    columns = ("number", "title", "kind", "member__user_id", "member__user__name", "member__user__email")
    for number, title, kind, user_id, name, email in Case.objects.visible_to(user).values_list(*columns)[:MOST_CASES]:
        me = user_id == user.pk
        text = fold(f"#{number} {title} {Case.Kind(kind).label}" + ("" if me else f" {name} {email}"))
        if all(word in text for word in words):
            found.append({"number": number, "title": title, "member": {"name": name, "me": me}})
        compared += len(text)
        if len(found) == MAX_CASES or compared > MAX_TITLES:
            break
    return found
