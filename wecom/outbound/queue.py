"""The queue of notifications: what is due is claimed, with a lease. marks.py writes down what came of it.

A claim and its mark are short transactions; sending happens between them. A worker that is killed loses its rows
when the lease ends.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Least

from cases.actions import lock_case
from cases.models import Case
from wecom.clock import shared_now
from wecom.failpoints import failpoint
from wecom.models import Attempt, Channel, Notification
from wecom.outbound.channels import APP, EMAIL, GROUP, compose
from wecom.outbound.decision import Cancel, Postpone, Send, decide
from wecom.outbound.digests import digest_payload
from wecom.outbound.limits import LEASE, MAIL_LEASE, member_is_full
from wecom.outbound.reminders import decide_reminder
from wecom.outbound.texts import MAX_TEXT, shown
from wecom.outbound.turns import MOST_DECIDED, Turn, Waiting, due, turns

State, Event = Notification.State, Notification.Event

MEMBER_WAITS = timedelta(seconds=20)
LONGEST_PAUSE = timedelta(minutes=5)  # of a channel; one that seems longer was set before the clock was put back
DIRECT_ONLY = {Event.CASE_ASSIGNED, Event.CASE_TAKEN}  # the group hears of them only when the advisor cannot
LEASED_FIELDS = [
    *("state", "lease", "leased_until", "attempts", "trying_since", "advisor"),
    *("sent_text", "payload", "payload_seq"),
]

logger = logging.getLogger("jiayi.wecom")

Ready = tuple[Notification, dict[str, Any]]  # with the request


@dataclass(frozen=True)
class Claim:
    """What this worker may send until its lease ends: one notification, or several in one digest."""

    rows: list[Notification]
    lease: str
    attempt: Attempt
    payload: dict[str, Any]

    @property
    def first(self) -> Notification:
        return self.rows[0]


def claim(name: str) -> Claim | None:
    """Take what is sent next, decided again; None when nothing is due or nothing may be sent now."""
    _take_back(name)
    return _claim(name)


def _take_back(name: str) -> None:
    """Let what a killed worker left behind wait again. Each by itself, the case locked before its notification.

    A case that somebody is writing into at this moment has its turn at the next look: nobody's transaction, however
    long it hangs, holds up the notifications of all the other cases.
    """
    expired = Notification.objects.filter(channel=name, state=State.SENDING, leased_until__lt=shared_now())
    for pk, case_id in list(expired.values_list("pk", "case_id")):
        with transaction.atomic():
            free = Case.objects.filter(pk=case_id).select_for_update(no_key=True, skip_locked=True).first()
            row = locked(expired.filter(pk=pk), None) if free or not case_id else None
            if row is not None:
                change(row, back_to_waiting(row, {"lease": ""}))
                failpoint("delivery.taking_back")


def locked(rows: QuerySet[Notification], case_id: int | None) -> Notification | None:
    """Return the row, locked, if there still is one; its case is locked first, as whoever writes into it does.

    Locks are always taken in the order advisor, case, notification, channel.
    """
    if case_id:
        lock_case(case_id)
    return rows.select_for_update(no_key=True).first()


@transaction.atomic
def _claim(name: str) -> Claim | None:
    """The channel's row is the lock behind its limit. Whoever has it waits for nobody: what is locked is skipped."""
    Channel.objects.get_or_create(name=name)
    channel = Channel.objects.select_for_update(no_key=True).get(name=name)
    now = shared_now()  # not before the lock: others may have sent while we waited for it
    if channel.paused_until and now < channel.paused_until <= now + LONGEST_PAUSE:
        if name == APP and channel.needs_mending:
            fall_back_all(now, channel.problem)
        return None
    taken = next((taken for turn in turns(name, now) if (taken := _take(turn, now))), None)
    if not taken:
        return None
    return _lease([row for row, _payload in taken], _payload_of(taken), now)


def _payload_of(taken: list[Ready]) -> dict[str, Any]:
    return taken[0][1] if len(taken) == 1 else digest_payload([row for row, _payload in taken])


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


def _ready(turn: Turn, chosen: list[Waiting], now: datetime) -> list[Ready]:
    """Return those of the chosen rows that are sent now, as many as fit into one message."""
    taken: list[Ready] = []
    for one in chosen:
        row = turn.rows.filter(pk=one.pk).select_for_update(no_key=True, skip_locked=True).first()
        ready = _decided(row, now) if row else None
        if row is None or ready is None:
            continue
        if taken and (row.payload or taken[0][0].payload or _too_long([*taken, ready])):
            break  # what was tried by itself is repeated by itself, to the byte
        taken.append(ready)
    return taken


def _too_long(taken: list[Ready]) -> bool:
    return len(_payload_of(taken)["text"]["content"].encode()) > MAX_TEXT - 100


