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


def plain(text: str) -> str:
    """Return text of a person so that it cannot mention anybody, add markup or start a line of its own."""
    return re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text).replace("<", "＜").replace("@", "＠").strip()


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
    lines = [f"{_head(row, count)} 跟进人：{_name(row.advisor)}" for row, count in rows]
    said = "\n".join([f"【汇总】{len(rows)} 个案件等待回复：", *lines, "请输入 #案件号 内容 回复。"])
    return _group_text(said, [row for row, _count in rows], rows[0][0].reference)


def text_payload(row: Notification, count: int = 0) -> dict[str, Any]:
    """Return an application message as plain text (DOC 90236) to the row's advisor."""
    preview = _preview(row.case) if row.is_of_messages and row.case else ""
    content = cut(f"{_said(row, count)}{preview}\n（编号 {row.reference}）", MAX_TEXT)
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
            "desc": f"{count} 条新消息，{since(row)} 起等待",
        },
        "sub_title_text": _preview(case).strip(),
        "horizontal_content_list": [{"keyname": "编号", "value": row.reference}],
        "card_action": {"type": 1, "url": page(case)},
        "task_id": row.reference,
        "button_list": [{"text": "回复此案件", "style": 1, "key": f"reply:{case.number}"}],
    }
    return {**addressed(row), "msgtype": "template_card", "template_card": card}


def shown(payload: dict[str, Any]) -> str:
    """Return what of a payload is kept for administrators: never the client's words or e-mail address."""
    if "subject" in payload:
        return f"[邮件] {payload['subject']}"
    if "template_card" in payload:
        title = payload["template_card"]["main_title"]
        return f"[卡片] {title['title']}：{title['desc']}（编号 {payload['template_card']['task_id']}）"
    if "text" in payload:
        return re.sub(r"\n「.*」", "\n「…」", str(payload["text"]["content"]))
    return "[更新卡片]"


def _group_text(said: str, rows: list[Notification], reference: str) -> dict[str, Any]:
    content = cut(f"{said}\n（编号 {reference}）", MAX_TEXT)
    told = [row.advisor for row in rows if row.case is not None and row.event != Event.CASE_TAKEN]
    accounts = list(dict.fromkeys(advisor.wecom_userid for advisor in told if advisor and advisor.wecom_userid))
    text: dict[str, Any] = {"content": content}
    return {"msgtype": "text", "text": {**text, "mentioned_list": accounts} if accounts else text}


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
    is_new = row.event == Event.MEMBER_WROTE and row.first_seq == 1 and case.advisor_id is None
    kind = "久未阅读" if row.event == Event.STILL_UNREAD else "新案件" if is_new else "会员来信"
    preview = _preview(case) if settings.WECHAT_NOTIFY_PREVIEW and row.channel == "group" else ""
    return f"【{kind}】案件 {_head(row, count)}{preview}\n{_who_answers(row.advisor, case, is_new=is_new)}"


def _head(row: Notification, count: int) -> str:
    assert row.case is not None
    who = f"#{row.case.number}，{plain(row.case.member.user.masked_name)}"
    return f"{who}：{count} 条新消息，{since(row)} 起等待回复。"


def since(row: Notification) -> str:
    waiting = row.case.waiting_since if row.case else None
    return local_time(waiting or row.created_at)


def _preview(case: Case) -> str:
    """Return the beginning of the member's newest message, on a line of its own."""
    said = case.messages.filter(sender=case.member.user_id, recalled_at=None, kind=Message.Kind.TEXT).last()
    if said is None:
        return ""
    begin = plain(said.body)
    return f"\n「{begin[:PREVIEW]}{'…' if len(begin) > PREVIEW else ''}」"


def _who_answers(advisor: Advisor | None, case: Case, *, is_new: bool) -> str:
    if advisor is None:
        new = "这是会员新开的案件，" if is_new else ""
        return f"{new}此案件还没有可用的跟进人，请管理员指派：\n{_admin('cases_case', case.pk)}"
    if not advisor.wecom_userid:
        return (
            f"跟进人 {_name(advisor)} 还没有绑定企业微信账号，请管理员绑定：\n{_admin('advisors_advisor', advisor.pk)}"
        )
    app = f"在「{plain(settings.WECHAT_APP_NAME)}」" if settings.WECHAT_APP_NAME else "在自建应用里"
    return f"跟进人：{_name(advisor)}\n{app}直接回复即可，或输入 #{case.number} 内容\n查看：{page(case)}"


def _name(advisor: Advisor | None) -> str:
    return plain(advisor.user.name) if advisor else "（无）"


def page(case: Case) -> str:
    return settings.SITE_URL + reverse("conversation", args=[case.number])


def _admin(model: str, pk: int) -> str:
    return settings.SITE_URL + reverse(f"admin:{model}_change", args=[pk])
