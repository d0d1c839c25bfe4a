"""Searching conversations: the newest messages first, a bounded number at a time (docs/decisions/0007-search.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from rest_framework import serializers

from cases.folding import fold, snippet, words_of
from cases.models import Case, Message
from cases.queries import with_what_is_shown
from cases.serializers import sender_json
from members.models import User

# Messages looked at for one answer, in steps: most searches end within the first.
STEPS = (500, 4_500, 15_000)
MAX_QUERY = 100  # characters
MAX_CASES = 5  # named in an answer
# A kind of message that comes later is not found until somebody decides that it may be.
SEARCHED = (Message.Kind.TEXT, Message.Kind.FILE)


class SearchQuery(serializers.Serializer[None]):
    """`?q=WORDS`, `&case=NUMBER` for one case, `&before=CURSOR` of the last answer, `&limit=` up to 50."""

    q = serializers.CharField(max_length=MAX_QUERY)
    case = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=50, default=20)


class _Row(NamedTuple):
    key: int  # by which the rows descend
    pk: int
    body: str
    created_at: datetime


@dataclass
class Found:
    """Messages, newest first; while `before` is not None there may be more, older than `searched_to`."""

    messages: list[Message]
    before: int | None = None
    searched_to: datetime | None = None


def search_messages(
    user: User, query: str, *, case: Case | None = None, before: int | None = None, limit: int = 20
) -> Found:
    """Return up to `limit` messages with all words of `query`, of one case (already checked) or of all `user` may see.

    Looks at a bounded number of messages; `before`, from the answer before, goes on from there. A file's name counts
    as its text. Recalled messages are not found, nor what the system says.
    """
    words = words_of(query)
    visible = Case.objects.visible_to(user)
    searched = Message.objects.filter(kind__in=SEARCHED, recalled_at=None)
    if case is not None:
        rows = _rows(searched.filter(case=case), "seq", before)
    else:
        rows = _rows(searched.filter(case__in=list(visible.values_list("pk", flat=True))), "pk", before)
    found: list[_Row] = []
    last = None
    for row in rows:
        if row is None:  # enough for now
            break
        if all(word in fold(row.body) for word in words):
            if len(found) == limit:
                last = found[-1]
                break
            found.append(row)
        last = row
    else:
        last = None
    # Once more whether they may be seen: a case may have been handed over, a message recalled meanwhile.
    shown = with_what_is_shown(Message.objects.filter(case__in=visible, recalled_at=None))
    messages = list(shown.filter(pk__in=[row.pk for row in found]).order_by("-pk"))
    return Found(messages, last.key if last else None, last.created_at if last else None)


def _rows(messages: QuerySet[Message], key: str, before: int | None) -> Iterator[_Row | None]:
    """Give the messages, newest first; None in the end if there may be more than were looked at."""
    for step in STEPS:
        older = messages if before is None else messages.filter(**{f"{key}__lt": before})
        rows = list(older.order_by(f"-{key}").values_list(key, "pk", "body", "created_at")[:step])
        for row in rows:
            yield _Row(*row)
        if len(rows) < step:
            return
        before = rows[-1][0]
    yield None


def search_cases(user: User, query: str) -> list[Case]:
    """Return cases the user may see whose number or title has all words of `query`, newest conversation first."""
    words = [word.removeprefix("#") for word in words_of(query)]
    cases = Case.objects.visible_to(user)
    return [case for case in cases if all(word and word in fold(f"{case.number} {case.title}") for word in words)][
        :MAX_CASES
    ]


def found_json(message: Message, viewer: User, words: list[str]) -> dict[str, Any]:
    """Return a message as a list of results shows it; `snippet` is text in pieces, each with whether it matches."""
    return {
        "case": message.case.number,
        "title": message.case.title,
        "seq": message.seq,
        "sender": sender_json(message, viewer.pk),
        "created_at": message.created_at.isoformat(),
        "snippet": snippet(message.body, words),
    }
