"""Template cards and their like: what WeCom refuses (DOC 90236, DOC 99110), and what a colleague sees of them."""

import re
from typing import Any

from wecom.sandbox.refusals import ApiRefusal, size

NOTICES = {"text_notice", "news_notice"}
# Those with an answer (DOC 90236). The sandbox cannot play vote_interaction and multiple_interaction.
INTERACTIVE = {"button_interaction"}
_TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
_LISTS = (("horizontal_content_list", 6, 42035), ("jump_list", 3, 42042), ("vertical_content_list", 4, 42036))

Card = dict[str, Any]


def check_card(card: Card, allowed: set[str]) -> None:
    """Raise ApiRefusal with the errcode of DOC 90313 when WeCom would not take the card."""
    if _text(card, "card_type") not in allowed:
        raise ApiRefusal(42031, "Template_Card.CardType invalid")
    for name, most, errcode in _LISTS:
        if len(_rows(card, name, errcode)) > most:
            raise ApiRefusal(errcode, f"Template_Card.{name} invalid list length")
    if any(not _text(row, "keyname") for row in _rows(card, "horizontal_content_list", 42027)):
        raise ApiRefusal(42027, "Template_Card.horizontal_content_list missing keyname")
    if card["card_type"] in INTERACTIVE:
        _check_buttons(card)
    elif not _title(card) and not _text(card, "sub_title_text"):
        raise ApiRefusal(42033, "Template_Card missing Title")
    elif not _action_url(card):
        raise ApiRefusal(42045, "Template_Card.card_action missing or invalid")


def task_id_of(card: Card) -> str:
    """Give the card's task_id. Raises ApiRefusal 42014 when it is missing or ill-formed."""
    task_id = card.get("task_id")
    if not isinstance(task_id, str) or not _TASK_ID.fullmatch(task_id):
        raise ApiRefusal(42014, "taskid has existed or empty or exceed max len")
    return task_id


def shown_card(card: Card) -> Card:
    """Give what a colleague sees of a template card: texts, links, and buttons that can be pressed."""
    rows = card.get("horizontal_content_list") or []
    return {
        "title": _title(card),
        "description": _text(card.get("main_title"), "desc"),
        "text": _text(card, "sub_title_text"),
        "url": _action_url(card),
        "rows": [{"name": _text(row, "keyname"), "value": _text(row, "value"), "url": _url(row)} for row in rows],
        "jumps": [{"text": _text(jump, "title"), "url": _url(jump)} for jump in card.get("jump_list") or []],
        "buttons": [
            {
                "text": _text(button, "text"),
                "key": _text(button, "key"),
                "url": _url(button),
                "style": button.get("style"),
            }
            for button in card.get("button_list") or []
        ],
    }


def shown_textcard(section: Card) -> Card:
    """Give what a colleague sees of a textcard (DOC 90236); its few HTML tags are dropped."""
    text = re.sub("<[^<>]*>", "", _text(section, "description").replace("<br>", "\n"))
    button = _text(section, "btntxt") or "详情"
    url = _url(section)
    return {"title": _text(section, "title"), "text": text, "url": url, "jumps": [{"text": button, "url": url}]}


def _check_buttons(card: Card) -> None:
    buttons = _rows(card, "button_list", 42038)
    if not _title(card):
        raise ApiRefusal(42033, "Template_Card missing Title")
    if not 1 <= len(buttons) <= 6 or any(not _text(button, "text") for button in buttons):
        raise ApiRefusal(42038, "Template_Card.button_list.text missing or invalid")
    if any(button.get("type") == 1 and not _url(button) for button in buttons):
        raise ApiRefusal(42028, "Template_Card missing Url")
    keys = [_text(button, "key") for button in buttons if button.get("type") != 1]
    if len(set(keys)) < len(keys) or any(not 1 <= size(key) <= 1024 for key in keys):
        raise ApiRefusal(42039, "Template_Card.button_list.key missing or invalid")


def _rows(card: Card, name: str, errcode: int) -> list[Card]:
    rows = card.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ApiRefusal(errcode, f"Template_Card.{name} missing or invalid")
    return rows


def _text(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""


def _url(holder: object) -> str:
    url = _text(holder, "url")
    return url if re.match("https?://", url) else ""


def _title(card: Card) -> str:
    return _text(card.get("main_title"), "title")


def _action_url(card: Card) -> str:
    return _url(card.get("card_action"))
