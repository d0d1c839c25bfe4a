"""What WeCom is told, in Chinese. To the group no e-mail, telephone or file name, and only masked names."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from advisors.models import Advisor
from cases.models import Case, Message
from wecom.models import Channel, Notification
from wecom.names import in_full, in_short, masked, masked_user, plain
from wecom.outbound.decision import unanswered
from wecom.textcut import cut

MAX_TEXT = 2048  # bytes of UTF-8 (DOC 99110, 90236)
PREVIEW = 60  # characters
LAST_LINES = 3
MOST_COUNTED = 999
# What the site calls what comes, counted; of messages by their kind, of files by the kind of file.
KINDS = {
    "text": "{} 条消息",
    "image": "{} 张图片",
    "audio": "{} 段语音",
    "video": "{} 个视频",
    "file": "{} 个文件",
    "call": "{} 个未接来电",
}
Event = Notification.Event
Payload = dict[str, Any]


def local_time(moment: datetime) -> str:
    """Return the time of day in the practice's time zone; the date too when it is another day's."""
    zone = ZoneInfo(settings.TIME_ZONE)
    here = moment.astimezone(zone)
    return here.strftime("%H:%M" if here.date() == timezone.now().astimezone(zone).date() else "%m-%d %H:%M")


def group_payload(row: Notification) -> Payload:
    """Return the robot's message (DOC 99110) for a notification."""
    return group_text(_said(row), [row], row.reference)


def text_payload(row: Notification) -> Payload:
    """Return an application message as plain text (DOC 90236) to the row's advisor, who alone reads it."""
    return direct_text(_to_advisor(row) if row.case else _said(row), row)


def direct_text(said: str, row: Notification) -> Payload:
    """Return the application message that says this to the row's advisor, with the row's reference."""
    return {**addressed(row), "msgtype": "text", "text": {"content": _signed(said, row.reference)}}


def addressed(row: Notification) -> Payload:
    """Return what every application message begins with: to whom, and that a repetition is not shown twice."""
    assert row.advisor is not None
    return {
        "touser": row.advisor.wecom_userid,
        "agentid": int(settings.WECHAT_AGENT_ID),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 4 * 3600,  # seconds, the longest there is
    }


def card_payload(row: Notification) -> Payload:
    """Return a card with the button 回复此案件 (DOC 90236, button_interaction) to the row's advisor."""
    case = row.case
    assert case is not None
    short, full = in_short(case), in_full(case)
    called = [] if short == full else [{"keyname": "案件", "value": full}]
    card = {
        "card_type": "button_interaction",
        "source": {"desc": "佳忆"},
        "main_title": {"title": short, "desc": _waits(row)},
        "sub_title_text": _last_lines(case).strip(),
        "horizontal_content_list": [*called, {"keyname": "编号", "value": row.reference}],
        "card_action": {"type": 1, "url": page(case)},
        # Unique for ever in the app (DOC 90236), also after this site began again with an empty database, and of each
        # card that is written: a repetition of this one is this one, another for somebody else is not.
        "task_id": f"{row.reference}-{row.created_at:%y%m%d%H%M%S}-{row.attempts}",
        "button_list": [{"text": "回复此案件", "style": 1, "key": f"reply:{case.number}"}],
    }
    return {**addressed(row), "msgtype": "template_card", "template_card": card}


def shown(payload: Payload, row: Notification, together: list[Notification]) -> str:
    """Return what of a payload is kept for administrators: never the client's name, words or e-mail address.

    `together` are all the rows that it tells about.
    """
    if "subject" in payload:
        return f"[邮件] {payload['subject']}"
    if "template_card" in payload:
        said = payload["template_card"]["main_title"]["desc"]
        return f"[卡片] {masked(row.case) if row.case else ''}：{said}（编号 {row.reference}）"
    if "text" in payload:
        text = re.sub(r"\n「.*」", "\n「…」", str(payload["text"]["content"]))
        for case in [one.case for one in together if one.case]:
            text = text.replace(in_full(case), masked(case)).replace(in_short(case), masked(case))
        return text
    return "[更新卡片]"


