"""Requests to tell WeCom, or a member by e-mail, something.

Each is called inside the transaction of what it tells about.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Q
from django.db.models.functions import Greatest, Least
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import PRESENT_FOR, Advisor
from cases.actions import lock_case
from cases.models import Case, Message
from jiayi.errors import Conflict
from members.models import Member
from wecom.failpoints import failpoint
from wecom.models import ASSIGNMENTS, OF_MESSAGES, Channel, Notification
from wecom.outbound.channels import app_is_configured
from wecom.outbound.decision import escalation_due, gathers_until, unanswered
from wecom.outbound.timing import look_again, not_after

Event, State = Notification.Event, Notification.State


def notify_member_registered(member: Member) -> Notification:
    """Ask for the group to be told about a new member."""
    return Notification.objects.create(event=Event.MEMBER_REGISTERED, member=member)


def notify_advisor_applied(advisor: Advisor) -> Notification:
    """Ask for the group to be told that an advisor awaits review."""
    return Notification.objects.create(event=Event.ADVISOR_APPLIED, advisor=advisor)


def notify_advisor_reviewed(advisor: Advisor) -> Notification:
    """Ask for the group to be told what came of an advisor's review."""
    return Notification.objects.create(event=Event.ADVISOR_REVIEWED, advisor=advisor)


def notify_assigned(case: Case, before: Advisor | None, after: Advisor | None) -> None:
    """Ask for both advisors to be told that a case changed hands: directly if that is possible, else in the group.

    Whoever was given it and has not been told yet is not told that it was taken either. When its member waits, the one
    now is alerted as by a message, and what waited for the one before is looked at again. The case's row is locked by
    the caller.
    """
    untold = case.notifications.filter(event=Event.CASE_ASSIGNED, advisor=before, state=State.WAITING, attempts=0)
    undone = untold.update(state=State.CANCELLED, note="案件已再次换了跟进人。") if before else 0
    for event, advisor in ((Event.CASE_TAKEN, None if undone else before), (Event.CASE_ASSIGNED, after)):
        if advisor is not None:
            Notification.objects.create(
                event=event, channel=_way_to(advisor), case=case, member=case.member, advisor=advisor
            )
    direct = case.notifications.filter(channel=Channel.Name.APP, state=State.WAITING, event__in=OF_MESSAGES)
    # What WeCom refused for the one before says nothing of the one now.
    direct.update(retry_at=None, trying_since=None, payload="", payload_seq=None)
    look_again(case.notifications.all())
    notify_waiting(case)


def notify_waiting(case: Case) -> None:
    """Ask for whoever follows a case now, or the group while nobody does, to be told of what waits in it.

    The case's row is locked by the caller. Nothing is asked for where nobody waits.
    """
    seqs = unanswered(case).aggregate(first=Min("seq"), last=Max("seq"))
    if case.waits_since and seqs["first"]:
        advisor = case.advisor
        channel = _way_to(advisor) if advisor is not None and advisor.may_work else Channel.Name.GROUP
        _ask_to_alert(case, channel, (seqs["first"], seqs["last"]))
        _ask_to_remind(case, (seqs["first"], seqs["last"]))


def notify_rest(case: Case, row: Notification) -> None:
    """Ask for what joined an alert, after its text had been written, to be told as well; as a message does."""
    if row.event == Event.MEMBER_WROTE and row.payload_seq and row.last_seq and row.last_seq > row.payload_seq:
        _ask_to_alert(case, row.channel, (row.payload_seq + 1, row.last_seq))


def advisor_changed(advisor: Advisor, *, tell: bool = False) -> None:
    """Have what waits for an advisor looked at by their hours, presence and standing of now.

    With `tell`, what waits in their cases is also told anew: to them, or to the group when they may not work. The
    advisor's row is locked by the caller; each case's is before its notifications, in one order.
    """
    theirs = Q(case__advisor=advisor, event=Event.MEMBER_WROTE) | Q(advisor=advisor, event__in=ASSIGNMENTS)
    rows = Notification.objects.filter(theirs, state=State.WAITING)  # reminders go by the office's hours, not by theirs
    cases = set(rows.values_list("case", flat=True))
    if tell:
        waiting = Case.objects.filter(advisor=advisor, status=Case.Status.OPEN, waiting_since__isnull=False)
        cases |= set(waiting.values_list("pk", flat=True))
    for pk in sorted(cases):
        case = lock_case(pk)
        look_again(case.notifications.all())
        if tell and case.advisor == advisor:
            notify_waiting(case)


def notify_card_chosen(case: Case, advisor: Advisor, response_code: str) -> Notification:
    """Ask for the card whose button was pressed to show it (DOC 94888)."""
    return Notification.objects.create(
        event=Event.CARD_CHOSEN,
        channel=Channel.Name.APP,
        case=case,
        member=case.member,
        advisor=advisor,
        response_code=response_code[:200],
    )


