"""Actions of the sandbox page: each is shown in the chat, sent to the callback, and its result shown.

No transaction is open while the site is asked: with SQLite it would wait for us, and we for it.
"""

import dataclasses
import threading
from collections.abc import Callable
from functools import cache, partial

from django.conf import settings
from django.utils.translation import gettext as _

from jiayi.errors import Conflict, Gone, InvalidInput
from wecom.sandbox import inbound
from wecom.sandbox.app import new_response_code
from wecom.sandbox.callback import Result, call_back, keys, verify
from wecom.sandbox.inbound import Doing
from wecom.sandbox.models import SandboxMessage
from wecom.sandbox.store import record

MAX_TEXT = 10_000  # characters
_COLLEAGUE, _SANDBOX = SandboxMessage.Author.COLLEAGUE, SandboxMessage.Author.SANDBOX

_SENDING: dict[str, Callable[[str], Doing]] = {
    "enter_agent": inbound.enter_agent,
    "location": inbound.location,
    "link": inbound.link,
    "unknown": inbound.unknown,
    **{kind: partial(inbound.medium, kind=kind) for kind in sorted(inbound.MEDIA)},
}


def say(userid: str, text: str) -> Result:
    """Write to the app as this colleague. Raises InvalidInput for an empty or very long text; see act."""
    if not text.strip():
        raise InvalidInput(_("请输入内容。"))
    if len(text) > MAX_TEXT:
        raise InvalidInput(_("内容太长，沙箱最多发送 %d 字。") % MAX_TEXT)
    return _do(inbound.text(userid, text))


def act(userid: str, event: str) -> Result:
    """Do one of the things there are buttons for.

    Raises InvalidInput for an unknown one or a callback that is not configured, Conflict when too much is under way.
    """
    if event in _SENDING:
        return _do(_SENDING[event](userid))
    if event == "resend":
        return _resend(userid)
    if event == "forged":
        return _show("forged", userid, lambda: _forged(userid))
    if event == "verify":
        return _show("verify", userid, verify)
    raise InvalidInput(_("沙箱不认识这个操作。"))


def press(userid: str, message_id: int, key: str) -> Result:
    """Press a button of a card in this colleague's chat. Raises Gone when there is no such card or button; see act."""
    card = SandboxMessage.objects.filter(
        pk=message_id, author=SandboxMessage.Author.APP, kind="template_card", userid__iexact=userid
    ).first()
    if card is None:
        raise Gone(_("没有找到这张卡片。"))
    label = _buttons(card).get(key)
    if label is None:
        raise Gone(_("卡片上没有这个按钮。"))
    code = new_response_code()
    doing = inbound.press_button(userid, key=key, label=label, task_id=card.handle, response_code=code)
    return _do(doing, response_code=code)


def _do(doing: Doing, **extra: str) -> Result:
    raw = {"plaintext": doing.plaintext, "msg_id": doing.msg_id, **extra}
    fields: dict[str, object] = {"userid": doing.userid, "text": doing.text, "handle": doing.handle, "raw": raw}
    return _show(doing.kind, doing.userid, lambda: _call_back(doing), fields)


def _call_back(doing: Doing) -> Result:
    return call_back(doing.plaintext, doing.userid, inbound.agent_id())


def _forged(userid: str) -> Result:
    return call_back(
        inbound.text(userid, _("这条消息的签名是伪造的")).plaintext, userid, inbound.agent_id(), forged=True
    )


def _resend(userid: str) -> Result:
    rows = SandboxMessage.objects.filter(author=_COLLEAGUE, userid__iexact=userid, raw__has_key="plaintext")
    last = rows.order_by("-pk").first()
    if last is None:
        raise Conflict(_("还没有可以重发的消息。"))
    plaintext = last.raw["plaintext"]
    return _show(
        "resend",
        userid,
        lambda: call_back(plaintext, last.userid, inbound.agent_id()),
        {"userid": userid, "text": last.text, "raw": {"msg_id": last.raw["msg_id"], "plaintext": plaintext}},
    )


def _show(kind: str, userid: str, ask: Callable[[], Result], fields: dict[str, object] | None = None) -> Result:
    """Record the action, call the site, record the result."""
    try:
        keys()
    except ValueError as problem:
        raise InvalidInput(_("回调没有配置好：%s") % problem) from None
    if not _slots().acquire(blocking=False):
        raise Conflict(_("同时进行的操作太多，请稍后再试。"))
    try:
        author = _SANDBOX if kind in {"resend", "forged", "verify"} else _COLLEAGUE
        record(author, kind, **(fields or {"userid": userid}))
        outcome = ask()
    finally:
        _slots().release()
    shown = SandboxMessage.Author.APP if outcome.reply and kind != "verify" else _SANDBOX
    raw = {**dataclasses.asdict(outcome), "of": kind}
    record(shown, "outcome", userid=userid, text=outcome.reply, raw=raw)
    return outcome


@cache
def _slots() -> threading.BoundedSemaphore:
    # Who asks holds one of this process's threads, and answering takes another: one is always left over for that.
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS - 1))


def _buttons(card: SandboxMessage) -> dict[str, str]:
    """Give key and label of every button the card has had."""
    updates = SandboxMessage.objects.filter(handle=card.handle, kind="card_update", userid__iexact=card.userid)
    cards = [card.raw["request"]["template_card"], *(row.raw.get("card") or {} for row in updates)]
    return {button.get("key"): button.get("text") for one in cards for button in one.get("button_list") or []}
