"""Texts of the notifications in WeCom, in Chinese. In the group no e-mail, telephone or file name, only masked names.

An event's texts (events.py) are templates; WORDS says what may stand in their braces. Each word is written twice, for
its reader and for the record that administrators see: the record never holds the client's name or words.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from string import Formatter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from advisors.models import Advisor
from cases.models import Case, Message
from wecom.models import Channel, Notification
from wecom.names import in_full, in_short, masked, masked_user, plain
from wecom.outbound.events import CASE_ASSIGNED
from wecom.outbound.waiting import unanswered
from wecom.textcut import cut

MAX_TEXT = 2048  # bytes of UTF-8 (DOC 99110, 90236)
PREVIEW = 60  # characters
LAST_LINES = 3
MOST_COUNTED = 999
# How messages are counted: by the site's own kinds of messages and of files (those of WeCom are in kinds.py).
COUNTED = {
    "text": "{} 条消息",
    "image": "{} 张图片",
    "audio": "{} 段语音",
    "video": "{} 个视频",
    "file": "{} 个文件",
    "call": "{} 个未接来电",
}


class Rendered(NamedTuple):
    """A text for its reader, with the record of it that administrators see."""

    text: str
    record: str


def render(template: str, row: Notification) -> Rendered:
    """Return an event's template, filled for a notification."""
    return fill(template, {name: WORDS[name](row) for name in names_in(template)})


def fill(template: str, words: Mapping[str, str | Rendered]) -> Rendered:
    """Return the template with these words in its braces; a plain str is the same in the record."""
    both = {name: word if isinstance(word, Rendered) else Rendered(word, word) for name, word in words.items()}
    return Rendered(
        template.format(**{name: word.text for name, word in both.items()}),
        template.format(**{name: word.record for name, word in both.items()}),
    )


def names_in(template: str) -> list[str]:
    """Return the names that stand in a template's braces."""
    return [name for _text, name, _format, _conversion in Formatter().parse(template) if name]


def signed(rendered: Rendered, reference: str) -> Rendered:
    """Return the text with its reference below, which stays whole however long the text is."""
    tail = f"\n（编号 {reference}）"
    room = MAX_TEXT - len(tail.encode())
    return Rendered(cut(rendered.text, room) + tail, cut(rendered.record, room) + tail)


def local_time(moment: datetime) -> str:
    """Return the time of day in the practice's time zone; the date too when it is another day's."""
    zone = ZoneInfo(settings.TIME_ZONE)
    here = moment.astimezone(zone)
    return here.strftime("%H:%M" if here.date() == timezone.now().astimezone(zone).date() else "%m-%d %H:%M")


def waits(row: Notification) -> str:
    """Return what a locked screen must show: what waits, and since when."""
    first = row.rules.urgency or ("新案件，" if _is_new(row) else "现在由您跟进，" if _is_given(row) else "")
    return f"{first}{came_since(row)}"


def came_since(row: Notification) -> str:
    """Return 「2 条消息，16:01 起等待」."""
    return f"{counted(row.came)}，{local_time(waits_since(row))} 起等待"


def counted(came: Mapping[str, int]) -> str:
    """Return how many messages of which kind there are: 「2 条消息、1 张图片」. No name, no content."""
    return "、".join(words.format(_capped(came[kind])) for kind, words in COUNTED.items() if came.get(kind))


def _capped(number: int) -> str:
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else str(number)


def waits_since(row: Notification) -> datetime:
    """Return since when the member waits for a reply; without that, when the notification was written."""
    return (row.case.waiting_since if row.case else None) or row.created_at


def last_lines(case: Case) -> Rendered:
    """Return the last messages that wait for an answer, one a line: the beginnings of texts, the names of files."""
    return _private_lines(_last_lines(case))


def where() -> str:
    """Return where advisors write in WeCom: 在「佳忆顾问」, or 在自建应用里 when the app's name is not set."""
    return f"在「{plain(settings.WECHAT_APP_NAME)}」" if settings.WECHAT_APP_NAME else "在自建应用里"


def name_of(advisor: Advisor | None) -> str:
    """Return an advisor's name as plain text, or （无）."""
    return plain(advisor.user.name) if advisor else "（无）"


def page(case: Case) -> str:
    """Return the whole URL of a case's conversation."""
    return settings.SITE_URL + reverse("conversation", args=[case.number])


def admin_list(model: str) -> str:
    """Return the whole URL of a list in the admin; `model` is as in `cases_case`."""
    return settings.SITE_URL + reverse(f"admin:{model}_changelist")


def _admin_page(model: str, pk: int) -> str:
    return settings.SITE_URL + reverse(f"admin:{model}_change", args=[pk])


def _is_new(row: Notification) -> bool:
    """Return whether it tells of a case that was just opened and has no follow-up advisor."""
    case = row.case
    return not row.rules.urgency and row.first_seq == 1 and case is not None and case.advisor_id is None


