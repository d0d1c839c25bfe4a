"""What the page says above the box a member writes in. It promises nothing: only what has happened, or happens now."""

from datetime import datetime
from typing import Any


def notice_of(case: dict[str, Any]) -> str:
    """Return the id of the one hint in _conversation.html that is shown of a case of list_cases, or nothing.

    js/conversation/notice.js says the same of what it learns later.
    """
    if case["status"] == "closed":
        return "closed"
    if not case["member"]["me"]:
        return ""
    told = _told(case)
    if case["advisor"] is None:
        return "team-notified" if told else "unassigned"
    if case["advisor"]["online"]:
        return ""
    if case["waiting_since"] is None or case["peer_read_seq"] >= case["last_message"]["seq"]:
        return "away"
    if told:
        return "notified"
    return "notifying" if case["notifying"] else "saved"


def _told(case: dict[str, Any]) -> bool:
    """Whether the advisor was told since the member began to wait for an answer."""
    waiting, told = case["waiting_since"], case["notified_at"]
    return bool(waiting and told) and datetime.fromisoformat(told) >= datetime.fromisoformat(waiting)
