"""Questions to an advisor about texts that are held: to which case, or whether they are sent at all.

One question at a time for each advisor. What is written while it is open joins it; a digit answers for all, in order.
"""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from advisors.models import Advisor
from cases.models import Case
from jiayi.statements import given, kept
from wecom.inbound import receipts
from wecom.inbound.routing import Outcome, close_held, post_text, text_of, written_at
from wecom.inbound.slips import choice_in
from wecom.models import InboundMessage, ReplyMenu

State, Kind = InboundMessage.State, ReplyMenu.Kind
MENU_FOR = timedelta(minutes=10)


@kept
def _open_question() -> QuerySet[ReplyMenu]:
    fresh = ReplyMenu.objects.filter(advisor=given("advisor"), created_at__gte=given("since"))
    return fresh.filter(kind=Kind.WHICH_CASE, held__isnull=False)[:1]


def open_question(advisor: Advisor) -> ReplyMenu | None:
    """Return the question to which case held texts go, while it may still be answered."""
    return _open_question.first(advisor=advisor.pk, since=timezone.now() - MENU_FOR)


def ask_which(row: InboundMessage, advisor: Advisor, cases: list[Case], menu: ReplyMenu | None = None) -> Outcome:
    """Hold what was written, behind what the open question `menu` holds, and ask to which of these cases it goes."""
    if row.late:  # a late one has no receipt to show the menu in, and the next digit would answer it
        return Outcome(State.HELD, receipts.several_wait(), "等待回复的案件不止一个")
    known = menu.case_ids if menu else []  # in their places: the digits stand for them
    menu = _put(menu, advisor, Kind.WHICH_CASE, [*known, *(case.pk for case in cases if case.pk not in known)])
    return Outcome(State.HELD, question(menu, held=menu.held.count() + 1), "等待顾问选择案件", menu=menu)


def ask_whether(row: InboundMessage, advisor: Advisor, case: Case, text: str) -> Outcome:
    """Hold what looks like a slip until the advisor confirms that the client of this case is to read it."""
    which = open_question(advisor)
    if row.late or which:
        return hold_slip(text, which)
    menu = _put(None, advisor, Kind.REALLY, [case.pk])
    return Outcome(State.HELD, receipts.really(text, case), "看起来是误发，等待确认", menu=menu)


def hold_slip(text: str, which: ReplyMenu | None) -> Outcome:
    """Hold what looks like a slip. An open question `which` case texts go to stays the one to be answered."""
    asked = f"\n{question(which, held=which.held.count())}" if which else ""
    return Outcome(State.HELD, f"{receipts.slip(text)}{asked}", "看起来是误发")


def _put(menu: ReplyMenu | None, advisor: Advisor, kind: str, case_ids: list[int]) -> ReplyMenu:
    """Ask `menu` anew with all that it holds; without it, a new question in place of the former one.

    The texts of the former one stay held, and the next receipt says so.
    """
    if menu is None:
        InboundMessage.objects.filter(menu__advisor=advisor).update(untold=True, reason="没有等到选择或确认")
        ReplyMenu.objects.filter(advisor=advisor).delete()
        return ReplyMenu.objects.create(advisor=advisor, kind=kind, case_ids=case_ids)
    menu.case_ids, menu.created_at = case_ids, timezone.now()
    menu.save(update_fields=["case_ids", "created_at"])
    return menu


def question(menu: ReplyMenu, held: int) -> str:
    """Return the text of a question to which case; `held` is how many texts it is about."""
    theirs = Case.objects.filter(advisor=menu.advisor_id).select_related("member__user").in_bulk(menu.case_ids)
    return receipts.menu([theirs.get(pk) for pk in menu.case_ids], held)


def _is_over(menu: ReplyMenu) -> bool:
    return menu.created_at < timezone.now() - MENU_FOR


def choose(row: InboundMessage, advisor: Advisor, text: str) -> Outcome | None:
    """Take a digit as the answer to the last question; None for any other text, or without a question."""
    choice = choice_in(text)
    menu = None if choice is None else ReplyMenu.objects.filter(advisor=advisor).first()
    if menu is None or choice is None:
        return None
    held = list(menu.held.order_by("received_at", "pk"))
    if menu.created_at > written_at(row):
        return Outcome(State.IGNORED, receipts.MENU_STALE, "选择早于菜单")
    if not held:
        menu.delete()
        return None if _is_over(menu) else Outcome(State.IGNORED, receipts.MENU_STALE, "没有等待选择的消息")
    if menu.kind == Kind.REALLY and choice > len(menu.case_ids):
        return None  # no answer to that question, but another slip
    if _is_over(menu):
        return _ask_again(row, menu, held)
    if choice > len(menu.case_ids):
        return Outcome(State.IGNORED, receipts.no_such_choice(choice, question(menu, len(held))), "选择了不存在的一项")
    menu.delete()
    if choice == 0:
        for one in held:
            close_held(one, Outcome(State.IGNORED, reason="顾问取消"))
        return Outcome(State.IGNORED, receipts.DROPPED, "取消选择")
    case = Case.objects.select_related("member__user").get(pk=menu.case_ids[choice - 1])
    return _post_all(advisor, case, held)


def _ask_again(row: InboundMessage, menu: ReplyMenu, held: list[InboundMessage]) -> Outcome:
    """Ask a lapsed question anew: an advisor who answers so late may have forgotten what it was."""
    if row.late:
        return Outcome(State.IGNORED, receipts.MENU_STALE, "选择已过期")
    _put(menu, menu.advisor, menu.kind, menu.case_ids)
    first = f"「{receipts.shown(text_of(held[0]))}」\n" if held[0].content else ""
    asked = f"{receipts.MENU_AGAIN}\n{first}{question(menu, len(held))}"
    return Outcome(State.IGNORED, asked, "选择已过期")


def _post_all(advisor: Advisor, case: Case, held: list[InboundMessage]) -> Outcome:
    outcomes = []
    for one in held:
        one.chosen_at = timezone.now()
        outcomes.append(post_text(one, advisor, case, text_of(one)))
        close_held(one, outcomes[-1])
    kept = [one.receipt for one in outcomes if one.state == State.HELD]
    under_way = any(one.state == State.FETCHING for one in outcomes)
    many = receipts.chosen(case, len(held) - len(kept), kept, under_way=under_way)
    receipt = outcomes[0].receipt if len(held) == 1 else many
    return Outcome(State.IGNORED, receipt, f"选择了案件 #{case.number}", case)
