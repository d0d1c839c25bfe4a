"""The chats as the page shows them: JSON, with every sentence of the sandbox itself in the reader's language."""

import json
from typing import Any

from django.utils.translation import gettext as _

from wecom.sandbox.cards import shown_card, shown_textcard
from wecom.sandbox.colleagues import Colleague, find
from wecom.sandbox.models import SandboxMessage
from wecom.sandbox.richtext import Part, mention_parts, parts_of

MAX_RAW = 4_000  # characters
_KIND_NAMES = {"image": "[图片]", "news": "[图文]", "file": "[文件]", "voice": "[语音]"}
Author = SandboxMessage.Author


def shown_message(row: SandboxMessage, people: list[Colleague]) -> dict[str, Any]:
    """Give one line of a chat.

    `parts` is the text (richtext.py), `note` the small grey line below, `tone` is "bad" for what went wrong, `card` a
    card or None, `update` what a card_update changes, `raw` what really went over the wire.
    """
    colleague = find(row.userid, people) if row.author == Author.COLLEAGUE else None
    return {
        "id": row.pk,
        "conversation": "app" if row.userid else "group",
        "userid": row.userid,
        "author": _author(row),
        "name": colleague.name if colleague else row.userid,
        "kind": row.kind,
        "parts": _parts(row, people),
        "note": _note(row, people),
        "tone": "bad" if row.errcode or row.raw.get("problem") else "",
        "card": _card(row),
        "handle": row.handle,
        "update": _update(row),
        "errcode": row.errcode,
        "raw": json.dumps(row.raw, ensure_ascii=False, indent=2)[:MAX_RAW],
        "created_at": row.created_at.isoformat(),
    }


def _author(row: SandboxMessage) -> str:
    # WeCom shows nothing of what it refuses: here a system line tells of it. Nor is an event a bubble in the chat.
    return Author.SANDBOX if row.errcode or row.kind == "event" else row.author


def _parts(row: SandboxMessage, people: list[Colleague]) -> list[Part]:
    if row.errcode:
        why = row.raw["answer"]["errmsg"].split(", hint:")[0]
        return [
            {"text": _("企业微信拒绝了机器人的消息：errcode %(code)s，%(said)s") % {"code": row.errcode, "said": why}}
        ]
    if row.author == Author.SANDBOX:
        return [{"text": _system_line(row)}]
    if row.author == Author.COLLEAGUE:
        return [{"text": row.text}]  # a colleague's own words are shown as they are
    section = _section(row)
    parts = parts_of(row.text or _KIND_NAMES.get(row.kind, ""), people, markdown=row.kind.startswith("markdown"))
    # mentioned_list works for text only; markdown mentions by <@userid>, markdown_v2 not at all (DOC 99110).
    return parts + mention_parts(section.get("mentioned_list") or [], people) if row.kind == "text" else parts


def _system_line(row: SandboxMessage) -> str:
    if row.kind == "outcome":
        return _outcome(row.raw)
    lines = {
        "resend": _("再投递一次同一条消息：%s") % row.text,
        "forged": _("投递一条签名是伪造的消息"),
        "verify": _("验证回调 URL（GET，企业微信只等 1 秒）"),
        "dropped": _("企业微信对同一成员每分钟最多显示 30 条：这一条回答了 errcode 0，但没有显示"),
    }
    return lines.get(row.kind, row.text)


def _outcome(raw: dict[str, Any]) -> str:
    problem, took = raw["problem"], {"status": raw["status"], "ms": raw["ms"], "times": raw["deliveries"]}
    if problem == "timeout":
        return _("网站没有按时回答（投递 %(times)s 次，最后一次等了 %(ms)s ms）") % took
    if raw["status"] is None:
        return _("连接网站失败（%(problem)s，投递 %(times)s 次）") % {**took, "problem": problem}
    if problem == "refused":
        body = raw["body"][:80].partition("\n")[0]
        return _("网站拒绝了请求：HTTP %(status)s · %(ms)s ms · %(said)s") % {**took, "said": body}
    if problem == "echo":
        return _("URL 验证没有通过：HTTP %(status)s · %(ms)s ms，回答不是解密后的 echostr") % took
    if problem:
        return _("HTTP %(status)s · %(ms)s ms，但企业微信不会显示这个被动回复（%(problem)s）") % {
            **took,
            "problem": problem,
        }
    if raw["of"] == "verify":
        return _("URL 验证通过：HTTP %(status)s · %(ms)s ms，回显 %(echo)s") % {**took, "echo": raw["reply"]}
    return _("HTTP %(status)s · %(ms)s ms · 没有被动回复") % took


def _note(row: SandboxMessage, people: list[Colleague]) -> str:
    if row.kind == "outcome" and row.author == Author.APP:
        note = str(_("HTTP %(status)s · %(ms)s ms · 被动回复，签名已验证") % row.raw)
        # Not inside an f-string: xgettext does not look there.
        repeated = _("第 %s 次投递") % row.raw["deliveries"]
        return f"{note} · {repeated}" if row.raw["deliveries"] > 1 else note
    if row.author == Author.ROBOT and row.errcode == 0:
        mentioned = _section(row).get("mentioned_list") or []
        missed = [userid for userid in mentioned if userid != "@all" and not find(userid, people)]
        if missed and row.kind == "text":
            return _("没有提醒到 %s：不在群里，企业微信不会报错") % "、".join(missed)
    return ""


def _section(row: SandboxMessage) -> dict[str, Any]:
    request = row.raw.get("request")
    section = request.get(row.kind) if isinstance(request, dict) else None
    return section if isinstance(section, dict) else {}


def _card(row: SandboxMessage) -> dict[str, Any] | None:
    if row.errcode == 0 and row.kind == "template_card":
        return shown_card(_section(row))
    if row.errcode == 0 and row.kind == "textcard":
        return shown_textcard(_section(row))
    return None


def _update(row: SandboxMessage) -> dict[str, Any] | None:
    if row.kind != "card_update":
        return None
    if "card" in row.raw:
        return {"card": shown_card(row.raw["card"])}
    return {"replace_name": row.raw["replace_name"]}