def send_test(channel: str, advisor: Advisor | None = None) -> Notification:
    """Ask for a test message, to the group or to an advisor directly."""
    return Notification.objects.create(event=Event.TEST, channel=channel, advisor=advisor)


def notify_member_wrote(message: Message) -> None:
    """Ask for the follow-up advisor to be told about a member's message; the case's row is locked by the caller.

    A message that comes while one is still waiting for the same case joins it. Whether the advisor really must be
    told is decided when it is due (decision.py): a present advisor has a minute to read it on the website.
    """
    failpoint("message.stored")
    case, seqs = message.case, (message.seq, message.seq)
    ways = [Channel.Name.GROUP]
    if case.advisor is not None and _way_to(case.advisor) == Channel.Name.APP:
        ways.append(Channel.Name.APP)
    for channel in ways:
        _ask_to_alert(case, channel, seqs)
    _ask_to_remind(case, seqs)
    failpoint("message.notified")


def notify_replied(message: Message) -> None:
    """Ask for the member to be told by e-mail of an advisor's message; the case's row is locked by the caller.

    The minutes count from the first reply, and further ones join it, so that none postpones it. Whether the member
    has read it by then, or must not be told, is decided when it is due (reminders.py).
    """
    due = timezone.now() + settings.EMAIL_REMINDER_AFTER
    _ask_for(message.case, Event.REPLY_UNREAD, Channel.Name.EMAIL, due, (message.seq, message.seq))


def _way_to(advisor: Advisor) -> str:
    return Channel.Name.APP if app_is_configured() and advisor.wecom_userid else Channel.Name.GROUP


def _ask_to_alert(case: Case, channel: str, seqs: tuple[int, int]) -> None:
    now, advisor = timezone.now(), case.advisor
    due = now + PRESENT_FOR if advisor is not None and advisor.is_present else now
    due = max(due, gathers_until(case, advisor, channel, now) or due)
    _ask_for(case, Event.MEMBER_WROTE, channel, due, seqs)


def _ask_to_remind(case: Case, seqs: tuple[int, int]) -> None:
    """Ask for the group to be reminded, of each kind once since the member began to wait."""
    for event in (Event.STILL_UNREAD, Event.STILL_UNANSWERED):
        due = escalation_due(event, timezone.now())
        if due and not _was_reminded(case, event):
            _ask_for(case, event, Channel.Name.GROUP, due, seqs)


def _ask_for(case: Case, event: str, channel: str, due_at: datetime, seqs: tuple[int, int]) -> None:
    """Ask to be told of the messages from the first to the last of `seqs`; what waits already tells of them, too."""
    waiting = Notification.objects.filter(event=event, channel=channel, case=case, state=State.WAITING)
    first, last = seqs
    joined = {"first_seq": Least("first_seq", first), "last_seq": Greatest("last_seq", last)}
    # For whom that was to wait, and by which rules, may have changed since.
    if not waiting.update(**joined, due_at=not_after(due_at)):
        Notification.objects.create(
            event=event,
            channel=channel,
            member=case.member,
            case=case,
            first_seq=first,
            last_seq=last,
            due_at=due_at,
        )


def _was_reminded(case: Case, event: str) -> bool:
    """Whether the group was reminded since the member began to wait: it is, once."""
    delivered = Q(state=State.DELIVERED, delivered_at__gte=case.waiting_since or timezone.now())
    return case.notifications.filter(delivered | Q(state=State.SENDING), event=event).exists()


@transaction.atomic
def resend(notification: Notification) -> Notification:
    """Send a failed or cancelled notification after all, or a waiting one at once.

    Raises Conflict in any other state, and when it is due anyway.
    """
    if notification.case_id:
        lock_case(notification.case_id)  # nobody asks for another one of this case meanwhile
    row = Notification.objects.select_for_update(no_key=True).get(pk=notification.pk)
    if row.state not in {State.FAILED, State.CANCELLED, State.WAITING}:
        raise Conflict(_("只有等待、失败或已取消的通知可以重新发送。"))
    if row.state == State.WAITING and row.due_at <= timezone.now():
        raise Conflict(_("没有变化：这条通知已经排在等待发送的队列里。"))
    others = Notification.objects.filter(event=row.event, channel=row.channel, case=row.case_id, state=State.WAITING)
    if row.is_gathered and others.exclude(pk=row.pk).exists():
        raise Conflict(_("同一案件已有一条等待发送的通知。"))
    row.state, row.due_at, row.note = State.WAITING, timezone.now(), ""
    row.trying_since = row.retry_at = None
    row.save(update_fields=["state", "due_at", "note", "trying_since", "retry_at"])
    return row


@transaction.atomic
def cancel(notification: Notification) -> Notification:
    """Do not send a waiting notification. Raises Conflict in any other state."""
    row = Notification.objects.select_for_update(no_key=True).get(pk=notification.pk)
    if row.state != State.WAITING:
        raise Conflict(_("只有等待发送的通知可以取消。"))
    row.state, row.note = State.CANCELLED, _("管理员取消。")
    row.save(update_fields=["state", "note"])
    return row
