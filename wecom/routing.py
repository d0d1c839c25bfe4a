"""Which case a WeCom text belongs to. The first rule that fits; when none does, nothing is written anywhere.

Everything here runs inside the callback's transaction, with the advisor's row locked. `post_message` locks the
case and checks again that it is theirs and open, so what is true here is true at commit.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import Advisor
from cases.actions import lock_case, post_message
from cases.models import Case, Message
from jiayi.errors import Conflict, Gone, Refused
from wecom import replies
from wecom.models import InboundMessage, Notification, ReplyMenu, ReplyTarget

State = InboundMessage.State
MENU_FOR = timedelta(minutes=10)

# A text that begins with # and digits of whatever kind names a case, or none: it never goes to the reply target.
_BETWEEN = r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufe0f\ufeff\u20e3]*"  # blank, or not seen at all
_DIGIT = r"[\d\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u249b\u24ea-\u24ff\u2776-\u2793]"
_ITEM = r"[\u2460-\u249b\u2776-\u2793]"  # of a list that follows at once: "#1042①护照 ②照片"
_NUMBER = rf"{_BETWEEN}[#＃﹟]{_BETWEEN}((?:[0-9０-９]{{1,9}}(?={_ITEM}(?!{_DIGIT}))|{_DIGIT}+))"
_NUMBERED = re.compile(_NUMBER + r"[\s:：,，.。、;；]*(.*)", re.DOTALL)
# And so does what was meant for a number: "##1042", "#(1042)", "#No.1042".
_MEANT = re.compile(rf"{_BETWEEN}[#＃﹟][\W_]*(?:no|nr|case|编号|案件|案号)?[\W_]*{_DIGIT}", re.IGNORECASE)
_OF_A_CASE = re.compile("[0-9０-９]{1,9}")
# After these the case is the advisor's reply target, as soon as WeCom says that they were delivered.
TELLS_OF_A_CASE = [
    Notification.Event.MEMBER_WROTE,
    Notification.Event.STILL_UNREAD,
    Notification.Event.CASE_ASSIGNED,
]
_DIGITS = re.compile(r"\s*([0-9０-９]{1,2})\s*")


@dataclass(frozen=True)
class Outcome:
    """What became of something WeCom delivered, and what its sender is told."""

    state: str
    reply: str = ""
    reason: str = ""
    case: Case | None = None
    message: Message | None = None


def waiting_cases(advisor: Advisor) -> list[Case]:
    """Return the advisor's open cases that wait for an answer, longest first."""
    mine = Case.objects.filter(advisor=advisor, status=Case.Status.OPEN, waiting_since__isnull=False)
    return list(mine.select_related("member__user").order_by("waiting_since"))


def route_text(row: InboundMessage, advisor: Advisor, text: str) -> Outcome:
    """Answer a menu, follow a number, or route by what was notified last."""
    chosen = _choose_from_menu(row, advisor, text)
    if chosen is not None:
        return chosen
    if numbered := _NUMBERED.fullmatch(text):
        return _to_number(row, advisor, numbered[1], numbered[2].strip())
    if _MEANT.match(text):
        return Outcome(State.HELD, replies.unreadable_number(), "案件号看不清楚")
    return route(row, advisor, text)


def route(row: InboundMessage, advisor: Advisor, text: str) -> Outcome:
    """Write what carries no number of its own where it belongs, or hold it and say why."""
    if settings.WECHAT_REPLY_ROUTING == "ask" and len(waiting := waiting_cases(advisor)) > 1:
        return _ask(row, advisor, waiting)
    return _to_target(row, advisor, text)


