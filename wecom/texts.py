"""What WeCom is told, in Chinese. To the group no e-mail, telephone or file name, and only masked names."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from advisors.models import Advisor
from cases.models import Case, Message
from wecom.models import Notification
from wecom.textcut import cut

MAX_TEXT = 2048  # bytes of UTF-8 (DOC 99110, 90236)
PREVIEW = 60  # characters
Event = Notification.Event
# Controls, what starts a line, and what makes the rest of a line run from right to left.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def plain(text: str) -> str:
    """Return text of a person so that it cannot mention anybody, add markup, start a line or turn one around."""
    return _CONTROL.sub(" ", text).replace("<", "＜").replace("@", "＠").strip()


def local_time(moment: datetime) -> str:
    """Return the time of day in the practice's time zone; the date too when it is another day's."""
    zone = ZoneInfo(settings.TIME_ZONE)
    here = moment.astimezone(zone)
    return here.strftime("%H:%M" if here.date() == timezone.now().astimezone(zone).date() else "%m-%d %H:%M")


def group_payload(row: Notification, count: int = 0) -> dict[str, Any]:
    """Return the robot's message (DOC 99110) for a notification; `count` is of the messages it tells about."""
    return _group_text(_said(row, count), [row], row.reference)


def digest_payload(rows: list[tuple[Notification, int]]) -> dict[str, Any]:
    """Return one robot's message about many waiting cases, each with its count of messages."""
    first = rows[0][0]
    what = "久未阅读" if first.event == Event.STILL_UNREAD else "等待回复"
    lines = [f"{_head(row, count)}{_who_follows(row.advisor)}（{row.reference}）" for row, count in rows]
    unable = any(row.advisor is None or not row.advisor.wecom_userid for row, _count in rows)
    acts = [f"管理员：{settings.SITE_URL}{reverse('admin:cases_case_changelist')}"] if unable else []
    how = f"{_where()}输入 #案件号 内容 回复。查看：{settings.SITE_URL}{reverse('messages')}"
    said = "\n".join([f"【汇总】{len(rows)} 个案件{what}：", *lines, how, *acts])
    return _group_text(said, [row for row, _count in rows], first.reference)


def text_payload(row: Notification, count: int = 0) -> dict[str, Any]:
    """Return an application message as plain text (DOC 90236) to the row's advisor."""
    preview = _preview(row.case) if row.is_of_messages and row.case else ""
    content = _signed(f"{_said(row, count)}{preview}", row.reference)
    return {**addressed(row), "msgtype": "text", "text": {"content": content}}


def addressed(row: Notification) -> dict[str, Any]:
    """Return what every application message begins with: to whom, and that a repetition is not shown twice."""
    assert row.advisor is not None
    return {
        "touser": row.advisor.wecom_userid,
        "agentid": int(settings.WECHAT_AGENT_ID),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 4 * 3600,  # seconds, the longest there is
    }


def card_payload(row: Notification, count: int) -> dict[str, Any]:
    """Return a card with the button 回复此案件 (DOC 90236, button_interaction) to the row's advisor."""
    case = row.case
    assert case is not None
    card = {
        "card_type": "button_interaction",
        "source": {"desc": "佳忆"},
        "main_title": {
            "title": f"案件 #{case.number} {plain(case.member.user.masked_name)}",
            "desc": f"{_news(row, count)}，{since(row)} 起等待",
        },
        "sub_title_text": _preview(case).strip(),
        "horizontal_content_list": [{"keyname": "编号", "value": row.reference}],
        "card_action": {"type": 1, "url": page(case)},
        # Unique for ever in the app (DOC 90236), also after this site began again with an empty database.
        "task_id": f"{row.reference}-{row.created_at:%y%m%d%H%M%S}",
        "button_list": [{"text": "回复此案件", "style": 1, "key": f"reply:{case.number}"}],
    }
    return {**addressed(row), "msgtype": "template_card", "template_card": card}


def shown(payload: dict[str, Any]) -> str:
    """Return what of a payload is kept for administrators: never the client's words or e-mail address."""
    if "subject" in payload:
        return f"[邮件] {payload['subject']}"
    if "template_card" in payload:
        title = payload["template_card"]["main_title"]
        reference = payload["template_card"]["task_id"].partition("-")[0]
        return f"[卡片] {title['title']}：{title['desc']}（编号 {reference}）"
    if "text" in payload:
        return re.sub(r"\n「.*」", "\n「…」", str(payload["text"]["content"]))
    return "[更新卡片]"


def _group_text(said: str, rows: list[Notification], reference: str) -> dict[str, Any]:
    content = _signed(said, reference)
    told = [row.advisor for row in rows if row.case is not None and row.event != Event.CASE_TAKEN]
    accounts = list(dict.fromkeys(advisor.wecom_userid for advisor in told if advisor and advisor.wecom_userid))
    text: dict[str, Any] = {"content": content}
    return {"msgtype": "text", "text": {**text, "mentioned_list": accounts} if accounts else text}


def _signed(said: str, reference: str) -> str:
    """Return the text with its reference below, which stays whole however long the text is."""
    tail = f"\n（编号 {reference}）"
    return cut(said, MAX_TEXT - len(tail.encode())) + tail


