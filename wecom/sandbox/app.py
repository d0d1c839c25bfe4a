"""The self-built app's API: tokens, messages, cards, media (DOC 91039, 90227, 90236, 94888, 90254)."""

import hmac
import re
import secrets
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from wecom.sandbox.cards import INTERACTIVE, NOTICES, check_card, task_id_of
from wecom.sandbox.colleagues import Colleague, colleagues, find
from wecom.sandbox.media import Medium, make_medium
from wecom.sandbox.models import SandboxMessage
from wecom.sandbox.refusals import ApiRefusal, content_of, section_of
from wecom.sandbox.store import record, sent_within_a_minute, turn

TOKEN_SECONDS = 7200
TEXT_BYTES = 2048  # DOC 90236: more is cut silently
PER_MEMBER_AND_MINUTE = 30
CODE_GOOD_FOR = timedelta(hours=72)
MEDIA_GOOD_FOR = timedelta(days=3)
_KINDS = {"text", "markdown", "textcard", "template_card"}
_APP = SandboxMessage.Author.APP


def give_token(corp_id: str, secret: str) -> dict[str, Any]:
    """Answer gettoken. Raises ApiRefusal 40013 for another company, 40001 for a wrong secret or none set."""
    if not hmac.compare_digest(corp_id.encode(), settings.WECHAT_CORP_ID.encode()):
        raise ApiRefusal(40013, "invalid corpid")
    own = settings.WECHAT_APP_SECRET
    if not own or not hmac.compare_digest(secret.encode(), own.encode()):
        raise ApiRefusal(40001, "invalid credential")
    token = _token(int(time.time()))
    return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": TOKEN_SECONDS}


def check_token(token: str) -> None:
    """Raise ApiRefusal 41001, 40014 or 42001 unless this is a token of ours, and still good."""
    if not token:
        raise ApiRefusal(41001, "access_token missing")
    issued, _, _ = token.partition("-")
    if not settings.WECHAT_APP_SECRET or not re.fullmatch("[0-9]{1,12}", issued):
        raise ApiRefusal(40014, "invalid access_token")
    if not hmac.compare_digest(token.encode(), _token(int(issued)).encode()):
        raise ApiRefusal(40014, "invalid access_token")
    if time.time() - int(issued) > TOKEN_SECONDS:
        raise ApiRefusal(42001, "access_token expired")


def describe(agent_id: str) -> dict[str, Any]:
    """Answer agent/get. Raises ApiRefusal 40056 for another app."""
    _check_agent({"agentid": agent_id})
    return {
        "errcode": 0,
        "errmsg": "ok",
        "agentid": int(settings.WECHAT_AGENT_ID),
        "name": settings.WECHAT_APP_NAME,
        "close": 0,
    }


