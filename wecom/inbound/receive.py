"""Receiving of messages and callback events: each stored once, routed, and given a receipt, in one transaction."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.translation import override

from advisors.models import Advisor
from jiayi.statements import given, insert, kept, save
from wecom.failpoints import failpoint
from wecom.inbound import receipts
from wecom.inbound.commands import entered, pressed, run_command
from wecom.inbound.envelope import MAX_RECEIPT, Inbound
from wecom.inbound.intake import route, route_text
from wecom.inbound.menus import open_question
from wecom.inbound.routing import OUTCOME_FIELDS, Outcome, where_next, write_outcome
from wecom.models import InboundMessage, ReplyTarget

State = InboundMessage.State
LOCK_SECONDS = 1.5  # for one statement; three at most wait for a lock, and WeCom waits 5
MAP = "https://www.openstreetmap.org/?mlat={lat}&mlon={lon}#map=16/{lat}/{lon}"


@transaction.atomic
def receive(
    inbound: Inbound, received_at: datetime, *, late: bool = False, wait: float = LOCK_SECONDS
) -> InboundMessage:
    """Store a message or callback event and act on it; return its row. A repetition finds the row and changes nothing.

    `late` says that it was put aside: it is routed as of `received_at`, or nowhere, and its sender's next receipt tells
    the outcome. `wait` is how many seconds it may wait for a lock. Raises django's DatabaseError when the database
    cannot take it; nothing is written then.
    """
    _wait_at_most(min(wait, LOCK_SECONDS))
    row, created = _stored(inbound, received_at, late=late)
    if not created:
        return row
    failpoint("inbound.stored")
    advisor = _bound.first(userid=inbound.from_user.lower())
    with override("zh-hans"):  # whatever language the request or the worker has
        outcome = _handle(row, inbound, advisor)
    write_outcome(row, outcome)
    row.advisor = advisor
    row.untold = late and advisor is not None and bool(outcome.receipt) and not outcome.of_the_moment
    row.reply = outcome.receipt if late or not advisor else _with_untold(advisor, _with_next(advisor, outcome))
    save(row, *OUTCOME_FIELDS, "content", "advisor", "reply", "untold")
    failpoint("inbound.routed")
    return row


def _stored(inbound: Inbound, received_at: datetime, *, late: bool) -> tuple[InboundMessage, bool]:
    """Return the row of a message or callback event, and whether it is new."""
    row = InboundMessage(
        identity=inbound.identity,
        userid=inbound.from_user,
        message_type=inbound.msg_type[:40],
        event=inbound.event[:60],
        content=inbound.content,
        fields=inbound.fields,
        sent_at=datetime.fromtimestamp(inbound.created_at, UTC),
        received_at=received_at,
        late=late,
        state=State.IGNORED,
    )
    if insert(row, unless="identity"):
        return row, True
    return InboundMessage.objects.get(identity=inbound.identity), False


def _wait_at_most(seconds: float) -> None:
    """Limit how long each statement takes on PostgreSQL, which has no limit of its own. SQLite's is in the settings.

    Not `lock_timeout`: the second who waits for a row waits for two locks, one after the other, each with that limit.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            limit = f"{max(1, round(seconds * 1000))}ms"
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [limit])


def _with_next(advisor: Advisor, outcome: Outcome) -> str:
    """Add to a receipt where the next text goes, unless the receipt is a question that comes first."""
    if not outcome.receipt or outcome.menu or not advisor.may_work:
        return outcome.receipt
    menu = open_question(advisor)
    line = receipts.next_joins(menu.held.count()) if menu else where_next(advisor)
    if line is None and outcome.state == State.HELD:
        return outcome.receipt  # which says that already
    return f"{outcome.receipt}\n{line or receipts.NEXT_NOWHERE}"


@kept
def _untold() -> QuerySet[InboundMessage]:
    return InboundMessage.objects.filter(advisor=given("advisor"), untold=True).order_by("pk")


def _with_untold(advisor: Advisor, receipt: str) -> str:
    """Add to a receipt the outcomes that became known since the last one; as many lines as fit."""
    if not receipt:
        return ""
    told = []
    for row in _untold.all(advisor=advisor.pk):
        longer = f"{receipt}\n{receipts.untold(row)}"
        if len(longer.encode()) > MAX_RECEIPT:
            break
        receipt = longer
        told.append(row.pk)
    if told:
        InboundMessage.objects.filter(pk__in=told).update(untold=False)
    return receipt


@kept
def _bound() -> QuerySet[Advisor]:
    """The advisor bound to a WeCom account, ignoring case, with the row locked against changes."""
    bound = Advisor.objects.alias(lowered=Lower("wecom_userid")).filter(lowered=given("userid"))
    return bound.select_for_update(of=("self",), no_key=True).select_related("user")


def _handle(row: InboundMessage, inbound: Inbound, advisor: Advisor | None) -> Outcome:
    if advisor is None or not advisor.may_work:
        return _refuse(inbound, advisor)
    if inbound.is_callback_event:
        return _callback_event(row, inbound, advisor)
    text = _readable(inbound)
    if text is None and settings.WECHAT_APP_SECRET and inbound.fields.get("MediaId"):
        return route(row, advisor, "")
    if text is None:
        target = ReplyTarget.objects.select_related("case").filter(advisor=advisor, case__advisor=advisor).first()
        return Outcome(State.REFUSED, receipts.only_text(target.case if target else None), "只能转发文字")
    row.content = text
    return run_command(row, advisor, text) or route_text(row, advisor, text)


def _callback_event(row: InboundMessage, inbound: Inbound, advisor: Advisor) -> Outcome:
    event = inbound.event.lower()
    if event == "enter_agent":
        return entered(advisor)
    if event == "template_card_event":
        return pressed(row, advisor, inbound.event_key, inbound.fields.get("ResponseCode", ""))
    return Outcome(State.IGNORED, reason="事件")


def _refuse(inbound: Inbound, advisor: Advisor | None) -> Outcome:
    """Refuse a sender who may not write: a message gets a receipt that says so, and stays on record."""
    if inbound.is_callback_event:
        return Outcome(State.IGNORED, reason="事件")
    if advisor is None:
        return Outcome(State.REFUSED, receipts.UNBOUND, "企业微信账号没有绑定顾问")
    return Outcome(State.REFUSED, receipts.NOT_APPROVED, "顾问未通过审核或已停用")


def _readable(inbound: Inbound) -> str | None:
    """Return a text, place or link as text; None for a kind that is no text, like a picture (DOC 90239)."""
    fields = inbound.fields
    kind = inbound.msg_type.lower()
    if kind == "text":
        return without_mention(inbound.content).strip()
    if kind == "location":
        place = MAP.format(lat=fields.get("Location_X", ""), lon=fields.get("Location_Y", ""))
        return f"[位置] {fields.get('Label', '')}\n{place}"
    if kind == "link":
        parts = [f"[链接] {fields.get('Title', '')}", fields.get("Description", ""), fields.get("Url", "")]
        return "\n".join(part for part in parts if part)
    return None


def without_mention(text: str) -> str:
    """Return the text without a leading @name of the app, if we know the app's name."""
    name = settings.WECHAT_APP_NAME
    mention = f"@{name}"
    return text.lstrip().removeprefix(mention) if name and text.lstrip().startswith(mention) else text
