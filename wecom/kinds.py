"""What WeCom calls the kinds of messages and events (DOC 90239, 90240), in words for people."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

EVENT = "event"
MESSAGES: dict[str, Promise] = {
    "text": gettext_lazy("文字"),
    "image": gettext_lazy("图片"),
    "voice": gettext_lazy("语音"),
    "video": gettext_lazy("视频"),
    "file": gettext_lazy("文件"),
    "location": gettext_lazy("位置"),
    "link": gettext_lazy("链接"),
    EVENT: gettext_lazy("事件"),
}
EVENTS: dict[str, Promise] = {
    "enter_agent": gettext_lazy("进入应用"),
    "template_card_event": gettext_lazy("卡片按钮"),
    "template_card_menu_event": gettext_lazy("卡片菜单"),
    "subscribe": gettext_lazy("成为应用成员"),
    "unsubscribe": gettext_lazy("不再是应用成员"),
    "click": gettext_lazy("应用菜单"),
    "view": gettext_lazy("应用菜单"),
    "location": gettext_lazy("上报位置"),
}


def kind_in_words(message_type: str, event: str = "") -> str:
    """Return 图片 or 事件：卡片按钮, in the reader's language; with WeCom's own code for what we have no word for."""
    kind = message_type.lower()
    if kind != EVENT or not event:
        return str(MESSAGES.get(kind) or _("未知类型（%s）") % message_type)
    known = EVENTS.get(event.lower())
    return _("事件：%s") % known if known else _("未知事件（%s）") % event
