"""Names of cases and members in WeCom: in full where only the advisor reads, masked where the whole group does.

People type their names and the titles of their cases, so these may hold any character. A name from here holds no `#`
but the one of the case's number, begins no line, and cannot reverse the digits beside it.
"""

import re
import unicodedata

from cases.models import Case
from members.models import User
from wecom.textcut import cut

# Controls, line separators, and marks that make the rest of a line run from right to left.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_UNSEEN = re.compile("[\u00ad\u180e\u200b\u2060-\u2064\ufeff]+")
_BLANK = re.compile(r"[\s\u115f\u1160\u2800\u3164\uffa0]+")
_NUMBER_SIGN = re.compile("[#＃﹟]+")
NAME, TITLE = 90, 180  # bytes: 30 and 60 Chinese characters
SHORT_NAME, SHORT_TITLE = 36, 48  # where many cases stand below each other


def plain(text: str) -> str:
    """Return text of a person so that it cannot mention an account, add markup, start a line or reverse one."""
    return _CONTROL.sub(" ", text).replace("<", "＜").replace("@", "＠").strip()


def in_full(case: Case) -> str:
    """Return `#1003 王小明 · 配偶访客签证`, for the follow-up advisor alone."""
    return _named(case, NAME, TITLE)


def in_short(case: Case) -> str:
    """Return the same for a list or a card: name and title are cut shorter, the number never is."""
    return _named(case, SHORT_NAME, SHORT_TITLE)


def masked(case: Case) -> str:
    """Return `#1003 王*`, for the group."""
    return f"#{case.number} {masked_user(case.member.user)}"


def masked_user(user: User) -> str:
    """Return `王*`, for the group."""
    return _isolated(_one_line(user.masked_name))


def _named(case: Case, name: int, title: int) -> str:
    parts = [cut(_one_line(case.member.user.name), name), cut(_one_line(case.title), title)]
    return f"#{case.number} {' · '.join(_isolated(part) for part in parts if part)}"


def _one_line(text: str) -> str:
    return _BLANK.sub(" ", _NUMBER_SIGN.sub(" ", _UNSEEN.sub("", plain(text)))).strip()


def _isolated(text: str) -> str:
    """Wrap what runs from right to left (U+2068, U+2069), or it would take the digits beside it along."""
    runs_back = any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in text)
    return f"\u2068{text}\u2069" if runs_back else text
