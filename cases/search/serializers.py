"""The parameters of a search, and the JSON of a found message."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from cases.models import Message
from cases.serializers import member_json, sender_json
from jiayi.folding import snippet, words_of
from members.models import User

MAX_QUERY = 100  # characters
MAX_WORDS = 8
MAX_FOLDED = 300  # characters of the words together, folded: Korean becomes three times as long


class SearchPlaceQuery(serializers.Serializer[None]):
    """The place of a search: `&case=NUMBER` for one case, `&before=CURSOR` of the last answer, `&limit=` up to 50."""

    case = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=50, default=20)


class SearchQuery(SearchPlaceQuery):
    """`?q=WORDS`, and where."""

    q = serializers.CharField(max_length=MAX_QUERY)

    def validate_q(self, query: str) -> str:
        words = words_of(query)
        if len(words) > MAX_WORDS:
            raise serializers.ValidationError(_("最多同时搜索 %(limit)d 个词。") % {"limit": MAX_WORDS})
        if sum(map(len, words)) > MAX_FOLDED:
            raise serializers.ValidationError(_("要搜索的内容太长，请只写其中几个词。"))
        return query


def found_json(message: Message, viewer: User, words: list[str]) -> dict[str, Any]:
    """Return a message as a list of results shows it; `snippet` is text in pieces, each with whether it matches."""
    return {
        "case": message.case.number,
        "title": message.case.title,
        "member": member_json(message.case, viewer.pk),
        "seq": message.seq,
        "sender": sender_json(message, viewer.pk),
        "created_at": message.created_at.isoformat(),
        "snippet": snippet(message.body, words),
    }
