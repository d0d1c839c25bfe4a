"""The decision whether a member is told by e-mail of an advisor's reply, made at the moment of sending."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max, QuerySet

from cases.models import Case, Message, ReadMark
from jiayi.mail import NO_SERVER, mail_is_configured
from wecom.models import Notification
from wecom.outbound.next_step import Cancel, NextStep, Postpone, Send

State = Notification.State

REPLIES = (Message.Kind.TEXT, Message.Kind.FILE)  # of an advisor; no other kind is told
ANOTHER_LOOK = timedelta(minutes=1)


def decide_reminder(row: Notification, now: datetime) -> NextStep:
    """Say what to do with an e-mail that is due. Reads only."""
    case = Case.objects.select_related("member__user", "advisor__user").get(notifications=row)
    row.case = case
    reason = _switched_off(case)
    if reason:
        return Cancel(reason)
    unread = _unread(case, row)
    if isinstance(unread, Cancel):
        return unread
    # The first one may have been read since, and a later one not: then the minutes count from that.
    due = unread.created_at + settings.EMAIL_REMINDER_AFTER
    if due > now:
        return Postpone(due, "较早的回复已处理，等最早的未读回复到时间。")
    return _told_before(case, row, now) or Send(case.advisor)


def _switched_off(case: Case) -> str:
    """Return why no e-mail goes to the case's member at all, or nothing."""
    if not mail_is_configured():
        return NO_SERVER
    if not case.member.user.is_active:
        return "会员账号已停用。"
    if not case.member.email_reminders:
        return "会员关闭了邮件提醒。"
    return ""


def _unread(case: Case, row: Notification) -> Message | Cancel:
    """Return the first reply that the member has not read, or why there is none.

    It counts as well after a hand-over or when the case was closed: the reply may still be what the member must act on.
    """
    replies = case.messages.filter(kind__in=REPLIES, seq__gte=row.first_seq or 0).exclude(sender=case.member.user_id)
    standing = replies.filter(recalled_at=None)
    if not standing.exists():
        return Cancel("回复已撤回。")
    unread = standing.filter(seq__gt=_read_up_to(case))
    if not unread.exists():
        return Cancel("会员已在网站上阅读。")
    return unread.earliest("seq")


def _read_up_to(case: Case) -> int:
    """Return the seq up to which the member has read; their own last message counts as read up to it."""
    marks = ReadMark.objects.filter(case=case, user=case.member.user_id)
    own = case.messages.filter(sender=case.member.user_id).aggregate(Max("seq"))["seq__max"]
    return max(marks.values_list("seq", flat=True).first() or 0, own or 0)


def _told_before(case: Case, row: Notification, now: datetime) -> Cancel | Postpone | None:
    """One e-mail until the member has been back, however many replies follow."""
    others: QuerySet[Notification] = case.notifications.filter(event=row.event).exclude(pk=row.pk)
    if others.filter(state=State.SENDING).exists():
        return Postpone(now + ANOTHER_LOOK, "另一封邮件正在发送。")
    told = others.aggregate(Max("delivered_at"))["delivered_at__max"]
    if told is not None and not _has_been_back(case, told):
        return Cancel("已发过邮件，会员还没有回来。")
    return None


def _has_been_back(case: Case, since: datetime) -> bool:
    """Return whether the member has signed in, done something on the website, or read or written in this case."""
    marks = ReadMark.objects.filter(case=case, user=case.member.user_id).values_list("read_at", flat=True)
    seen = [case.member.last_active_at, case.member.user.last_login, *marks]
    own = case.messages.filter(sender=case.member.user_id, created_at__gt=since)
    return any(moment is not None and moment > since for moment in seen) or own.exists()
