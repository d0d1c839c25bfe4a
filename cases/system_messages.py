"""Texts of system messages: stored in Chinese for the record, shown in the reader's language."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from cases.models import Message

Notice = Message.Notice

TEXTS = {
    Notice.ADVISOR: _("本案件的跟进人现在是 %s。"),
    Notice.NO_ADVISOR: _("本案件暂时没有跟进人，我们会尽快安排。"),
    Notice.CLOSED: _("案件已结案。"),
    Notice.REOPENED: _("案件已重新打开。"),
}


def text_of(notice: str, name: str) -> str:
    """Return the text of a notice in the active language, with the advisor's name in it."""
    text = str(TEXTS[Notice(notice)])
    return text.replace("%s", name)


def record_of(notice: str, name: str) -> str:
    """Return what is kept as the message's body."""
    with override("zh-hans"):
        return text_of(notice, name)