def _is_given(row: Notification) -> bool:
    """Return whether its advisor was just given the case, and has not been told so by another notification."""
    if row.channel != Channel.Name.APP or row.advisor is None or row.case is None:
        return False
    untold = Notification.objects.filter(event=CASE_ASSIGNED.name, state=Notification.State.WAITING)
    return untold.filter(case=row.case, advisor=row.advisor).exists()


def _there_waits(row: Notification) -> str:
    """Return the line that the member waits, if they do, for a notification sent for another reason."""
    return f"会员在等待回复：{counted(row.came)}，{local_time(waits_since(row))} 起。" if row.came else ""


def _preview(case: Case) -> str:
    """Return the beginning of the newest text that waits for an answer, on a line of its own."""
    text = unanswered(case).filter(kind=Message.Kind.TEXT).last()
    return _line(plain(text.body)) if text else ""


def _last_lines(case: Case) -> str:
    last = unanswered(case).select_related("attachment").order_by("-seq")[:LAST_LINES]
    return "".join(_line(_in_words(message)) for message in reversed(last))


def _in_words(message: Message) -> str:
    attachment = getattr(message, "attachment", None)
    if attachment is None:
        return plain(message.body) if message.kind == Message.Kind.TEXT else message.get_kind_display()
    return f"[{attachment.get_kind_display()}] {plain(attachment.name)}"


def _line(text: str) -> str:
    return f"\n「{text[:PREVIEW]}{'…' if len(text) > PREVIEW else ''}」"


def _private_lines(lines: str) -> Rendered:
    """Return lines that quote the client; the record holds only how many there were."""
    return Rendered(lines, "\n「…」" * lines.count("\n"))


def _who_answers(row: Notification) -> str:
    case, advisor = _case(row), row.advisor
    if case.status == Case.Status.CLOSED:  # closed, but not read: the member's messages still wait
        return f"案件在有人阅读之前已结案。跟进人：{name_of(advisor)}。请查看，要回复请先重新打开：\n{page(case)}"
    if advisor is None:
        new = "这是会员新开的案件，" if _is_new(row) else ""
        return f"{new}此案件还没有可用的跟进人，请管理员指派：\n{_admin_page('cases_case', case.pk)}"
    if not advisor.wecom_userid:
        unbound = f"跟进人 {name_of(advisor)} 还没有绑定企业微信账号"
        return f"{unbound}，请管理员绑定：\n{_admin_page('advisors_advisor', advisor.pk)}"
    return f"跟进人：{name_of(advisor)}\n{where()}直接回复即可，或输入 #{case.number} 内容\n查看：{page(case)}"


def _how_to_answer(row: Notification) -> str:
    case = _case(row)
    if case.status == Case.Status.CLOSED:
        return "案件已结案，要回复请先重新打开。"
    return f"直接回复即可，或输入 #{case.number} 内容"


def _case(row: Notification) -> Case:
    assert row.case is not None
    return row.case


def _full(row: Notification) -> Rendered:
    return Rendered(in_full(_case(row)), masked(_case(row)))


def _short(row: Notification) -> Rendered:
    return Rendered(in_short(_case(row)), masked(_case(row)))


def _if_allowed(row: Notification, named: Rendered) -> Rendered:
    """Return a case's name for the advisor it was taken from: the masked one if they may not work any more."""
    return named if row.advisor and row.advisor.may_work else Rendered(named.record, named.record)


def _chosen(row: Notification) -> str:
    case = _case(row)
    return f"正在回复 #{case.number}" if case.advisor_id == row.advisor_id else "案件已不由您跟进"


def _advisor(row: Notification) -> Advisor:
    assert row.advisor is not None
    return row.advisor


def _member(row: Notification) -> str:
    assert row.member is not None
    return masked_user(row.member.user)


WORDS: dict[str, Callable[[Notification], str | Rendered]] = {
    "advisor": lambda row: name_of(row.advisor),
    "advisor_link": lambda row: _admin_page("advisors_advisor", _advisor(row).pk),
    "advisor_status": lambda row: _advisor(row).get_status_display(),
    "applicant": lambda row: masked_user(_advisor(row).user),
    "came_since": came_since,
    "case": _full,
    "case_if_allowed": lambda row: _if_allowed(row, _full(row)),
    "case_in_short": _short,
    "case_in_short_if_allowed": lambda row: _if_allowed(row, _short(row)),
    "chosen": _chosen,
    "colon": lambda row: "：" if row.came else "",
    "how_to_answer": _how_to_answer,
    "last_lines": lambda row: last_lines(_case(row)),
    "masked": lambda row: masked(_case(row)),
    "member": _member,
    "member_link": lambda row: _admin_page("members_member", row.member_id or 0),
    "page": lambda row: page(_case(row)),
    "preview": lambda row: _private_lines(_preview(_case(row))) if settings.WECHAT_NOTIFY_PREVIEW else "",
    "there_waits": _there_waits,
    "waits": waits,
    "who_answers": _who_answers,
}
