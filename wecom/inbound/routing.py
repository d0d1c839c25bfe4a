"""Routing of an advisor's WeCom text to a case, and posting it there. When no rule fits, it is posted nowhere.

All of it runs inside the callback's transaction, with the advisor's row locked. `post_message` locks the case and
checks again that it is theirs and open, so what is true here is true at commit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import Advisor
from cases.actions import lock_case, note_read, post_message
from cases.models import Case, Message
from jiayi.errors import Conflict, Gone, InvalidInput, Refused
from jiayi.plaintext import one_line
from jiayi.statements import given, kept
from wecom.inbound import receipts
from wecom.inbound.numbers import numbered
from wecom.models import InboundMessage, Notification, ReplyMenu, ReplyTarget
from wecom.outbound.events import MOVES_TARGET

State = InboundMessage.State
DISMISSED = "管理员不再处理："
MAX_REASON = 150  # characters


@dataclass(frozen=True)
class Outcome:
    """The result of a received message or callback event.

    `receipt` is what its sender is answered, `reason` is for administrators, `menu` is the question about a held one.
    `of_the_moment` marks a receipt that is of no use later: it is not repeated with the next one.
    """

    state: str
    receipt: str = ""
    reason: str = ""
    case: Case | None = None
    message: Message | None = None
    menu: ReplyMenu | None = None
    of_the_moment: bool = False


def waiting_cases(advisor: Advisor) -> list[Case]:
    """Return the advisor's open cases that wait for an answer, longest first."""
    mine = Case.objects.filter(advisor=advisor, status=Case.Status.OPEN, waiting_since__isnull=False)
    return list(mine.select_related("member__user").order_by("waiting_since"))


@kept
def _target() -> QuerySet[ReplyTarget]:
    return ReplyTarget.objects.select_related("case__member__user").filter(advisor=given("advisor"))


def destination(advisor: Advisor, written: datetime | None = None) -> Case | list[Case] | Outcome:
    """Return the case that a text without a number is routed to, the cases to choose from, or why there is none.

    `written` is when the text was written, as far as that is known; None stands for a text written now.
    """
    target = _target.first(advisor=advisor.pk)
    waiting: list[Case] | None = None
    if settings.WECHAT_REPLY_ROUTING == "ask":
        waiting = waiting_cases(advisor)
        if len(waiting) > 1:
            answered = target is not None and _is_usable(target, advisor) and target.case not in waiting
            return [*([target.case] if target and answered else []), *waiting]
        if waiting and _was_told(waiting[0], written) and not _is_chosen(target, advisor, waiting):
            return waiting[0]
    if target is None:
        return Outcome(State.HELD, receipts.no_target(), "没有最近被通知的案件")
    case = target.case
    if not _is_usable(target, advisor):
        return Outcome(State.HELD, receipts.target_lost(case.number), "最近被通知的案件已结案或换了跟进人")
    if written and target.set_at > written:
        # They wrote before they heard of this case, and meant another.
        return Outcome(State.HELD, receipts.target_changed(), "收到之后才通知了这个案件")
    if written and _another_is_being_told(advisor, case):
        return Outcome(State.HELD, receipts.target_changed(), "另一个案件的通知正在发出")
    if case.waiting_since is not None:
        return case
    others = waiting_cases(advisor) if waiting is None else waiting
    return [case, *others] if others and not _is_chosen(target, advisor, others) else case


def _is_usable(target: ReplyTarget, advisor: Advisor) -> bool:
    return target.case.advisor_id == advisor.pk and target.case.status == Case.Status.OPEN


def _is_chosen(target: ReplyTarget | None, advisor: Advisor, others: list[Case]) -> bool:
    """Return whether the advisor named this target when all the other cases were waiting already."""
    if target is None or target.chosen_at is None or not _is_usable(target, advisor):
        return False
    return all(one.waiting_since is not None and one.waiting_since <= target.chosen_at for one in others)


def _was_told(case: Case, written: datetime | None) -> bool:
    """Return whether the advisor had been told in WeCom, before they wrote, that this case waits."""
    return case.notified_at is not None and (written is None or case.notified_at <= written)


def where_next(advisor: Advisor) -> str | None:
    """Return the line that says where the advisor's next text without a number goes; None when it goes nowhere."""
    there = destination(advisor)
    if isinstance(there, Outcome):
        return None
    return receipts.next_to(there) if isinstance(there, Case) else receipts.next_asks(len(there))


def post_text(row: InboundMessage, advisor: Advisor, case: Case, text: str) -> Outcome:
    """Post a WeCom text into a case as its sender, once for each row; hold it, with the reason, if that is refused.

    The messages of the case that the sender had been told of count as read. Of a picture, voice or video only the case
    is settled here: the worker fetches and posts it (media.py).
    """
    if row.fields.get("MediaId"):
        return _fetch(row, advisor, case)
    try:
        message, _created = post_message(
            case, advisor.user, text, client_id=f"wecom:{row.identity}", source=Message.Source.WECOM
        )
    except Gone:
        return Outcome(State.HELD, receipts.target_lost(case.number), "案件不由此顾问跟进")
    except Refused as refusal:
        return Outcome(State.HELD, receipts.refused(refusal.message), refusal.message)
    _mark_read(row, advisor, message.case)
    return Outcome(State.DELIVERED, receipts.posted(case), case=case, message=message)


