"""Requests for notifications, in WeCom or by e-mail.

Each function is called inside the transaction of the change that is told.
"""

from django.conf import settings
from django.db.models import Max, Min, Q
from django.utils import timezone

from advisors.models import PRESENT_FOR, Advisor
from cases.actions import lock_case
from cases.models import Case, Message
from members.models import Member
from wecom.failpoints import failpoint
from wecom.models import Notification
from wecom.outbound import events, states
from wecom.outbound.alerts import keep_alerts_due
from wecom.outbound.channels import transport_of
from wecom.outbound.events import APP, EMAIL, GROUP
from wecom.outbound.timing import look_again
from wecom.outbound.waiting import escalation_due, gathers_until, told_lately, unanswered, was_reminded

State = Notification.State


def notify_member_registered(member: Member) -> Notification:
    """Ask for the group to be told about a new member."""
    return states.request(events.MEMBER_REGISTERED, GROUP, member=member)


def notify_advisor_applied(advisor: Advisor) -> Notification:
    """Ask for the group to be told that an advisor awaits review."""
    return states.request(events.ADVISOR_APPLIED, GROUP, advisor=advisor)


def notify_advisor_reviewed(advisor: Advisor) -> Notification:
    """Ask for the group to be told what came of an advisor's review."""
    return states.request(events.ADVISOR_REVIEWED, GROUP, advisor=advisor)


def notify_assigned(case: Case, before: Advisor | None, after: Advisor | None) -> None:
    """Ask for both advisors to be told that a case changed hands: directly if that is possible, else in the group.

    An advisor who has not been told yet that the case was theirs is not told that it was taken either. When its member
    waits, the new advisor is alerted as by a message, and what waited for the former one is looked at again. The
    caller has locked the case's row.
    """
    undone = before is not None and states.withdraw(case, before)
    for event, advisor in ((events.CASE_TAKEN, None if undone else before), (events.CASE_ASSIGNED, after)):
        if advisor is not None:
            states.request(event, _way_to(advisor), case=case, member=case.member, advisor=advisor)
    direct = case.notifications.filter(channel=APP, state=State.WAITING, event__in=events.OF_MESSAGES)
    # A refusal that concerned the former advisor says nothing about the new one.
    direct.update(retry_at=None, trying_since=None, payload="", payload_seq=None)
    look_again(case.notifications.all())
    notify_waiting(case)


def notify_waiting(case: Case) -> None:
    """Ask for the follow-up advisor of a case, or the group if there is none, to be told of what waits in it.

    The caller has locked the case's row. Where the member does not wait, nothing is requested.
    """
    seqs = unanswered(case).aggregate(first=Min("seq"), last=Max("seq"))
    if case.waits_since and seqs["first"]:
        advisor = case.advisor
        channel = _way_to(advisor) if advisor is not None and advisor.may_work else GROUP
        told = told_lately(case, timezone.now())
        _ask_to_alert(case, channel, (seqs["first"], seqs["last"]), told)
        _ask_to_remind(case, (seqs["first"], seqs["last"]), told)
    keep_alerts_due([case.pk])


def notify_rest(case: Case, row: Notification) -> None:
    """Ask for the messages that joined an alert after its text had been composed to be told as well."""
    if row.event == events.MEMBER_WROTE.name and row.payload_seq and row.last_seq and row.last_seq > row.payload_seq:
        _ask_to_alert(case, row.channel, (row.payload_seq + 1, row.last_seq), told_lately(case, timezone.now()))
        keep_alerts_due([case.pk])


def advisor_changed(advisor: Advisor, *, tell: bool = False) -> None:
    """Have what waits for an advisor looked at again, by their present hours, presence and standing.

    With `tell`, the messages that wait in their cases are told anew as well: to them, or to the group when they may not
    work. The caller has locked the advisor's row; the cases are locked here, by ascending id, before their rows.
    """
    assigned = [events.CASE_ASSIGNED.name, events.CASE_TAKEN.name]
    theirs = Q(case__advisor=advisor, event=events.MEMBER_WROTE.name) | Q(advisor=advisor, event__in=assigned)
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
        else:
            keep_alerts_due([pk])


def notify_card_chosen(case: Case, advisor: Advisor, response_code: str) -> Notification:
    """Ask for the card whose button was pressed to show it (DOC 94888)."""
    code = response_code[:200]
    return states.request(events.CARD_CHOSEN, APP, case=case, member=case.member, advisor=advisor, response_code=code)


def request_test(channel: str, advisor: Advisor | None = None) -> Notification:
    """Ask for a test message, to the group or to an advisor directly."""
    return states.request(events.TEST, channel, advisor=advisor)


def notify_member_wrote(message: Message) -> None:
    """Ask for the follow-up advisor to be told about a member's message. The caller has locked the case's row.

    A message joins the notification that still waits for the same case, if there is one. Whether the advisor must be
    told is decided when it is due (decision.py): a present advisor has a minute to read it on the website.
    """
    failpoint("message.stored")
    case, seqs = message.case, (message.seq, message.seq)
    told = told_lately(case, timezone.now())
    ways = {GROUP, _way_to(case.advisor) if case.advisor is not None else GROUP}
    for channel in sorted(ways, reverse=True):
        _ask_to_alert(case, channel, seqs, told)
    _ask_to_remind(case, seqs, told)
    keep_alerts_due([case.pk])
    failpoint("message.notified")


def notify_replied(message: Message) -> None:
    """Ask for the member to be told by e-mail of an advisor's message. The caller has locked the case's row.

    The minutes count from the first reply, and further ones join it, so that none postpones it. Whether the member
    has read it by then, or must not be told, is decided when it is due (reminders.py).
    """
    due = timezone.now() + settings.EMAIL_REMINDER_AFTER
    states.request_gathered(events.REPLY_UNREAD, EMAIL, message.case, due, (message.seq, message.seq))


def _way_to(advisor: Advisor) -> str:
    return APP if advisor.wecom_userid and not transport_of(APP).problem() else GROUP


def _ask_to_alert(case: Case, channel: str, seqs: tuple[int, int], told: list[Notification]) -> None:
    now, advisor = timezone.now(), case.advisor
    due = now + PRESENT_FOR if advisor is not None and advisor.is_present else now
    due = max(due, gathers_until(told, advisor, channel, now) or due)
    states.request_gathered(events.MEMBER_WROTE, channel, case, due, seqs)


def _ask_to_remind(case: Case, seqs: tuple[int, int], told: list[Notification]) -> None:
    """Ask for the group to be reminded of an unread and of an unanswered message, once each while the member waits."""
    now = timezone.now()
    for event in (events.STILL_UNREAD, events.STILL_UNANSWERED):
        due = escalation_due(event.name, now)
        if due and not was_reminded(told, event, case.waiting_since or now):
            states.request_gathered(event, GROUP, case, due, seqs)