def group_text(said: str, rows: list[Notification], reference: str) -> Payload:
    """Return the robot's message that says this, with whoever follows the cases of these rows mentioned."""
    content = _signed(said, reference)
    told = [row.advisor for row in rows if row.case is not None and row.event != Event.CASE_TAKEN]
    accounts = list(dict.fromkeys(advisor.wecom_userid for advisor in told if advisor and advisor.wecom_userid))
    text: Payload = {"content": content}
    return {"msgtype": "text", "text": {**text, "mentioned_list": accounts} if accounts else text}


def _signed(said: str, reference: str) -> str:
    """Return the text with its reference below, which stays whole however long the text is."""
    tail = f"\n（编号 {reference}）"
    return cut(said, MAX_TEXT - len(tail.encode())) + tail


def _said(row: Notification) -> str:
    """Return what the group is told."""
    write: dict[str, Callable[[Notification], str]] = {
        Event.MEMBER_REGISTERED: _member_registered,
        Event.ADVISOR_APPLIED: _advisor_applied,
        Event.ADVISOR_REVIEWED: _advisor_reviewed,
        Event.CASE_ASSIGNED: _case_assigned,
        Event.CASE_TAKEN: _case_taken,
        Event.TEST: lambda row: "【测试】这是佳忆网站的测试消息，收到即表示此通道可用。",
    }
    return write[row.event](row) if row.event in write else _of_messages(row)


def _member_registered(row: Notification) -> str:
    assert row.member is not None
    return f"【新会员】{masked_user(row.member.user)} 刚刚注册。\n{_admin('members_member', row.member.pk)}"


def _advisor_applied(row: Notification) -> str:
    assert row.advisor is not None
    who = masked_user(row.advisor.user)
    return f"【顾问待审核】{who} 申请成为 RCIC 顾问，请管理员审核：\n{_admin('advisors_advisor', row.advisor.pk)}"


def _advisor_reviewed(row: Notification) -> str:
    assert row.advisor is not None
    return f"【顾问审核】{name_of(row.advisor)}：{row.advisor.get_status_display()}。"


def _case_assigned(row: Notification) -> str:
    assert row.case is not None
    said = f"{masked(row.case)}：案件指派，现在由 {name_of(row.advisor)} 跟进。{there_waits(row)}"
    return f"{said}\n查看：{page(row.case)}"


def _case_taken(row: Notification) -> str:
    assert row.case is not None
    return f"{masked(row.case)}：案件转出，不再由 {name_of(row.advisor)} 跟进。"


def _of_messages(row: Notification) -> str:
    case = row.case
    assert case is not None
    preview = _preview(case) if settings.WECHAT_NOTIFY_PREVIEW else ""
    return f"{masked(case)}：{_waits(row)}{preview}\n{_who_answers(row.advisor, case, is_new=_is_new(row))}"


def _is_new(row: Notification) -> bool:
    """Whether it tells of a case that was just opened and that nobody follows."""
    case = row.case
    return row.event == Event.MEMBER_WROTE and row.first_seq == 1 and case is not None and case.advisor_id is None


def _to_advisor(row: Notification) -> str:
    """Return what the advisor reads alone, of a case that is theirs, or was until now."""
    case, advisor = row.case, row.advisor
    assert case is not None
    if row.event == Event.CASE_ASSIGNED:
        return f"{in_full(case)}：案件指派，现在由您跟进。{there_waits(row)}\n查看：{page(case)}"
    if row.event == Event.CASE_TAKEN:
        # Who was suspended reads no more of it than that it is gone.
        called = in_full(case) if advisor and advisor.may_work else masked(case)
        return f"{called}：案件转出，不再由您跟进。"
    closed = case.status == Case.Status.CLOSED
    how = "案件已结案，要回复请先重新打开。" if closed else f"直接回复即可，或输入 #{case.number} 内容"
    return f"{in_full(case)}：{_waits(row)}{_last_lines(case)}\n{how}\n查看：{page(case)}"


