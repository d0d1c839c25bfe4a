"""The queue of notifications: what is due is decided again and claimed. marks.py writes down the outcome.

A claim and its mark are short transactions; sending happens between them. A worker that is killed loses its rows
when the lease ends.
"""

import logging
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from jiayi.statements import given, kept
from wecom.clock import shared_now
from wecom.models import Channel, Notification
from wecom.outbound import states
from wecom.outbound.channels import Composed, Transport, transport_of
from wecom.outbound.decision import decide
from wecom.outbound.events import EVENTS
from wecom.outbound.next_step import Cancel, NextStep, Postpone, Send
from wecom.outbound.states import Claim
from wecom.outbound.turns import MOST_DECIDED, DueRow, Turn, unclaimed
from wecom.outbound.words import MAX_TEXT

MEMBER_WAITS = timedelta(seconds=20)
LONGEST_PAUSE = timedelta(minutes=5)  # of a channel; one that seems longer was set before the clock was put back

logger = logging.getLogger("jiayi.wecom")

Ready = tuple[Notification, Composed]  # with the request


def claim(name: str) -> Claim | None:
    """Return a claim on what is sent next by a channel; None when nothing is due or nothing may be sent now."""
    states.take_back(name)
    return _claim(transport_of(name))


@kept
def _channel() -> QuerySet[Channel]:
    return Channel.objects.select_for_update(no_key=True).filter(name=given("name")).order_by()


def _locked_channel(name: str) -> Channel:
    """Return the channel's row, locked; the first time it is made."""
    return _channel.first(name=name) or Channel.objects.select_for_update(no_key=True).get_or_create(name=name)[0]


@transaction.atomic
def _claim(transport: Transport) -> Claim | None:
    """Claim under the lock of the channel's row, behind which its limit is counted. Locked rows are skipped."""
    channel = _locked_channel(transport.name)
    now = shared_now()  # not before the lock: others may have sent while we waited for it
    if channel.paused_until and now < channel.paused_until <= now + LONGEST_PAUSE:
        if channel.needs_mending:
            fall_back_all(transport, now, channel.problem)
        return None
    taken = next((taken for turn in transport.turns(now) if (taken := _take(turn, now))), None)
    if not taken:
        return None
    return states.begin_sending([row for row, _composed in taken], _together(taken), now)


def _together(taken: list[Ready]) -> Composed:
    if len(taken) == 1:
        return taken[0][1]
    return transport_of(taken[0][0].channel).compose_digest([row for row, _composed in taken])


def _take(turn: Turn, now: datetime) -> list[Ready]:
    """Return the next rows of a turn to send, each with its request: one, or what one digest holds."""
    waiting = turn.waiting()
    decided = 0
    while waiting and decided < MOST_DECIDED:
        chosen = turn.together(waiting)
        taken = _ready(turn, chosen, now)
        if taken:
            return taken
        decided += len(chosen)
        waiting = [one for one in waiting if one not in chosen]
    return []


def _ready(turn: Turn, chosen: list[DueRow], now: datetime) -> list[Ready]:
    """Return those of the chosen rows that are sent now, as many as fit into one message."""
    taken: list[Ready] = []
    for one in chosen:
        row = turn.lock(one)
        ready = _decided(row, now) if row else None
        if row is None or ready is None:
            continue
        if taken and (row.payload or taken[0][0].payload or _too_long([*taken, ready])):
            break  # a row that was tried by itself is repeated by itself, to the byte
        taken.append(ready)
    return taken


def _too_long(taken: list[Ready]) -> bool:
    return len(_together(taken).payload["text"]["content"].encode()) > MAX_TEXT - 100


def _decided(row: Notification, now: datetime) -> Ready | None:
    """Decide about a due row: returns it ready to send, or writes down why it is not sent now."""
    try:
        with transaction.atomic():  # so that a mistake of ours that the database refuses fails this row alone
            step = _next_step(row, now)
            if isinstance(step, Send) and transport_of(row.channel).reaches(step.advisor):
                row.advisor, row.came = step.advisor, step.came
                return row, transport_of(row.channel).compose(row)
    except (OperationalError, InterfaceError):
        raise  # the database is away for a moment; the row stays due
    except Exception:
        # One row that cannot be composed must not hold up all the others; the admin shows it as failed.
        logger.exception("notification %s cannot be written", row.reference)
        states.fail(row, "生成内容时出错，详见服务器日志。")
        return None
    if isinstance(step, Cancel):
        states.cancel(row, step.reason)
    elif isinstance(step, Postpone):
        states.postpone(row, step.until, step.reason)
    else:
        states.fail(row, "顾问没有绑定企业微信账号。")
    return None


def _next_step(row: Notification, now: datetime) -> NextStep:
    step = decide(row, now)
    if isinstance(step, Send) and transport_of(row.channel).is_full(step.advisor, row.priority, now):
        return Postpone(now + MEMBER_WAITS, "发给该成员的消息过多。")
    return step


def fall_back_all(transport: Transport, now: datetime, problem: str) -> None:
    """Give up what waits for a channel that does not work, where the group can be told instead."""
    events = [event.name for event in EVENTS.values() if transport.falls_back(event)]
    rows = unclaimed(transport.name, now).filter(event__in=events)
    if not events or not rows.exists():
        return
    with transaction.atomic():
        for row in rows.select_for_update(no_key=True, skip_locked=True):
            states.fail(row, problem)
