"""The group robot's webhook as WeCom runs it (DOC 99110)."""

import base64
import binascii
import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wecom.api.addresses import RobotAddress, robot_address
from wecom.sandbox.cards import NOTICES, check_card
from wecom.sandbox.models import SandboxMessage
from wecom.sandbox.refusals import ApiRefusal, content_of, read_json, section_of, size
from wecom.sandbox.store import record, sent_within_a_minute, turn

PER_MINUTE = 20
_LIMITS = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}  # bytes
_KINDS = {*_LIMITS, "image", "news", "file", "voice", "template_card"}


def receive(key: str, body: bytes) -> dict[str, Any]:
    """Take what was posted to webhook/send and give WeCom's answer. The group shows it, refused or not.

    A refused message is gone, as at WeCom: there is no queue on this side.
    """
    payload: dict[str, Any] = {}
    refusal: ApiRefusal | None = None
    try:
        _check_key(key)
        payload = read_json(body)
        check_message(payload)
    except ApiRefusal as caught:
        refusal = caught
    with turn():
        if refusal is None and sent_within_a_minute(SandboxMessage.Author.ROBOT) >= PER_MINUTE:
            refusal = ApiRefusal(45009, "api freq out of limit")
        answer = refusal.answer() if refusal else {"errcode": 0, "errmsg": "ok"}
        record(
            SandboxMessage.Author.ROBOT,
            str(payload.get("msgtype", ""))[:40],
            text=_text_of(payload),
            errcode=answer["errcode"],
            raw={"request": payload or body[:500].decode("utf-8", "replace"), "answer": answer},
        )
    return answer


def check_message(payload: dict[str, Any]) -> None:
    """Raise ApiRefusal when WeCom would not post this into the group."""
    kind, section = section_of(payload, _KINDS)
    if kind in _LIMITS:
        limit = _LIMITS[kind]
        if size(content_of(section, kind)) > limit:
            raise ApiRefusal(40058, f"{kind}.content exceed max length {limit}. invalid Request Parameter")
        _check_mentions(section)
    elif kind == "template_card":
        check_card(section, NOTICES)  # a card in a group has no reader to call back for
    elif kind == "news":
        articles = section.get("articles")
        if not isinstance(articles, list) or not 1 <= len(articles) <= 8:
            raise ApiRefusal(45008, "article size out of limit")
    elif kind == "image":
        _check_image(section)
    else:
        # File and voice need an upload of the robot's own, which the sandbox does not take.
        raise ApiRefusal(40007, "invalid media_id")


def own_address() -> RobotAddress | None:
    """Give the robot that WECHAT_WEBHOOK_URL names, or None when it names none."""
    try:
        return robot_address(settings.WECHAT_WEBHOOK_URL)
    except (ValueError, ImproperlyConfigured):
        return None


def _check_key(key: str) -> None:
    own = own_address()
    if own is None or not hmac.compare_digest(key.encode("utf-8", "replace"), own.key.encode()):
        raise ApiRefusal(93000, "invalid webhook url")


def _check_mentions(section: dict[str, Any]) -> None:
    for name in ("mentioned_list", "mentioned_mobile_list"):
        mentioned = section.get(name)
        if mentioned is None:
            continue
        if not isinstance(mentioned, list) or not all(isinstance(userid, str) for userid in mentioned):
            raise ApiRefusal(40035, f"text.{name} must be a list of strings. invalid parameter")


def _check_image(section: dict[str, Any]) -> None:
    try:
        image = base64.b64decode(str(section.get("base64", "")), validate=True)
    except (binascii.Error, ValueError):
        image = b""
    if not image:
        raise ApiRefusal(40063, "image.base64 is empty")
    if hashlib.md5(image, usedforsecurity=False).hexdigest() != section.get("md5"):
        raise ApiRefusal(301019, "image md5 not match")


def _text_of(payload: dict[str, Any]) -> str:
    section = payload.get(str(payload.get("msgtype")))
    content = section.get("content") if isinstance(section, dict) else None
    return content if isinstance(content, str) else ""