def _said(row: Notification, count: int) -> str:
    write: dict[str, Callable[[Notification], str]] = {
        Event.MEMBER_REGISTERED: _member_registered,
        Event.ADVISOR_APPLIED: _advisor_applied,
        Event.ADVISOR_REVIEWED: _advisor_reviewed,
        Event.CASE_ASSIGNED: _case_assigned,
        Event.CASE_TAKEN: _case_taken,
        Event.TEST: lambda row: "【测试】这是佳忆网站的测试消息，收到即表示此通道可用。",
    }
    if row.event in write:
        return write[row.event](row)
    return _of_messages(row, count)


def _member_registered(row: Notification) -> str:
    assert row.member is not None
    return f"【新会员】{plain(row.member.user.masked_name)} 刚刚注册。\n{_admin('members_member', row.member.pk)}"


def _advisor_applied(row: Notification) -> str:
    assert row.advisor is not None
    who = plain(row.advisor.user.masked_name)
    return f"【顾问待审核】{who} 申请成为 RCIC 顾问，请管理员审核：\n{_admin('advisors_advisor', row.advisor.pk)}"


def _advisor_reviewed(row: Notification) -> str:
    assert row.advisor is not None
    return f"【顾问审核】{_name(row.advisor)}：{row.advisor.get_status_display()}。"


def _case_assigned(row: Notification) -> str:
    assert row.case is not None
    who = plain(row.case.member.user.masked_name)
    return f"【案件指派】案件 #{row.case.number}（{who}）现在由 {_name(row.advisor)} 跟进。\n查看：{page(row.case)}"


def _case_taken(row: Notification) -> str:
    assert row.case is not None
    return f"【案件转出】案件 #{row.case.number} 不再由 {_name(row.advisor)} 跟进。"


def _of_messages(row: Notification, count: int) -> str:
    case = row.case
    assert case is not None
    only_calls = 0 < count == row.missed_calls
    is_new = row.event == Event.MEMBER_WROTE and row.first_seq == 1 and case.advisor_id is None
    kind = "未接来电" if only_calls else "新案件" if is_new else "会员来信"
    kind = "久未阅读" if row.event == Event.STILL_UNREAD else kind
    preview = _preview(case) if settings.WECHAT_NOTIFY_PREVIEW and row.channel == "group" else ""
    return f"【{kind}】案件 {_head(row, count)}{preview}\n{_who_answers(row.advisor, case, is_new=is_new)}"


def _head(row: Notification, count: int) -> str:
    assert row.case is not None
    who = f"#{row.case.number}，{plain(row.case.member.user.masked_name)}"
    return f"{who}：{_news(row, count)}，{since(row)} 起等待回复。"


def _news(row: Notification, count: int) -> str:
    """Return how many messages there are, and how many missed calls; `count` is of both."""
    calls, messages = row.missed_calls, count - row.missed_calls
    words = [f"{messages} 条新消息"] if messages or not calls else []
    return "，".join([*words, *([f"{calls} 个未接来电"] if calls else [])])


def since(row: Notification) -> str:
    waiting = row.case.waiting_since if row.case else None
    return local_time(waiting or row.created_at)


def _preview(case: Case) -> str:
    """Return the beginning of the newest text that waits for an answer, on a line of its own."""
    texts = case.messages.filter(sender=case.member.user_id, recalled_at=None, kind=Message.Kind.TEXT)
    said = texts.filter(created_at__gte=case.waiting_since).last() if case.waiting_since else None
    if said is None:
        return ""
    begin = plain(said.body)
    return f"\n「{begin[:PREVIEW]}{'…' if len(begin) > PREVIEW else ''}」"


def _who_answers(advisor: Advisor | None, case: Case, *, is_new: bool) -> str:
    if case.status == Case.Status.CLOSED:  # closing it is not reading what the member wrote before
        return f"案件在有人阅读之前已结案。跟进人：{_name(advisor)}。请查看，要回复请先重新打开：\n{page(case)}"
    if advisor is None:
        new = "这是会员新开的案件，" if is_new else ""
        return f"{new}此案件还没有可用的跟进人，请管理员指派：\n{_admin('cases_case', case.pk)}"
    if not advisor.wecom_userid:
        return (
            f"跟进人 {_name(advisor)} 还没有绑定企业微信账号，请管理员绑定：\n{_admin('advisors_advisor', advisor.pk)}"
        )
    return f"跟进人：{_name(advisor)}\n{_where()}直接回复即可，或输入 #{case.number} 内容\n查看：{page(case)}"


def _where() -> str:
    return f"在「{plain(settings.WECHAT_APP_NAME)}」" if settings.WECHAT_APP_NAME else "在自建应用里"


def _who_follows(advisor: Advisor | None) -> str:
    if advisor is None:
        return "没有跟进人，请管理员指派。"
    return f"跟进人：{_name(advisor)}" + ("" if advisor.wecom_userid else "，没有绑定企业微信，请管理员绑定。")


def _name(advisor: Advisor | None) -> str:
    return plain(advisor.user.name) if advisor else "（无）"


def page(case: Case) -> str:
    return settings.SITE_URL + reverse("conversation", args=[case.number])


def _admin(model: str, pk: int) -> str:
    return settings.SITE_URL + reverse(f"admin:{model}_change", args=[pk])
