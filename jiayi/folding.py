"""Folding of texts for the search: without regard to case, width, ligatures and accents; and snippets."""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import TypedDict

SNIPPET = 90  # characters
BEFORE = 24  # of them, at most, stand before the first match
_ACCENTS = re.compile("[\u0300-\u036f]+")


class Part(TypedDict):
    """A piece of a snippet; `match` says whether it is what was searched for."""

    text: str
    match: bool


def fold(text: str) -> str:
    """Return what is compared: 'Ｍontréal' and 'MONTREAL' become the same.

    Compatibility forms (full-width letters, ligatures) become plain ones, upper case lower, and accents on Latin,
    Greek and Cyrillic letters go. Each character is folded by itself, so `snippet` can find its way back.
    """
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", plain))


def words_of(query: str) -> list[str]:
    """Return the folded words of a query; every one of them must occur. Chinese needs no spaces: a run is one word."""
    return list(dict.fromkeys(word for word in fold(query).split() if word))


def snippet(text: str, words: list[str]) -> list[Part]:
    """Return the part of `text` around the first match, line breaks as spaces, split into what matches and what not."""
    text = " ".join(text.split())
    folded = [_fold_one(character) for character in text]
    ends = list(accumulate(map(len, folded)))  # where each character ends in the folded text
    whole = "".join(folded)
    places = [at for word in words if (at := whole.find(word)) >= 0]
    first = bisect_right(ends, min(places)) if places else 0
    start = max(0, min(first - BEFORE, len(text) - SNIPPET))
    end = min(len(text), start + SNIPPET)
    marked = _marked(whole, ends, words, start, end)
    parts: list[Part] = []
    for n in range(start, end):
        match = n in marked
        if parts and parts[-1]["match"] == match:
            parts[-1]["text"] += text[n]
        else:
            parts.append({"text": text[n], "match": match})
    if start > 0:
        parts.insert(0, {"text": "…", "match": False})
    if end < len(text):
        parts.append({"text": "…", "match": False})
    return parts


@lru_cache(maxsize=8_192)  # a snippet folds up to 5,000 characters, mostly the same few
def _fold_one(character: str) -> str:
    return fold(character)


def _marked(whole: str, ends: list[int], words: list[str], start: int, end: int) -> set[int]:
    """Give the characters from `start` to `end` of which a part belongs to a match."""
    marked: set[int] = set()
    begins, stops = ends[start - 1] if start else 0, ends[end - 1] if end else 0
    for word in words:
        at = whole.find(word, max(0, begins - len(word) + 1))
        while 0 <= at < stops:
            marked.update(range(bisect_right(ends, at), bisect_right(ends, at + len(word) - 1) + 1))
            at = whole.find(word, at + len(word))
    return marked