def _waits(row: Notification) -> str:
    """Return what a locked screen must show: what waits, and since when."""
    kinds = {Event.STILL_UNREAD: "久未阅读，", Event.STILL_UNANSWERED: "久未回复，"}
    kind = kinds.get(Event(row.event), "新案件，" if _is_new(row) else "现在由您跟进，" if _is_given(row) else "")
    return f"{kind}{news(row.came)}，{local_time(waits_since(row))} 起等待"


def _is_given(row: Notification) -> bool:
    """Whether it is the first that its advisor hears of a case that was just given to them."""
    if row.channel != Channel.Name.APP or row.advisor is None or row.case is None:
        return False
    untold = Notification.objects.filter(event=Event.CASE_ASSIGNED, state=Notification.State.WAITING)
    return untold.filter(case=row.case, advisor=row.advisor).exists()


def there_waits(row: Notification) -> str:
    """Return that somebody waits in a case that is told about for another reason, if anybody does."""
    return f"会员在等待回复：{news(row.came)}，{local_time(waits_since(row))} 起。" if row.came else ""


def news(came: Mapping[str, int]) -> str:
    """Return how many messages of which kind there are: 「2 条消息、1 张图片」. No name, no content."""
    return "、".join(words.format(_capped(came[kind])) for kind, words in KINDS.items() if came.get(kind))


def _capped(number: int) -> str:
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else str(number)


def waits_since(row: Notification) -> datetime:
    return (row.case.waiting_since if row.case else None) or row.created_at


def _preview(case: Case) -> str:
    """Return the beginning of the newest text that waits for an answer, on a line of its own."""
    text = unanswered(case).filter(kind=Message.Kind.TEXT).last()
    return _line(plain(text.body)) if text else ""


def _last_lines(case: Case) -> str:
    """Return the last messages that wait for an answer, one a line: the beginnings of texts, the names of files."""
    last = unanswered(case).select_related("attachment").order_by("-seq")[:LAST_LINES]
    return "".join(_line(_in_words(message)) for message in reversed(last))


def _in_words(message: Message) -> str:
    attachment = getattr(message, "attachment", None)
    if attachment is None:
        return plain(message.body) if message.kind == Message.Kind.TEXT else message.get_kind_display()
    return f"[{attachment.get_kind_display()}] {plain(attachment.name)}"


def _line(said: str) -> str:
    return f"\n「{said[:PREVIEW]}{'…' if len(said) > PREVIEW else ''}」"


def _who_answers(advisor: Advisor | None, case: Case, *, is_new: bool) -> str:
    if case.status == Case.Status.CLOSED:  # closing it is not reading what the member wrote before
        return f"案件在有人阅读之前已结案。跟进人：{name_of(advisor)}。请查看，要回复请先重新打开：\n{page(case)}"
    if advisor is None:
        new = "这是会员新开的案件，" if is_new else ""
        return f"{new}此案件还没有可用的跟进人，请管理员指派：\n{_admin('cases_case', case.pk)}"
    if not advisor.wecom_userid:
        unbound = f"跟进人 {name_of(advisor)} 还没有绑定企业微信账号"
        return f"{unbound}，请管理员绑定：\n{_admin('advisors_advisor', advisor.pk)}"
    return f"跟进人：{name_of(advisor)}\n{where()}直接回复即可，或输入 #{case.number} 内容\n查看：{page(case)}"


def where() -> str:
    return f"在「{plain(settings.WECHAT_APP_NAME)}」" if settings.WECHAT_APP_NAME else "在自建应用里"


def name_of(advisor: Advisor | None) -> str:
    return plain(advisor.user.name) if advisor else "（无）"


def page(case: Case) -> str:
    return settings.SITE_URL + reverse("conversation", args=[case.number])


def _admin(model: str, pk: int) -> str:
    return settings.SITE_URL + reverse(f"admin:{model}_change", args=[pk])
