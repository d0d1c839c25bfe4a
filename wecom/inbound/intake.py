"""Rules for an advisor's WeCom text; the first that fits is followed.

It answers an open question, names a case by its number, looks like a slip, or goes where texts without a number go.
"""

from dataclasses import replace

from advisors.models import Advisor
from cases.models import Case
from wecom.inbound import receipts
from wecom.inbound.menus import ask_whether, ask_which, choose, hold_slip, open_question
from wecom.inbound.numbers import Numbered, begins_with_a_number, is_meant_for_a_number, numbered
from wecom.inbound.routing import Outcome, destination, followed, post_text, waiting_cases, written_at
from wecom.inbound.slips import bare, looks_like_a_slip
from wecom.models import InboundMessage
from wecom.reply_target import set_target

State = InboundMessage.State


def route_text(row: InboundMessage, advisor: Advisor, text: str) -> Outcome:
    """Route a text: an answer to a menu, a text with a number, a slip, or one for the reply target."""
    chosen = choose(row, advisor, text)
    if chosen is not None:
        return chosen
    if found := numbered(text):
        return _to_number(row, advisor, found)
    if is_meant_for_a_number(text):
        return Outcome(State.HELD, receipts.unreadable_number(), "案件号看不清楚")
    if looks_like_a_slip(text) or _is_a_case_number(advisor, text):
        return _slip(row, advisor, text)
    return route(row, advisor, text)


def route(row: InboundMessage, advisor: Advisor, text: str) -> Outcome:
    """Post what has no case number into its case, or hold it, with the reason in the outcome."""
    if menu := open_question(advisor):
        return ask_which(row, advisor, waiting_cases(advisor), menu)
    there = destination(advisor, written_at(row))
    if isinstance(there, Outcome):
        return there
    return post_text(row, advisor, there, text) if isinstance(there, Case) else ask_which(row, advisor, there)


def _to_number(row: InboundMessage, advisor: Advisor, found: Numbered) -> Outcome:
    case = followed(advisor, found.number)
    if case is None:
        number = str(found.number or found.digits)
        return Outcome(State.HELD, receipts.not_yours(number), f"没有跟进案件 #{receipts.shortened(number)}")
    if begins_with_a_number(found.text):
        return Outcome(State.HELD, receipts.two_numbers(), "写了两个案件号")
    if found.text and looks_like_a_slip(found.text) and not bare(found.text).isdecimal():
        return ask_whether(row, advisor, case, found.text)
    if found.text:
        return post_text(row, advisor, case, found.text)
    if case.status == Case.Status.CLOSED:
        return Outcome(State.IGNORED, receipts.target_lost(found.number), "案件已结案", case)
    if not set_target(advisor, case, written_at(row), chosen=True):
        return Outcome(State.IGNORED, receipts.target_changed(), "之后又通知了别的案件", case)
    return Outcome(State.IGNORED, receipts.target_set(case), "设为最近被通知案件", case)


def _is_a_case_number(advisor: Advisor, text: str) -> bool:
    """Return whether the whole text is the number of one of the advisor's cases, typed without the #."""
    digits = bare(text)
    return digits.isdecimal() and len(digits) <= 9 and followed(advisor, int(digits)) is not None


def _slip(row: InboundMessage, advisor: Advisor, text: str) -> Outcome:
    """Hold a slip, with a hint in the receipt. Where it has a case to go to, ask the advisor to confirm it."""
    if which := open_question(advisor):
        return hold_slip(text, which)
    there = destination(advisor, written_at(row))
    if isinstance(there, Outcome):
        return there
    if isinstance(there, Case):
        return ask_whether(row, advisor, there, text)
    asked = ask_which(row, advisor, there)
    return replace(asked, receipt=f"{receipts.slip(text)}\n{asked.receipt}")
