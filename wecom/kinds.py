"""Names for WeCom's kinds of messages and callback events (DOC 90239, 90240), as people read them.

How people read them: in the admin in the reader's language, in receipts in Chinese.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

EVENT_TYPE = "event"  # the MsgType of every callback event
MESSAGE_TYPES: dict[str, Promise] = {
    "text": gettext_lazy("文字"),
    "image": gettext_lazy("图片"),
    "voice": gettext_lazy("语音"),
    "video": gettext_lazy("视频"),
    "file": gettext_lazy("文件"),
    "location": gettext_lazy("位置"),
    "link": gettext_lazy("链接"),
    EVENT_TYPE: gettext_lazy("事件"),
}
CALLBACK_EVENTS: dict[str, Promise] = {
    "enter_agent": gettext_lazy("进入应用"),
    "template_card_event": gettext_lazy("卡片按钮"),
    "template_card_menu_event": gettext_lazy("卡片菜单"),
    "subscribe": gettext_lazy("成为应用成员"),
    "unsubscribe": gettext_lazy("不再是应用成员"),
    "click": gettext_lazy("应用菜单"),
    "view": gettext_lazy("应用菜单"),
    "location": gettext_lazy("上报位置"),
}


# In receipts and in the names of files, which are Chinese for every reader; a text is called a message there.
IN_RECEIPTS = {"text": "消息", "image": "图片", "voice": "语音", "video": "视频", "file": "文件"}


def kind_in_receipt(message_type: str) -> str:
    """Return 消息, 图片, 语音, 视频 or 文件 for a MsgType as WeCom spells it; 内容 for any other."""
    return IN_RECEIPTS.get(message_type, "内容")


def kind_in_words(message_type: str, event: str = "") -> str:
    """Return 图片 or 事件：卡片按钮 in the reader's language, for a MsgType and the name of a callback event.

    Case does not matter. A kind without a name here is shown by WeCom's own code.
    """
    kind = message_type.lower()
    if kind != EVENT_TYPE or not event:
        return str(MESSAGE_TYPES.get(kind) or _("未知类型（%s）") % message_type)
    known = CALLBACK_EVENTS.get(event.lower())
    return _("事件：%s") % known if known else _("未知事件（%s）") % event
