"""The self-built app: messages and cards straight to an advisor, who alone reads them (DOC 90236, 94888)."""

import json
from datetime import datetime
from typing import Any

from django.conf import settings

from advisors.models import Advisor
from wecom.api.answers import WeComError, undelivered
from wecom.api.client import Answer, send_to_member, update_card
from wecom.api.errcodes import Verdict
from wecom.api.tokens import with_token
from wecom.models import Channel, Notification
from wecom.names import in_full, in_short, masked
from wecom.outbound import digests, words
from wecom.outbound.channels.transport import Composed, Transport
from wecom.outbound.events import Event
from wecom.outbound.limits import member_is_full
from wecom.outbound.next_step import Postpone
from wecom.outbound.turns import Turn
from wecom.outbound.words import Rendered

TASK_ID_USED = 42014  # DOC 90313


def app_is_configured() -> bool:
    """Return whether the settings have all that it takes to send by the app."""
    return bool(settings.WECHAT_APP_SECRET and settings.WECHAT_AGENT_ID and settings.WECHAT_CORP_ID)


class App(Transport):
    """The way to one advisor, by their own hours and limit. WeCom drops a repetition that is the same to the byte."""

    name = Channel.Name.APP
    repeats_exactly = True

    def problem(self) -> str:
        return "" if app_is_configured() else "没有设置 WECHAT_AGENT_ID 和 WECHAT_APP_SECRET：应用消息不会发送。"

    def turns(self, now: datetime) -> list[Turn]:
        return [Turn(self.name, now, gathers=True, is_direct=True)]

    def quiet(self, advisor: Advisor | None, now: datetime) -> Postpone | None:
        until = advisor.quiet_until(now) if advisor else None
        return Postpone(until, "顾问的免打扰时间。") if until else None

    def reaches(self, advisor: Advisor | None) -> bool:
        return advisor is not None and bool(advisor.wecom_userid)

    def is_full(self, advisor: Advisor | None, priority: int, now: datetime) -> bool:
        return advisor is not None and member_is_full(advisor, now, priority)

    def compose(self, row: Notification) -> Composed:
        assert row.advisor is not None
        sent_before = dict(json.loads(row.payload)) if row.payload else {}
        # The former advisor must not read of the case any more: for another account it is composed anew.
        if sent_before and sent_before.get("touser", row.advisor.wecom_userid) == row.advisor.wecom_userid:
            return Composed(sent_before, row.sent_text)
        if row.rules.updates_card:
            return _card_update(row)
        if row.rules.as_card and not row.advisor.plain_text:
            return card(row)
        return _text(words.render(row.rules.direct, row), row)

    def compose_digest(self, rows: list[Notification]) -> Composed:
        return _text(digests.for_an_advisor(rows), rows[0])

    def send(self, row: Notification, payload: dict[str, Any]) -> Answer:
        if row.rules.updates_card:
            return with_token(lambda token: update_card(token, payload))
        try:
            answer = with_token(lambda token: send_to_member(token, payload))
        except WeComError as error:
            if error.errcode == TASK_ID_USED and row.attempts > 1:
                # The card arrived the first time; only the answer to us was lost.
                return Answer(0, "taskid existed: delivered before", {}, 0)
            raise
        if payload["touser"].lower() in undelivered(answer):
            reason = "企业微信没有送到：成员不存在、未激活或不在应用可见范围内。"
            raise WeComError(reason, Verdict.PAYLOAD, answer.errcode)
        return answer

    def falls_back(self, event: Event) -> bool:
        return event.direct_first


def _addressed(row: Notification) -> dict[str, Any]:
    """Return the fields of every application message: its reader, and that a repetition is not shown twice."""
    assert row.advisor is not None
    return {
        "touser": row.advisor.wecom_userid,
        "agentid": int(settings.WECHAT_AGENT_ID),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": 4 * 3600,  # seconds, the longest there is
    }


def _text(rendered: Rendered, row: Notification) -> Composed:
    """Return the application message that says this to the row's advisor, with the row's reference."""
    signed = words.signed(rendered, row.reference)
    return Composed({**_addressed(row), "msgtype": "text", "text": {"content": signed.text}}, signed.record)


def card(row: Notification) -> Composed:
    """Return a card with the button 回复此案件 (DOC 90236, button_interaction) to the row's advisor."""
    case = row.case
    assert case is not None
    short, full, waits = in_short(case), in_full(case), words.waits(row)
    called = [] if short == full else [{"keyname": "案件", "value": full}]
    content = {
        "card_type": "button_interaction",
        "source": {"desc": "佳忆"},
        "main_title": {"title": short, "desc": waits},
        "sub_title_text": words.last_lines(case).text.strip(),
        "horizontal_content_list": [*called, {"keyname": "编号", "value": row.reference}],
        "card_action": {"type": 1, "url": words.page(case)},
        # Unique for good in the app (DOC 90236), also after this site began again with an empty database, and of each
        # card that is written: a repetition of this one is this one, another for another advisor is not.
        "task_id": f"{row.reference}-{row.created_at:%y%m%d%H%M%S}-{row.attempts}",
        "button_list": [{"text": "回复此案件", "style": 1, "key": f"reply:{case.number}"}],
    }
    payload = {**_addressed(row), "msgtype": "template_card", "template_card": content}
    return Composed(payload, f"[卡片] {masked(case)}：{waits}（编号 {row.reference}）")


def _card_update(row: Notification) -> Composed:
    to = _addressed(row)
    payload = {
        "userids": [to["touser"]],
        "agentid": to["agentid"],
        "response_code": row.response_code,
        "button": {"replace_name": words.render(row.rules.direct, row).text},
    }
    return Composed(payload, "[更新卡片]")
