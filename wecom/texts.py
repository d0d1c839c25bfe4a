"""What the group is told, in Chinese. No message text, file name, e-mail or telephone, and only masked names."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from advisors.models import Advisor
from wecom.models import Notification
from wecom.textcut import cut

MAX_TEXT = 2048  # bytes of UTF-8 (DOC 99110)
Event = Notification.Event


def plain(text: str) -> str:
    """Return text of a person so that it cannot mention anybody, add markup or start a line of its own."""
    return re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text).replace("<", "＜").replace("@", "＠").strip()


def local_time(moment: datetime) -> str:
    """Return the time of day in the practice's time zone; the date too when it is another day's."""
    here = moment.astimezone(ZoneInfo(settings.TIME_ZONE))
    today = datetime.now(ZoneInfo(settings.TIME_ZONE)).date()
    return here.strftime("%H:%M" if here.date() == today else "%m-%d %H:%M")


def group_payload(notification: Notification, count: int = 0) -> dict[str, Any]:
    """Return the robot's message (DOC 99110) for a notification; `count` is of the messages it tells about."""
    content = cut(f"{_said(notification, count)}\n（编号 {notification.reference}）", MAX_TEXT)
    mentioned = notification.advisor if notification.event == Event.MEMBER_WROTE else None
    payload: dict[str, Any] = {"msgtype": "text", "text": {"content": content}}
    if mentioned is not None and mentioned.wecom_userid:
        payload["text"]["mentioned_list"] = [mentioned.wecom_userid]
    return payload


def _said(notification: Notification, count: int) -> str:
    if notification.event == Event.MEMBER_REGISTERED:
        return _member_registered(notification)
    if notification.event == Event.ADVISOR_APPLIED:
        return _advisor_applied(notification)
    return _member_wrote(notification, count)


def _member_registered(notification: Notification) -> str:
    member = notification.member
    assert member is not None
    return f"【新会员】{plain(member.user.masked_name)} 刚刚注册。\n{_admin('members_member', member.pk)}"


def _advisor_applied(notification: Notification) -> str:
    advisor = notification.advisor
    assert advisor is not None
    return (
        f"【顾问待审核】{plain(advisor.user.masked_name)} 申请成为 RCIC 顾问，请管理员审核：\n"
        f"{_admin('advisors_advisor', advisor.pk)}"
    )


def _member_wrote(notification: Notification, count: int) -> str:
    case = notification.case
    assert case is not None
    since = local_time(case.waiting_since or notification.created_at)
    who = f"案件 #{case.number}，{plain(case.member.user.masked_name)}"
    head = f"【会员来信】{who}：{count} 条新消息，{since} 起等待回复。"
    return f"{head}\n{_who_answers(notification.advisor, case.number, case.pk)}"


def _who_answers(advisor: Advisor | None, number: int, pk: int) -> str:
    if advisor is None:
        return f"此案件还没有跟进人，请管理员指派：\n{_admin('cases_case', pk)}"
    if not advisor.wecom_userid:
        return (
            f"跟进人 {plain(advisor.user.name)} 还没有绑定企业微信账号，请管理员绑定：\n"
            f"{_admin('advisors_advisor', advisor.pk)}"
        )
    app = f"在「{plain(settings.WECHAT_APP_NAME)}」" if settings.WECHAT_APP_NAME else "在自建应用里"
    page = settings.SITE_URL + reverse("conversation", args=[number])
    return f"跟进人：{plain(advisor.user.name)}\n{app}直接回复即可，或输入 #{number} 内容\n查看：{page}"


def _admin(model: str, pk: int) -> str:
    return settings.SITE_URL + reverse(f"admin:{model}_change", args=[pk])
