"""Comparing texts as people do when they search: without regard to case, width, ligatures and accents."""

import re
import unicodedata
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
    marked = _marked(text, words)
    first = marked.index(True) if True in marked else 0
    start = max(0, min(first - BEFORE, len(text) - SNIPPET))
    end = min(len(text), start + SNIPPET)
    parts: list[Part] = []
    for character, match in zip(text[start:end], marked[start:end], strict=True):
        if parts and parts[-1]["match"] == match:
            parts[-1]["text"] += character
        else:
            parts.append({"text": character, "match": match})
    if start > 0:
        parts.insert(0, {"text": "…", "match": False})
    if end < len(text):
        parts.append({"text": "…", "match": False})
    return parts


def _marked(text: str, words: list[str]) -> list[bool]:
    """Say of each character whether a part of it belongs to a match."""
    folded = [fold(character) for character in text]
    origin = [n for n, piece in enumerate(folded) for _ in piece]  # of each folded character
    whole, marked = "".join(folded), [False] * len(text)
    for word in words:
        at = whole.find(word)
        while at >= 0:
            for n in range(origin[at], origin[at + len(word) - 1] + 1):
                marked[n] = True
            at = whole.find(word, at + len(word))
    return marked
