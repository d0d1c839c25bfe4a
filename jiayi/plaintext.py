"""Cleaning of names, titles and file names: one line in which every character is visible and stays in its place.

What people write to each other keeps its characters; a page shows it apart from its own (`unicode-bidi` in jiayi.css).
"""

import re
import unicodedata

JOINERS = "\u200c\u200d"
# Control, format (among them what reverses the direction of writing, and tags), surrogates, line and paragraph ends.
_NOT_SEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Of other categories, and nothing to be seen either: joiner and fillers of Hangul and Khmer, what stands for an object,
# and the rest that Unicode calls default-ignorable.
_EMPTY = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufff0-\uffff\U0001d159\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# Choose another shape of the character before them: emoji, variants of ideographs in names, Mongolian.
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_RIGHT_TO_LEFT = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRO"}
_EMOJI = {"So", "Sk"}  # Sk: the colours of skin
_VIRAMA = 9  # combining class


def one_line(text: str) -> str:
    """Return `text` as a name or title is kept: NFC, single spaces, without what is not seen or moves its neighbours.

    Joiners stay where a script or an emoji needs them, a variation selector after what it varies. May be empty.
    """
    text = " ".join(text.replace("\u2800", " ").split())  # the blank of Braille
    shown = "".join(character for character in text if _is_seen(character) or character in JOINERS)
    kept: list[str] = []
    for place, character in enumerate(shown):
        following = shown[place + 1 : place + 2]
        before = kept[-1] if kept else ""
        if character in JOINERS:
            wanted = _joins(character, before, following)
        elif _SELECTOR.match(character):
            wanted = before.strip(" ") != "" and before not in JOINERS and not _SELECTOR.match(before)
        else:
            # A mark without a letter would be drawn on the character before the name.
            wanted = not (unicodedata.category(character).startswith("M") and before.strip() == "")
        if wanted:
            kept.append(character)
    line = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    return line if line == text else one_line(line)  # what has gone may have held apart what is now side by side


def isolated(text: str) -> str:
    """Return `text` for a place without markup (an attribute, a title): written from right to left, it is set apart.

    Else a number that follows it would be drawn into it: `2008#` for `#2008`.
    """
    return f"\u2068{text}\u2069" if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text) else text


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in _NOT_SEEN and not _EMPTY.match(character)


def _joins(joiner: str, before: str, following: str) -> bool:
    """Whether a joiner between these two changes how a word or an emoji looks."""
    if not before:
        return False
    if _VIRAMA in (unicodedata.combining(before), unicodedata.combining(following or " ")):
        return True  # the scripts of India
    arabic = {"AL", "NSM"}
    if following and unicodedata.bidirectional(before) in arabic and unicodedata.bidirectional(following) in arabic:
        return True
    emoji_before = unicodedata.category(before) in _EMOJI or before == "\ufe0f"
    return joiner == "\u200d" and emoji_before and bool(following) and unicodedata.category(following) in _EMOJI