def deliver(row: InboundMessage, advisor: Advisor, case: Case, text: str) -> Outcome:
    """Write a WeCom text into a case as its sender, once for this row; held with the reason if that is refused.

    A picture, voice or video is fetched first, by the worker (media.py); the case is settled now.
    """
    if row.fields.get("MediaId"):
        return _fetch(advisor, case)
    try:
        message, _created = post_message(
            case, advisor.user, text, client_id=f"wecom:{row.identity}", source=Message.Source.WECOM
        )
    except Gone:
        return Outcome(State.HELD, replies.target_lost(case.number), "案件不由此顾问跟进")
    except Refused as refusal:
        return Outcome(State.HELD, replies.refused(refusal.message), refusal.message)
    return Outcome(State.DELIVERED, replies.sent(case), case=case, message=message)


def _fetch(advisor: Advisor, case: Case) -> Outcome:
    case = lock_case(case.pk)
    if case.advisor_id != advisor.pk or case.status == Case.Status.CLOSED:
        return Outcome(State.HELD, replies.target_lost(case.number), "案件不由此顾问跟进或已结案")
    return Outcome(State.FETCHING, replies.fetching(case), case=case)


def followed(advisor: Advisor, number: int) -> Case | None:
    """Return the advisor's case of this number, if it is theirs."""
    return Case.objects.select_related("member__user").filter(number=number, advisor=advisor).first()


def _to_number(row: InboundMessage, advisor: Advisor, digits: str, text: str) -> Outcome:
    number = int(digits) if _OF_A_CASE.fullmatch(digits) else 0
    case = followed(advisor, number)
    if case is None:
        said = str(number or digits)
        return Outcome(State.HELD, replies.not_yours(said), f"没有跟进案件 #{replies.shortened(said)}")
    if re.match(_NUMBER, text):
        return Outcome(State.HELD, replies.two_numbers(), "写了两个案件号")
    if text:
        return deliver(row, advisor, case, text)
    if case.status == Case.Status.CLOSED:
        return Outcome(State.IGNORED, replies.target_lost(number), "案件已结案", case)
    if not set_target(advisor, case, written_at(row)):
        return Outcome(State.IGNORED, replies.target_changed(), "之后又通知了别的案件", case)
    return Outcome(State.IGNORED, replies.target_set(case), "设为最近被通知案件", case)


def set_target(advisor: Advisor, case: Case, at: datetime | None = None) -> bool:
    """Make `case` the one the advisor's next WeCom text goes to, unless another was made it after `at` (now).

    Returns whether it is. `set_at` of the row is since when.
    """
    target = ReplyTarget.objects.filter(advisor=advisor).first()
    if target is not None and target.case_id == case.pk:
        return True
    if target is not None and at is not None and target.set_at > at:
        return False
    ReplyTarget.objects.update_or_create(advisor=advisor, defaults={"case": case, "set_at": at or timezone.now()})
    return True


def _to_target(row: InboundMessage, advisor: Advisor, text: str) -> Outcome:
    target = ReplyTarget.objects.select_related("case__member__user").filter(advisor=advisor).first()
    if target is None:
        return Outcome(State.HELD, replies.no_target(), "没有最近被通知的案件")
    case = target.case
    if case.advisor_id != advisor.pk or case.status == Case.Status.CLOSED:
        return Outcome(State.HELD, replies.target_lost(case.number), "最近被通知的案件已结案或换了跟进人")
    if target.set_at > written_at(row):
        # They wrote before they heard of this case, and meant another.
        return Outcome(State.HELD, replies.target_changed(), "收到之后才通知了这个案件")
    if _another_is_being_told(advisor, case):
        return Outcome(State.HELD, replies.target_changed(), "另一个案件的通知正在发出")
    return deliver(row, advisor, case, text)


def _another_is_being_told(advisor: Advisor, case: Case) -> bool:
    """Whether WeCom was handed another case's alert to them and has not answered: they may have read it by now."""
    under_way = Notification.objects.filter(advisor=advisor, state=Notification.State.SENDING)
    return under_way.filter(event__in=TELLS_OF_A_CASE).exclude(case=case).exists()


