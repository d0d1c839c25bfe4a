"""Refusals of WeCom: HTTP 200 with an errcode (DOC 90313)."""

import json
import secrets
import time
from typing import Any


class ApiRefusal(Exception):
    """A request that WeCom would not accept."""

    def __init__(self, errcode: int, what: str) -> None:
        super().__init__(what)
        self.errcode = errcode
        self.what = what

    def answer(self) -> dict[str, Any]:
        """Give the JSON object that WeCom answers with. errmsg is for people only; programs go by errcode."""
        hint = f"{int(time.time())}{secrets.randbelow(10**15):015d}"
        more = f"more info at https://open.work.weixin.qq.com/devtool/query?e={self.errcode}"
        return {"errcode": self.errcode, "errmsg": f"{self.what}, hint: [{hint}], from ip: 127.0.0.1, {more}"}


def read_json(body: bytes) -> dict[str, Any]:
    """Give the JSON object in the body. Raises ApiRefusal 40008 with WeCom's warning when there is none."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise ApiRefusal(40008, "Warning: wrong json format. invalid message type")
    return payload


def section_of(payload: dict[str, Any], kinds: set[str]) -> tuple[str, dict[str, Any]]:
    """Give the msgtype and the object of that name. Raises ApiRefusal 40008 for an unknown type, 40063 without one."""
    kind = payload.get("msgtype")
    if not isinstance(kind, str) or kind not in kinds:
        raise ApiRefusal(40008, "invalid message type")
    section = payload.get(kind)
    if not isinstance(section, dict):
        raise ApiRefusal(44004 if kind == "text" else 40063, f"{kind} is empty")
    return kind, section


def content_of(section: dict[str, Any], name: str) -> str:
    """Give the content of a text or markdown message. Raises ApiRefusal 44004 when empty, 40058 when not a text."""
    content = section.get("content", "")
    if not isinstance(content, str):
        raise ApiRefusal(40058, f"{name}.content must be a string. invalid Request Parameter")
    if not content:
        raise ApiRefusal(44004, f"{name}.content is empty")
    return content


def size(text: str) -> int:
    """Give the length in bytes of UTF-8, as WeCom counts."""
    return len(text.encode("utf-8", "replace"))
