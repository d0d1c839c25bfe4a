"""The group robot: a webhook that can only be written to, read by the whole group (DOC 99110)."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from advisors.models import Advisor
from wecom.api.addresses import robot_address
from wecom.api.client import Answer, send_to_group
from wecom.models import Channel, Notification
from wecom.outbound import digests, words
from wecom.outbound.channels.transport import Composed, Transport
from wecom.outbound.events import Priority
from wecom.outbound.limits import free_places, places_of_members, recent_messages
from wecom.outbound.next_step import Postpone
from wecom.outbound.turns import MEMBER_PLACES, Turn, overdue_priorities
from wecom.outbound.words import Rendered


class Robot(Transport):
    """The way to the group: 20 messages a minute in all (WECHAT_ROBOT_LIMIT), and quiet hours of its own."""

    name = Channel.Name.GROUP

    def problem(self) -> str:
        if not settings.WECHAT_WEBHOOK_URL:
            return "没有设置 WECHAT_WEBHOOK_URL：通知会一直等待。"
        try:
            robot_address(settings.WECHAT_WEBHOOK_URL)
        except (ValueError, ImproperlyConfigured) as error:
            return str(error)
        return ""

    def turns(self, now: datetime) -> list[Turn]:
        recent = recent_messages(now)
        places, told = free_places(recent, now), places_of_members(recent)

        def turn(priority: int, full: tuple[int, ...] = ()) -> Turn:
            return Turn(self.name, now, priority, full, places.left(priority), gathers=True, told=told)

        alerts = turn(Priority.ALERT, tuple(member for member, used in told.items() if used >= MEMBER_PLACES))
        others, overdue = [one for one in Priority if one != Priority.ALERT], overdue_priorities(self.name, now)
        starved = [turn(one) for one in others if one in overdue and not places.used(one)]
        return [one for one in (*starved, alerts, *map(turn, others)) if one.places > 0]

    def quiet(self, advisor: Advisor | None, now: datetime) -> Postpone | None:
        quiet = settings.WECHAT_GROUP_QUIET_HOURS
        return Postpone(quiet.next_end(now), "群免打扰时间。") if quiet and quiet.covers(now) else None

    def compose(self, row: Notification) -> Composed:
        return _text(words.render(row.rules.group, row), [row], row.reference)

    def compose_digest(self, rows: list[Notification]) -> Composed:
        rendered, reference = digests.for_the_group(rows)
        return _text(rendered, rows, reference)

    def send(self, row: Notification, payload: dict[str, Any]) -> Answer:
        return send_to_group(robot_address(settings.WECHAT_WEBHOOK_URL), payload)


def _text(rendered: Rendered, rows: list[Notification], reference: str) -> Composed:
    """Return the robot's message with this text; it mentions the follow-up advisors of these rows' cases."""
    signed = words.signed(rendered, reference)
    told = [row.advisor for row in rows if row.case is not None and row.rules.moves_target]
    accounts = list(dict.fromkeys(advisor.wecom_userid for advisor in told if advisor and advisor.wecom_userid))
    text: dict[str, Any] = {"content": signed.text}
    payload = {"msgtype": "text", "text": {**text, "mentioned_list": accounts} if accounts else text}
    return Composed(payload, signed.record)
