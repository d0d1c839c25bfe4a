"""What an advisor can do in WeCom besides writing: 撤回, 列表, 帮助, and opening the app."""

import re
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from advisors.models import Advisor
from cases.actions import recall_message
from cases.models import Case
from jiayi.errors import Gone, Refused
from wecom import replies
from wecom.models import InboundMessage
from wecom.notifications import notify_card_chosen
from wecom.routing import Outcome, set_target, waiting_cases

State = InboundMessage.State
GREET_EVERY = timedelta(minutes=10)


def command(text: str) -> Callable[[Advisor], Outcome] | None:
    """Return what to do if `text` is a command as a whole."""
    return {"撤回": recall, "列表": show_waiting, "帮助": show_help, "help": show_help}.get(text.strip().lower())


def recall(advisor: Advisor) -> Outcome:
    """Take the advisor's own last WeCom message back."""
    mine = InboundMessage.objects.filter(advisor=advisor, state=State.DELIVERED)
    last = mine.select_related("message", "case__member__user").order_by("-message__created_at", "-pk").first()
    if last is None or last.message is None or last.case is None or last.message.recalled_at:
        return Outcome(State.IGNORED, replies.NOTHING_TO_RECALL, "没有可撤回的消息")
    try:
        recall_message(last.message, by=advisor.user)
    except Gone:
        return Outcome(State.IGNORED, f"案件 #{last.case.number} 已不由您跟进，不能撤回。", "案件已不由此顾问跟进")
    except Refused as refusal:
        return Outcome(State.IGNORED, refusal.message, refusal.message, last.case)
    return Outcome(State.IGNORED, replies.recalled(last.case), "撤回", last.case)


def show_waiting(advisor: Advisor) -> Outcome:
    return Outcome(State.IGNORED, replies.waiting(waiting_cases(advisor)), "列表")


def show_help(advisor: Advisor) -> Outcome:
    return Outcome(State.IGNORED, replies.HELP, "帮助")


def entered(advisor: Advisor) -> Outcome:
    """Opening the app shows the waiting cases, at most once in ten minutes: the event comes every time."""
    greeted = InboundMessage.objects.filter(
        advisor=advisor, event__iexact="enter_agent", received_at__gt=timezone.now() - GREET_EVERY
    ).exclude(reply="")
    cases = [] if greeted.exists() else waiting_cases(advisor)
    return Outcome(State.IGNORED, replies.waiting(cases) if cases else "", "进入应用")


def pressed(advisor: Advisor, key: str, response_code: str) -> Outcome:
    """The button 回复此案件 of a card (DOC 90240): its case becomes the reply target, and the card shows it.

    No passive reply is honoured here; the card itself is changed, by the worker.
    """
    found = re.fullmatch(r"reply:([0-9]{1,9})", key)
    case = Case.objects.select_related("member").filter(number=int(found[1])).first() if found else None
    if case is None:
        return Outcome(State.IGNORED, reason="未知的按钮")
    if response_code:
        notify_card_chosen(case, advisor, response_code)
    if case.advisor_id != advisor.pk or case.status == Case.Status.CLOSED:
        return Outcome(State.IGNORED, reason="案件已结案或不由此顾问跟进")
    set_target(advisor, case)
    return Outcome(State.IGNORED, reason="按钮：设为最近被通知案件", case=case)