def _decided(row: Notification, now: datetime) -> Ready | None:
    """Decide about a due row: returns it ready to send, or writes down why it is not sent now."""
    try:
        with transaction.atomic():  # so that a mistake of ours that the database refuses fails this row alone
            verdict = decide_reminder(row, now) if row.channel == EMAIL else decide(row, now)
            if isinstance(verdict, Send) and _is_full(row, verdict, now):
                verdict = Postpone(now + MEMBER_WAITS, "发给该成员的消息过多。")
            if isinstance(verdict, Send) and _has_address(row, verdict):
                return row, compose(row, verdict)
    except (OperationalError, InterfaceError):
        raise  # the database is away for a moment; the row stays due
    except Exception:
        # One row that cannot be written must not hold up all the others; the admin shows it as failed.
        logger.exception("notification %s cannot be written", row.reference)
        change(row, {"state": State.FAILED, "note": "生成内容时出错，详见服务器日志。"})
        return None
    if isinstance(verdict, Cancel):
        change(row, {"state": State.CANCELLED, "note": verdict.reason})
    elif isinstance(verdict, Postpone):
        change(row, {"due_at": verdict.until, "note": verdict.reason})
    else:
        change(row, {"state": State.FAILED, "note": "顾问没有绑定企业微信账号。"})
        fall_back(row)
    return None


def _has_address(row: Notification, verdict: Send) -> bool:
    """Whether WeCom can be told to whom: an advisor who was unbound since is nobody there."""
    return row.channel != APP or bool(verdict.advisor and verdict.advisor.wecom_userid)


def _is_full(row: Notification, verdict: Send, now: datetime) -> bool:
    """Whether the advisor has been sent as much as WeCom shows, or as leaves room for what is more urgent."""
    return row.channel == APP and verdict.advisor is not None and member_is_full(verdict.advisor, now, row.priority)


def change(row: Notification, changes: dict[str, Any]) -> None:
    """Write these fields of a row that is locked."""
    Notification.objects.filter(pk=row.pk).update(**changes)


def _lease(rows: list[Notification], payload: dict[str, Any], now: datetime) -> Claim:
    lease = uuid4().hex
    for row in rows:
        row.state, row.lease = State.SENDING, lease
        row.leased_until = now + (MAIL_LEASE if row.channel == EMAIL else LEASE)
        row.attempts += 1
        row.trying_since = row.trying_since or now
        row.sent_text = shown(payload, row, rows)
        _keep(row, payload, alone=len(rows) == 1)
        row.save(update_fields=LEASED_FIELDS)
    attempt = Attempt.objects.create(notification=rows[0], channel=rows[0].channel, started_at=now)
    failpoint("delivery.claiming")
    return Claim(rows, lease, attempt, payload)


def _keep(row: Notification, payload: dict[str, Any], *, alone: bool) -> None:
    """Keep what is sent to an advisor alone about one case, to be repeated to the byte; a digest is written anew."""
    kept = json.dumps(payload, ensure_ascii=False) if row.channel == APP and alone else ""
    if kept != row.payload or not kept:
        row.payload, row.payload_seq = kept, row.last_seq


def fall_back_all(now: datetime, problem: str) -> None:
    """While the app is out of order, what only the advisors would hear goes to the group."""
    rows = due(APP, now).filter(event__in=DIRECT_ONLY, state=State.WAITING)
    if not rows.exists():
        return
    with transaction.atomic():
        for row in rows.select_for_update(no_key=True, skip_locked=True):
            change(row, {"state": State.FAILED, "note": problem})
            fall_back(row)


def fall_back(row: Notification) -> None:
    """Tell the group what could not be told to the advisor directly, unless the group is told anyway."""
    if row.channel == APP and row.event in DIRECT_ONLY:
        Notification.objects.create(
            event=row.event, channel=GROUP, case=row.case, member=row.member, advisor=row.advisor
        )


def back_to_waiting(row: Notification, changes: dict[str, Any]) -> dict[str, Any]:
    """Return how a locked row goes back to waiting: as it is, or merged into the one that began to wait meanwhile."""
    if row.is_gathered:
        others = Notification.objects.filter(case=row.case_id, channel=row.channel, event=row.event)
        both = {"first_seq": Least("first_seq", row.first_seq), "last_seq": Greatest("last_seq", row.last_seq)}
        if others.filter(state=State.WAITING).update(**both):
            return {**changes, "state": State.CANCELLED, "note": "已并入同一案件的下一条通知。"}
        # Whoever follows the case now was told of the same by an alert of their own.
        since = others.filter(pk__gt=row.pk, last_seq__gte=row.last_seq, state__in=[State.SENDING, State.DELIVERED])
        if row.event == Event.MEMBER_WROTE and since.exclude(advisor=row.advisor_id).exists():
            return {**changes, "state": State.CANCELLED, "note": "现在的跟进人已收到通知。"}
    return {**changes, "state": State.WAITING}
