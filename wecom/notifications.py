"""Requests to tell WeCom something. Each is called inside the transaction of what it tells about."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import PRESENT_FOR, Advisor
from cases.models import Message
from jiayi.errors import Conflict
from members.models import Member
from wecom.models import Notification

# After a case's alert, further messages are gathered for this long into one more alert.
GATHER_FOR = timedelta(seconds=60)

Event, State = Notification.Event, Notification.State


def notify_member_registered(member: Member) -> Notification:
    """Ask for the group to be told about a new member."""
    return Notification.objects.create(event=Event.MEMBER_REGISTERED, member=member)


def notify_advisor_applied(advisor: Advisor) -> Notification:
    """Ask for the group to be told that an advisor awaits review."""
    return Notification.objects.create(event=Event.ADVISOR_APPLIED, advisor=advisor)


def notify_member_wrote(message: Message) -> Notification:
    """Ask for the follow-up advisor to be told about a member's message; the case's row is locked by the caller.

    A message that comes while one is still waiting for the same case joins it. Whether the advisor really must be
    told is decided when it is due (delivery.py): a present advisor has a minute to read it on the website.
    """
    waiting = Notification.objects.filter(event=Event.MEMBER_WROTE, case=message.case, state=State.WAITING)
    if waiting.update(last_seq=message.seq):
        return waiting.get()
    return Notification.objects.create(
        event=Event.MEMBER_WROTE,
        member=message.case.member,
        case=message.case,
        first_seq=message.seq,
        last_seq=message.seq,
        due_at=_when(message),
    )


def _when(message: Message) -> datetime:
    now = timezone.now()
    advisor = message.case.advisor
    due = now + PRESENT_FOR if advisor is not None and advisor.is_present else now
    told = message.case.notifications.filter(state=State.DELIVERED).aggregate(Max("delivered_at"))["delivered_at__max"]
    return max(due, told + GATHER_FOR) if told else due


@transaction.atomic
def resend(notification: Notification) -> Notification:
    """Send a failed or cancelled notification after all, or a waiting one at once. Raises Conflict otherwise."""
    row = Notification.objects.select_for_update().get(pk=notification.pk)
    if row.state not in {State.FAILED, State.CANCELLED, State.WAITING}:
        raise Conflict(_("只有等待、失败或已取消的通知可以重新发送。"))
    others = Notification.objects.filter(event=Event.MEMBER_WROTE, case=row.case_id, state=State.WAITING)
    if row.event == Event.MEMBER_WROTE and others.exclude(pk=row.pk).exists():
        raise Conflict(_("同一案件已有一条等待发送的通知。"))
    row.state, row.due_at, row.note = State.WAITING, timezone.now(), ""
    row.save(update_fields=["state", "due_at", "note"])
    return row


@transaction.atomic
def cancel(notification: Notification) -> Notification:
    """Do not send a waiting notification. Raises Conflict in any other state."""
    row = Notification.objects.select_for_update().get(pk=notification.pk)
    if row.state != State.WAITING:
        raise Conflict(_("只有等待发送的通知可以取消。"))
    row.state, row.note = State.CANCELLED, _("管理员取消。")
    row.save(update_fields=["state", "note"])
    return row
