"""The ways to people: the group robot, the self-built app, and e-mail. What each needs, writes and does."""

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wecom.api.addresses import robot_address
from wecom.api.client import Answer, WeComError, send_to_group, send_to_member, undelivered, update_card
from wecom.api.errcodes import Verdict
from wecom.api.tokens import with_token
from wecom.models import Channel, Notification
from wecom.outbound.decision import Send
from wecom.outbound.mail import mail_payload, send_mail
from wecom.outbound.texts import addressed, card_payload, group_payload, text_payload

Event = Notification.Event
GROUP, APP, EMAIL = Channel.Name.GROUP, Channel.Name.APP, Channel.Name.EMAIL
TASK_ID_USED = 42014  # DOC 90313


@dataclass(frozen=True)
class Outgoing:
    """A request to WeCom, or an e-mail, and what to do should it have arrived before."""

    channel: str
    event: str
    payload: dict[str, Any]
    retry: bool


def problem_of(channel: str) -> str:
    """Return why nothing can be sent this way as things are configured, or nothing."""
    if channel == APP:
        return "" if app_is_configured() else "没有设置 WECHAT_AGENT_ID 和 WECHAT_APP_SECRET：应用消息不会发送。"
    if channel == EMAIL:
        return ""  # without a mail server nothing waits for one (reminders.py)
    if not settings.WECHAT_WEBHOOK_URL:
        return "没有设置 WECHAT_WEBHOOK_URL：通知会一直等待。"
    try:
        robot_address(settings.WECHAT_WEBHOOK_URL)
    except (ValueError, ImproperlyConfigured) as error:
        return str(error)
    return ""


def app_is_configured() -> bool:
    return bool(settings.WECHAT_APP_SECRET and settings.WECHAT_AGENT_ID and settings.WECHAT_CORP_ID)


def compose(row: Notification, verdict: Send) -> dict[str, Any]:
    """Write the request for a row, to the advisor of the verdict, who is frozen on the row by this."""
    row.advisor, row.came = verdict.advisor, verdict.came
    if row.channel == GROUP:
        return group_payload(row)
    if row.channel == EMAIL:
        return mail_payload(row)
    assert row.advisor is not None
    sent_before = dict(json.loads(row.payload)) if row.payload else {}
    # Not to the advisor before, who must not read of the case any more.
    if sent_before and sent_before.get("touser", row.advisor.wecom_userid) == row.advisor.wecom_userid:
        return sent_before
    if row.event == Event.CARD_CHOSEN:
        return _card_update(row)
    if row.is_of_messages and not row.advisor.plain_text:
        return card_payload(row)
    return text_payload(row)


def _card_update(row: Notification) -> dict[str, Any]:
    to = addressed(row)
    assert row.case is not None
    theirs = row.case.advisor_id == row.advisor_id
    said = f"正在回复 #{row.case.number}" if theirs else "案件已不由您跟进"
    return {
        "userids": [to["touser"]],
        "agentid": to["agentid"],
        "response_code": row.response_code,
        "button": {"replace_name": said},
    }


def send(outgoing: Outgoing) -> Answer:
    """Send it. Holds no transaction. Raises WeComError."""
    if outgoing.channel == GROUP:
        return send_to_group(robot_address(settings.WECHAT_WEBHOOK_URL), outgoing.payload)
    if outgoing.channel == EMAIL:
        return send_mail(outgoing.payload)
    if outgoing.event == Event.CARD_CHOSEN:
        return with_token(lambda token: update_card(token, outgoing.payload))
    try:
        answer = with_token(lambda token: send_to_member(token, outgoing.payload))
    except WeComError as error:
        if error.errcode == TASK_ID_USED and outgoing.retry:
            # The card arrived the first time; only the answer to us was lost.
            return Answer(0, "taskid existed: delivered before", {}, 0)
        raise
    if outgoing.payload["touser"].lower() in undelivered(answer):
        raise WeComError("企业微信没有送到：成员不存在、未激活或不在应用可见范围内。", Verdict.PAYLOAD, answer.errcode)
    return answer
