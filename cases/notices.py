"""The hint above the box a member writes in. It states what has happened or is happening, and promises nothing."""

from typing import Any

from cases.models import Case


def notice_of(one: dict[str, Any], case: Case) -> str:
    """Return the id of the one hint in _conversation.html that is shown of a case (`one` of list_cases), or nothing.

    js/conversation/notice.js says the same of what it learns later.
    """
    if one["status"] == "closed":
        return "closed"
    if not one["member"]["me"]:
        return ""
    told = _told(case)
    if one["advisor"] is None:
        return "team-notified" if told else "unassigned"
    if one["advisor"]["online"]:
        return ""
    if one["waiting_since"] is None or one["peer_read_seq"] >= one["last_message"]["seq"]:
        return "away"
    if told:
        return "notified"
    return "notifying" if one["notifying"] else "saved"


def _told(case: Case) -> bool:
    """Whether the advisor was told since the member began to wait for an answer."""
    waiting, told = case.waits_since, case.notified_at
    return waiting is not None and told is not None and told >= waiting
