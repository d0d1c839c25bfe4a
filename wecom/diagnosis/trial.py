"""Test messages: sent like every other notification, their outcome as a finding."""

import time

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import Advisor
from wecom.diagnosis.findings import Finding
from wecom.models import Channel, Notification
from wecom.outbound.channels import transport_of
from wecom.outbound.requests import request_test

State = Notification.State
LOOK_EVERY = 0.1  # seconds


@transaction.atomic
def begin_trial(channel: str, advisor: Advisor | None = None) -> Notification:
    """Ask for a test message, to the group or to an advisor directly, and have the channel tried at once.

    A person who has just mended what WeCom complained of should not have to wait for the next probe. A pause because of
    WeCom's limits stays.
    """
    now = timezone.now()
    Channel.objects.filter(name=channel, needs_mending=True, paused_until__gt=now).update(paused_until=now)
    return request_test(channel, advisor)


def await_trial(row: Notification, seconds: float) -> Notification:
    """Return the test message once it has been tried, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while _is_untried(row) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
        row.refresh_from_db()
    return row


def _is_untried(row: Notification) -> bool:
    return row.state == State.SENDING or (row.state == State.WAITING and not row.attempts and not row.note)


def came_of(row: Notification) -> Finding:
    """Return the outcome of a test message: delivered, failed and why, or what it waits for."""
    title = _("测试消息 %s") % row.reference
    if row.state == State.DELIVERED:
        return Finding(title, "ok", _("已送达：%s。") % (row.advisor or row.get_channel_display()))
    if row.state == State.FAILED:
        return Finding(title, "bad", _("发送失败：%s") % row.note, _("照说明处理，然后再发一条。"))
    if row.state != State.WAITING:
        return Finding(title, "warn", row.get_state_display(), _("稍后在通知列表里看结果。"))
    channel = Channel.objects.filter(name=row.channel).first()
    problem = transport_of(row.channel).problem() or (channel.problem if channel and channel.needs_mending else "")
    if problem:
        return Finding(title, "bad", _("没有发出：%s") % problem, _("照说明处理，然后再发一条。"))
    why = row.note or (channel.problem if channel else "") or _("前面还有消息，或已到每分钟的上限。")
    return Finding(title, "warn", _("还在等待：%s") % why, _("会自动发送，稍后在通知列表里看结果。"))