def send(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer message/send; accounts that do not get it are in invaliduser. Raises ApiRefusal when none does."""
    _check_agent(payload)
    kind, section = section_of(payload, _KINDS)
    task_id = _check_section(kind, section)
    found, unknown = _recipients(payload)
    answer: dict[str, Any] = {"errcode": 0, "errmsg": "ok", "invaliduser": "|".join(unknown)}
    if kind == "template_card" and task_id:
        answer["response_code"] = new_response_code()
    with turn():
        earlier = _duplicate_of(payload)
        if earlier:
            return answer | {"msgid": earlier.raw["answer"]["msgid"]}
        if task_id and SandboxMessage.objects.filter(handle=task_id, kind="template_card").exists():
            raise ApiRefusal(42014, "taskid has existed or empty or exceed max len")
        answer["msgid"] = secrets.token_urlsafe(32)
        for colleague in found:
            # DOC 90236: beyond the limit WeCom says ok and shows nothing.
            dropped = sent_within_a_minute(_APP, colleague.userid) >= PER_MEMBER_AND_MINUTE
            record(
                SandboxMessage.Author.SANDBOX if dropped else _APP,
                "dropped" if dropped else kind,
                userid=colleague.userid,
                text=_shown_text(section),
                handle=task_id,
                raw={"request": payload, "answer": answer},
                errcode=0,
            )
    return answer


def update_card(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer update_template_card. Raises ApiRefusal 60140 for a response_code that is spent, old or unknown."""
    _check_agent(payload)
    change = _card_change(payload)
    with turn():
        code = str(payload.get("response_code", ""))
        card = _card_of_code(code)
        owners = [row.userid for row in SandboxMessage.objects.filter(handle=card.handle, kind="template_card")]
        targets = owners if payload.get("atall") else payload.get("userids") or []
        if not isinstance(targets, list) or not targets:
            raise ApiRefusal(82101, "no update target")
        owned = {owner.lower() for owner in owners}
        found = [userid for userid in targets if isinstance(userid, str) and userid.lower() in owned]
        if not found:
            raise ApiRefusal(82102, "update target not in message")
        for userid in found:
            raw = change | {"request": payload, "spent_code": code}
            record(_APP, "card_update", userid=userid, handle=card.handle, raw=raw, errcode=0)
    return {"errcode": 0, "errmsg": "ok", "invaliduser": [userid for userid in targets if userid not in found]}


def fetch(media_id: str) -> Medium:
    """Give the medium that a colleague sent. Raises ApiRefusal 40007 unless it was sent within three days."""
    good = SandboxMessage.objects.filter(
        author=SandboxMessage.Author.COLLEAGUE, handle=media_id, created_at__gt=timezone.now() - MEDIA_GOOD_FOR
    )
    row = good.first() if media_id else None
    if row is None:
        raise ApiRefusal(40007, "invalid media_id")
    return make_medium(row.kind)


def new_response_code() -> str:
    """Give a response_code, with which a card can be changed once within 72 hours."""
    return secrets.token_urlsafe(32)


def _token(issued: int) -> str:
    return f"{issued}-{salted_hmac('wecom.sandbox.token', f'{issued}:{settings.WECHAT_APP_SECRET}').hexdigest()}"


def _check_agent(payload: dict[str, Any]) -> None:
    if "agentid" not in payload:
        raise ApiRefusal(41011, "agentid missing")
    if not settings.WECHAT_AGENT_ID or str(payload["agentid"]) != settings.WECHAT_AGENT_ID:
        raise ApiRefusal(40056, "invalid agentid")


def _check_section(kind: str, section: dict[str, Any]) -> str:
    """Raise ApiRefusal for a message WeCom would not take; give the task_id of a card, else ""."""
    if kind in {"text", "markdown"}:
        content_of(section, kind)
    elif kind == "textcard":
        if not section.get("title"):
            raise ApiRefusal(41016, "missing title")
        if not section.get("description"):
            raise ApiRefusal(41033, "missing description")
    else:
        check_card(section, NOTICES | INTERACTIVE)
        if section["card_type"] in INTERACTIVE:
            if not settings.WECHAT_CALLBACK_TOKEN:
                raise ApiRefusal(43012, "app has no callback url")
            return task_id_of(section)
    return ""


def _recipients(payload: dict[str, Any]) -> tuple[list[Colleague], list[str]]:
    """Give the colleagues meant and, lower-cased as at WeCom, the unknown accounts. The sandbox has no parties."""
    everyone = colleagues()
    wanted = payload.get("touser") or ""
    if not isinstance(wanted, str):
        raise ApiRefusal(40058, "touser must be a string. invalid Request Parameter")
    if wanted == "@all":
        return everyone, []
    names = list(dict.fromkeys(name.strip().lower() for name in wanted.split("|") if name.strip()))
    if not names and not payload.get("toparty") and not payload.get("totag"):
        raise ApiRefusal(82001, "touser, toparty and totag are all empty")
    found = [colleague for name in names if (colleague := find(name, everyone))]
    if not found:
        raise ApiRefusal(81013, "user & party & tag all invalid")
    return found, [name for name in names if not find(name, everyone)]


def _duplicate_of(payload: dict[str, Any]) -> SandboxMessage | None:
    """Give the message that enable_duplicate_check makes this one a repetition of."""
    if payload.get("enable_duplicate_check") != 1:
        return None
    interval = payload.get("duplicate_check_interval", 1800)
    since = timezone.now() - timedelta(seconds=max(0, min(interval, 4 * 3600)) if isinstance(interval, int) else 1800)
    recent = SandboxMessage.objects.filter(author=_APP, created_at__gt=since).exclude(kind="card_update")
    return next((row for row in recent.order_by("pk") if row.raw.get("request") == payload), None)


def _card_change(payload: dict[str, Any]) -> dict[str, Any]:
    button, card = payload.get("button"), payload.get("template_card")
    if isinstance(button, dict) and isinstance(button.get("replace_name"), str) and button["replace_name"]:
        return {"replace_name": button["replace_name"]}
    if not isinstance(card, dict):
        raise ApiRefusal(40063, "button and template_card are both empty")
    check_card(card, NOTICES | INTERACTIVE)
    return {"card": card}


def _card_of_code(code: str) -> SandboxMessage:
    """Give the row that brought the response_code: the card as sent, or the press of a button."""
    fresh = SandboxMessage.objects.filter(created_at__gt=timezone.now() - CODE_GOOD_FOR)
    rows = fresh.filter(raw__answer__response_code=code) | fresh.filter(raw__response_code=code)
    row = rows.first() if code else None
    if row is None or SandboxMessage.objects.filter(raw__spent_code=code).exists():
        raise ApiRefusal(60140, "invalid response_code")
    return row


def _shown_text(section: dict[str, Any]) -> str:
    content = section.get("content")
    return content.encode("utf-8", "replace")[:TEXT_BYTES].decode("utf-8", "ignore") if isinstance(content, str) else ""
