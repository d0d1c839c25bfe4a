"""Commands of an advisor in WeCom: 撤回, 列表, 帮助; also opening the app and pressing the button of a card."""

import re
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from advisors.models import Advisor
from cases.actions import recall_message
from cases.models import Case
from jiayi.errors import Gone, Refused
from wecom.inbound import receipts
from wecom.inbound.routing import Outcome, close_held, waiting_cases, written_at
from wecom.inbound.slips import LIST, RECALL, asks_to_recall, command_in
from wecom.models import InboundMessage
from wecom.outbound.requests import notify_card_chosen
from wecom.reply_target import set_target

State = InboundMessage.State
GREET_EVERY = timedelta(minutes=10)


def run_command(row: InboundMessage, advisor: Advisor, text: str) -> Outcome | None:
    """Run the command that the whole text is, however it is written (slips.py); None when it is no command."""
    found = command_in(text)
    if found is None:
        return None
    name, number = found
    if name == RECALL:
        return recall(row, advisor, number)
    return show_waiting(advisor) if name == LIST else _help()


def recall(row: InboundMessage, advisor: Advisor, number: int | None = None) -> Outcome:
    """Recall the advisor's own last WeCom message, of the case `number` if it is given.

    One that is still being fetched, or held for a question, is stopped. A held 请帮我撤回一下 is dropped, and the
    message before it recalled: that is the one it meant.
    """
    last = _last_message(row, advisor, number)
    if last is not None and last.menu_id:
        close_held(last, Outcome(State.IGNORED, reason="顾问撤回"))
        if asks_to_recall(last.content):
            return recall(row, advisor, number)
        return Outcome(State.IGNORED, receipts.dropped(last.content), "撤回")
    gone = last is None or last.state == State.HELD or (last.message and last.message.recalled_at)
    if gone or last is None or last.case is None:
        return Outcome(State.IGNORED, receipts.NOTHING_TO_RECALL, "没有可撤回的消息")
    if last.message is None:
        return _stop_fetching(row, advisor, last, number)
    try:
        recall_message(last.message, by=advisor.user)
    except Gone:
        return Outcome(State.IGNORED, f"案件 #{last.case.number} 已不由您跟进，不能撤回。", "案件已不由此顾问跟进")
    except Refused as refusal:
        return Outcome(State.IGNORED, refusal.message, refusal.message, last.case)
    return Outcome(State.IGNORED, receipts.recalled(last.case), "撤回", last.case)


def _last_message(row: InboundMessage, advisor: Advisor, number: int | None) -> InboundMessage | None:
    """Return the advisor's last message before `row`: posted, being fetched, or (without a number) held for a question.

    One that could not be posted after its receipt had promised it counts as well: the one before it must not be
    recalled in its place.
    """
    known = Q(state__in=[State.DELIVERED, State.FETCHING]) | Q(state=State.HELD, untold=True)
    if number is None:
        known |= Q(menu__isnull=False)
    mine = InboundMessage.objects.filter(known, advisor=advisor, received_at__lte=row.received_at).exclude(pk=row.pk)
    if number is not None:
        mine = mine.filter(case__number=number)
    posted_at = Coalesce("chosen_at", "received_at")  # a held message was posted when the advisor chose its case
    return mine.select_related("message", "case__member__user").order_by(posted_at.desc(), "-pk").first()


def _stop_fetching(row: InboundMessage, advisor: Advisor, last: InboundMessage, number: int | None) -> Outcome:
    """Stop the fetching of a message, with no time limit: no client has seen it. If it was just posted, recall it."""
    assert last.case is not None
    fetching = InboundMessage.objects.filter(pk=last.pk, state=State.FETCHING)
    if not fetching.update(state=State.IGNORED, due_at=None, reason="顾问撤回"):
        return recall(row, advisor, number)
    return Outcome(State.IGNORED, receipts.recalled(last.case), "撤回", last.case)


def _help() -> Outcome:
    return Outcome(State.IGNORED, receipts.help_text(), "帮助", of_the_moment=True)


def show_waiting(advisor: Advisor) -> Outcome:
    """Return the list of the advisor's cases that wait for a reply."""
    return Outcome(State.IGNORED, receipts.waiting(waiting_cases(advisor)), "列表", of_the_moment=True)


def entered(advisor: Advisor) -> Outcome:
    """Greet an advisor who opens the app with the waiting cases, once in GREET_EVERY: WeCom calls every time."""
    greeted = InboundMessage.objects.filter(
        advisor=advisor, event__iexact="enter_agent", received_at__gt=timezone.now() - GREET_EVERY
    ).exclude(reply="")
    cases = [] if greeted.exists() else waiting_cases(advisor)
    return Outcome(State.IGNORED, receipts.waiting(cases) if cases else "", "进入应用", of_the_moment=True)


def pressed(row: InboundMessage, advisor: Advisor, key: str, response_code: str) -> Outcome:
    """Make the case of a pressed button 回复此案件 (DOC 90240) the reply target, and have its card show that.

    WeCom shows no passive reply to this event; the worker changes the card itself.
    """
    found = re.fullmatch(r"reply:([0-9]{1,9})", key)
    case = Case.objects.select_related("member").filter(number=int(found[1])).first() if found else None
    if case is None:
        return Outcome(State.IGNORED, reason="未知的按钮")
    if response_code:
        notify_card_chosen(case, advisor, response_code)
    if case.advisor_id != advisor.pk or case.status == Case.Status.CLOSED:
        return Outcome(State.IGNORED, reason="案件已结案或不由此顾问跟进")
    if not set_target(advisor, case, written_at(row), chosen=True):
        return Outcome(State.IGNORED, reason="之后又通知了别的案件", case=case)
    return Outcome(State.IGNORED, reason="按钮：设为最近被通知案件", case=case)