def _fetch(row: InboundMessage, advisor: Advisor, case: Case) -> Outcome:
    case = lock_case(case.pk)
    if case.advisor_id != advisor.pk or case.status == Case.Status.CLOSED:
        return Outcome(State.HELD, receipts.target_lost(case.number), "案件不由此顾问跟进或已结案")
    _mark_read(row, advisor, case)
    return Outcome(State.FETCHING, receipts.fetching(case), case=case)


def _mark_read(row: InboundMessage, advisor: Advisor, case: Case) -> None:
    """Mark as read what the advisor had been told of in WeCom before they wrote, and nothing that came after."""
    if case.notified_at is not None and case.notified_at <= written_at(row):
        note_read(case, advisor.user, case.notified_seq)


@kept
def _followed() -> QuerySet[Case]:
    mine = Case.objects.filter(number=given("number"), advisor=given("advisor"))
    return mine.select_related("member__user").order_by()


def followed(advisor: Advisor, number: int) -> Case | None:
    """Return the advisor's case of this number, if it is theirs."""
    return _followed.first(number=number, advisor=advisor.pk)


def _another_is_being_told(advisor: Advisor, case: Case) -> bool:
    """Return whether another case's alert to them is being sent at this moment: they may have read it by now."""
    under_way = Notification.objects.filter(advisor=advisor, state=Notification.State.SENDING)
    return under_way.filter(event__in=MOVES_TARGET).exclude(case=case).exists()


def written_at(row: InboundMessage) -> datetime:
    """Return when it was written: by WeCom's time if that is less than a minute before ours, else when it was received.

    The two differ when WeCom repeats a callback that was not answered. Its clock counts whole seconds and is not ours.
    """
    written = row.sent_at + timedelta(seconds=1)
    return written if timedelta() < row.received_at - written < timedelta(minutes=1) else row.received_at


def close_held(held: InboundMessage, outcome: Outcome) -> None:
    """Save the final outcome of a held row. Its own receipt stays: a late repetition of the callback gets it again."""
    write_outcome(held, outcome)
    held.save(update_fields=OUTCOME_FIELDS)


OUTCOME_FIELDS = ["state", "reason", "case", "message", "due_at", "menu", "chosen_at"]


def write_outcome(row: InboundMessage, outcome: Outcome) -> None:
    """Set an outcome on its row. The caller saves the row (OUTCOME_FIELDS)."""
    row.state, row.reason, row.case, row.message = outcome.state, outcome.reason[:200], outcome.case, outcome.message
    row.due_at = timezone.now() if outcome.state == State.FETCHING else None
    row.menu = outcome.menu


def text_of(row: InboundMessage) -> str:
    """Return the text for the client, without the case number before it."""
    found = numbered(row.content)
    return found.text if found and found.text else row.content


@transaction.atomic
def assign_held(held: InboundMessage, case: Case) -> InboundMessage:
    """Post a held message into a case after all, as its sender, at an administrator's request.

    Raises Conflict when it is not held, or when its sender does not follow that open case now.
    """
    held, advisor = _locked_held(held)
    if advisor is None:
        raise Conflict(_("只有已保留的来信可以分配。"))
    outcome = post_text(held, advisor, case, text_of(held))
    if outcome.state == State.HELD:
        raise Conflict(_("没有写入：%s") % outcome.reason)
    close_held(held, outcome)
    return held


@transaction.atomic
def dismiss_held(held: InboundMessage, reason: str) -> InboundMessage:
    """Close a held message without posting it, at an administrator's request and with their reason.

    Raises Conflict when it is not held, InvalidInput without a reason of up to MAX_REASON characters.
    """
    reason = one_line(reason)
    if not 0 < len(reason) <= MAX_REASON:
        raise InvalidInput(_("请填写不再处理的原因，最长 150 个字。"))
    held, _advisor = _locked_held(held)
    close_held(held, Outcome(State.IGNORED, reason=f"{DISMISSED}{reason}"))
    return held


def _locked_held(held: InboundMessage) -> tuple[InboundMessage, Advisor | None]:
    """Return a held row and its sender, locked in the callback's order: sender, row. Raises Conflict for any other."""
    senders = Advisor.objects.filter(pk=held.advisor_id) if held.advisor_id else Advisor.objects.none()
    advisor = senders.select_for_update(of=("self",), no_key=True).select_related("user").first()
    held = InboundMessage.objects.select_for_update(no_key=True).get(pk=held.pk)
    if held.state != State.HELD:
        raise Conflict(_("只有已保留的来信可以处理。"))
    return held, advisor
