"""Case numbers before a text: `#1042 内容`, however its sign and digits are written."""

import re
from typing import NamedTuple

# A text that begins with # and digits of whatever kind names a case, or none: it never goes to the reply target.
_BETWEEN = r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufe0f\ufeff\u20e3]*"  # blank, or not seen at all
_DIGIT = r"[\d\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793]"
_ITEM = r"[\u2460-\u249b\u2776-\u2793]"  # of a list that follows at once: "#1042①护照 ②照片"
_NUMBER = rf"{_BETWEEN}[#＃﹟]{_BETWEEN}((?:[0-9０-９]{{1,9}}(?={_ITEM}(?!{_DIGIT}))|{_DIGIT}+))"
_NUMBERED = re.compile(_NUMBER + r"[\s:：,，.。、;；]*(.*)", re.DOTALL)
# So does one that begins with what was meant for a number: "##1042", "#(1042)", "#No.1042".
_MEANT = re.compile(rf"{_BETWEEN}[#＃﹟][\W_]*(?:no|nr|case|编号|案件|案号)?[\W_]*{_DIGIT}", re.IGNORECASE)
_OF_A_CASE = re.compile("[0-9０-９]{1,9}")


class Numbered(NamedTuple):
    """A number as it was typed, the case number it stands for (0 for none there can be), and the text after it."""

    digits: str
    number: int
    text: str


def numbered(text: str) -> Numbered | None:
    """Return the number that the text begins with; None when it begins with none."""
    found = _NUMBERED.fullmatch(text)
    if found is None:
        return None
    return Numbered(found[1], int(found[1]) if _OF_A_CASE.fullmatch(found[1]) else 0, found[2].strip())


def begins_with_a_number(text: str) -> bool:
    """Return whether a case number stands before the text, of a possible case or not."""
    return re.match(_NUMBER, text) is not None


def is_meant_for_a_number(text: str) -> bool:
    """Return whether a case number was meant before the text, but cannot be read."""
    return _MEANT.match(text) is not None