def written_at(row: InboundMessage) -> datetime:
    """Return when the sender wrote it, as far as that is known: WeCom calls again, seconds later, when nobody answers.

    WeCom's clock counts whole seconds, and is not ours: it is believed for a minute.
    """
    said = row.sent_at + timedelta(seconds=1)
    return said if timedelta() < row.received_at - said < timedelta(minutes=1) else row.received_at


def _ask(row: InboundMessage, advisor: Advisor, waiting: list[Case]) -> Outcome:
    if row.late:  # nobody would see the menu, and the next digit would answer it
        return Outcome(State.HELD, replies.several_wait(), "等待回复的案件不止一个")
    ReplyMenu.objects.update_or_create(
        advisor=advisor,
        defaults={"held": row, "case_ids": [case.pk for case in waiting], "created_at": timezone.now()},
    )
    return Outcome(State.HELD, replies.menu(waiting), "等待顾问选择案件")


def _choose_from_menu(row: InboundMessage, advisor: Advisor, text: str) -> Outcome | None:
    """A digit answers the last menu, if there is one."""
    menu = ReplyMenu.objects.select_related("held").filter(advisor=advisor).first()
    digits = _DIGITS.fullmatch(text)
    if menu is None or digits is None:
        return None
    choice = int(digits[1])
    if menu.created_at > written_at(row):
        return Outcome(State.IGNORED, replies.MENU_STALE, "选择早于菜单")
    if menu.created_at < timezone.now() - MENU_FOR:
        menu.delete()
        return Outcome(State.IGNORED, replies.MENU_STALE, "选择已过期")
    if choice == 0:
        menu.delete()
        close_held(menu.held, Outcome(State.IGNORED, reason="顾问取消"))
        return Outcome(State.IGNORED, replies.DROPPED, "取消选择")
    if choice > len(menu.case_ids):
        return Outcome(State.IGNORED, replies.refused(f"没有第 {choice} 项。"), "选择了不存在的一项")
    menu.delete()
    case = Case.objects.select_related("member__user").get(pk=menu.case_ids[choice - 1])
    outcome = deliver(menu.held, advisor, case, menu.held.content)
    close_held(menu.held, outcome)
    return Outcome(State.IGNORED, outcome.reply, f"选择了案件 #{case.number}", case)


def close_held(held: InboundMessage, outcome: Outcome) -> None:
    """Write on a held row what became of it in the end. Its own reply stays: a late repetition gets it again."""
    write_outcome(held, outcome)
    held.save(update_fields=OUTCOME_FIELDS)


OUTCOME_FIELDS = ["state", "reason", "case", "message", "due_at"]


def write_outcome(row: InboundMessage, outcome: Outcome) -> None:
    """Put an outcome on its row, unsaved (OUTCOME_FIELDS)."""
    row.state, row.reason, row.case, row.message = outcome.state, outcome.reason[:200], outcome.case, outcome.message
    row.due_at = timezone.now() if outcome.state == State.FETCHING else None


@transaction.atomic
def assign_held(held: InboundMessage, case: Case) -> InboundMessage:
    """Write a held message into a case after all, as its sender, because an administrator says so.

    Raises Conflict when it is not held, or when its sender does not follow that open case now.
    """
    senders = Advisor.objects.filter(pk=held.advisor_id) if held.advisor_id else Advisor.objects.none()
    advisor = senders.select_for_update(of=("self",), no_key=True).select_related("user").first()
    held = InboundMessage.objects.select_for_update(no_key=True).get(pk=held.pk)
    if held.state != State.HELD or advisor is None:
        raise Conflict(_("只有已保留的来信可以分配。"))
    numbered = _NUMBERED.fullmatch(held.content)
    text = numbered[2].strip() if numbered and numbered[2].strip() else held.content
    outcome = deliver(held, advisor, case, text)
    if outcome.state == State.HELD:
        raise Conflict(_("没有写入：%s") % outcome.reason)
    ReplyMenu.objects.filter(held=held).delete()
    close_held(held, outcome)
    return held
