"""Plaintexts of the callbacks that WeCom sends for a colleague's actions, before encryption (DOC 90239, 90240)."""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from wecom.textcut import without_control_characters

AGENT_ID = "1000002"  # what WeCom gives a company's first self-built app
MEDIA = {"image", "voice", "video", "file"}
Field = tuple[str, str | int]


@dataclass(frozen=True)
class Doing:
    """One thing a colleague did in WeCom: how their own chat shows it, and what the callback gets."""

    userid: str
    kind: str  # WeCom's MsgType, or "event"
    text: str
    plaintext: str
    msg_id: str = ""
    handle: str = ""


def text(userid: str, content: str) -> Doing:
    """A text message."""
    return _message(userid, "text", content, [("Content", without_control_characters(content))])


def medium(userid: str, kind: str) -> Doing:
    """An image, voice, video or file, with a MediaId that media/get knows. Files do not reach apps at WeCom."""
    media_id = secrets.token_urlsafe(32)
    fields: dict[str, list[Field]] = {
        "image": [("PicUrl", f"{settings.SITE_URL}/sandbox/image.png"), ("MediaId", media_id)],
        "voice": [("MediaId", media_id), ("Format", "amr")],
        "video": [("MediaId", media_id), ("ThumbMediaId", secrets.token_urlsafe(32))],
        "file": [("MediaId", media_id), ("FileName", "example.txt")],
    }
    shown = {"image": "[图片]", "voice": "[语音] 1″", "video": "[视频]", "file": "[文件] example.txt"}
    return _message(userid, kind, shown[kind], fields[kind], handle=media_id)


def location(userid: str) -> Doing:
    """A place in Toronto."""
    label = "加拿大多伦多市 290 Bremner Blvd"
    fields: list[Field] = [("Location_X", "43.642566"), ("Location_Y", "-79.387057"), ("Scale", 15), ("Label", label)]
    return _message(userid, "location", f"[位置] {label}", [*fields, ("AppType", "wxwork")])


def link(userid: str) -> Doing:
    """A shared link."""
    url = "https://www.canada.ca/en/immigration-refugees-citizenship.html"
    fields: list[Field] = [
        ("Title", "Immigration and citizenship"),
        ("Description", "IRCC"),
        ("Url", url),
        ("PicUrl", f"{settings.SITE_URL}/sandbox/image.png"),
    ]
    return _message(userid, "link", f"[链接] Immigration and citizenship {url}", fields)


def unknown(userid: str) -> Doing:
    """A kind that WeCom might invent tomorrow."""
    return _message(userid, "hologram", "[未知类型 hologram]", [("HologramId", secrets.token_urlsafe(12))])


def enter_agent(userid: str) -> Doing:
    """The colleague opens the app."""
    return _event(userid, "enter_agent", "", "进入应用")


def press_button(userid: str, *, key: str, label: str, task_id: str, response_code: str) -> Doing:
    """The colleague presses a button on an app's card."""
    fields: list[Field] = [("TaskId", task_id), ("CardType", "button_interaction"), ("ResponseCode", response_code)]
    return _event(userid, "template_card_event", key, f"按下「{label}」", fields, handle=task_id)


def agent_id() -> str:
    """Give the AgentID that callbacks carry."""
    return settings.WECHAT_AGENT_ID or AGENT_ID


def _message(userid: str, kind: str, shown: str, fields: Iterable[Field], handle: str = "") -> Doing:
    msg_id = str(time.time_ns() // 1_000_000 << 20 | secrets.randbits(20))  # a 64-bit number
    tail: list[Field] = [("MsgId", int(msg_id)), ("AgentID", int(agent_id()))]
    return Doing(userid, kind, shown, _xml(_head(userid, kind), fields, tail), msg_id, handle)


def _event(userid: str, event: str, key: str, shown: str, fields: Iterable[Field] = (), handle: str = "") -> Doing:
    middle: list[Field] = [("Event", event), ("EventKey", key), *fields]
    plaintext = _xml(_head(userid, "event"), middle, [("AgentID", int(agent_id()))])
    return Doing(userid, "event", shown, plaintext, handle=handle)


def _head(userid: str, kind: str) -> list[Field]:
    who: list[Field] = [("ToUserName", settings.WECHAT_CORP_ID), ("FromUserName", userid)]
    return [*who, ("CreateTime", int(time.time())), ("MsgType", kind)]


def _xml(*parts: Iterable[Field]) -> str:
    elements = [f"<{name}>{_value(value)}</{name}>" for part in parts for name, value in part]
    return f"<xml>{''.join(elements)}</xml>"


def _value(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"
