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

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from cases.actions import lock_case
from wecom.channels import APP, EMAIL, GROUP, compose
from wecom.decision import Cancel, Postpone, Send, decide
from wecom.failpoints import failpoint
from wecom.limits import LEASE, MAIL_LEASE, free_places, member_is_full
from wecom.models import Attempt, Channel, Notification
from wecom.reminders import decide_reminder
from wecom.texts import MAX_TEXT, digest_payload, shown

State, Event = Notification.State, Notification.Event

MEMBER_WAITS = timedelta(seconds=20)
DIGEST_CASES = 20
DIRECT_ONLY = {Event.CASE_ASSIGNED, Event.CASE_TAKEN}  # the group hears of them only when the advisor cannot
LEASED_FIELDS = ("state", "lease", "leased_until", "attempts", "trying_since", "sent_text", "payload", "advisor")

logger = logging.getLogger("jiayi.wecom")


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


def due(channel: str, now: datetime) -> QuerySet[Notification]:
    """Return what is to be sent this way by now, also what a killed worker left behind."""
    ready = Q(state=State.WAITING, due_at__lte=now) | Q(state=State.SENDING, leased_until__lt=now)
    return Notification.objects.filter(ready, channel=channel).order_by("due_at", "pk")


def claim(name: str) -> Claim | None:
    """Take what is sent next, decided again; None when nothing is due or nothing may be sent now."""
    _take_back(name)
    return _claim(name)


def _take_back(name: str) -> None:
    """Let what a killed worker left behind wait again. Each by itself, the case locked before its notification."""
    expired = Notification.objects.filter(channel=name, state=State.SENDING, leased_until__lt=timezone.now())
    for pk, case_id in list(expired.values_list("pk", "case_id")):
        with transaction.atomic():
            row = locked(expired.filter(pk=pk), case_id)
            if row is not None:
                change(row, back_to_waiting(row, {"lease": ""}))
                failpoint("delivery.taking_back")


def locked(rows: QuerySet[Notification], case_id: int | None) -> Notification | None:
    """Return the row, locked, if there still is one; its case is locked first, as whoever writes into it does."""
    if case_id:
        lock_case(case_id)
    return rows.select_for_update(no_key=True).first()


@transaction.atomic
def _claim(name: str) -> Claim | None:
    now = timezone.now()
    Channel.objects.get_or_create(name=name)
    channel = Channel.objects.select_for_update(no_key=True).get(name=name)
    if channel.paused_until and channel.paused_until > now:
        if name == APP and channel.needs_mending:
            _fall_back_all(now, channel.problem)
        return None
    places = free_places(now) if name == GROUP else 1
    if not places:
        return None
    late = name == GROUP and due(name, now).filter(event=Event.MEMBER_WROTE).count() > places
    taken = _take(name, now, many=late)
    if not taken:
        return None
    payload = taken[0][2] if len(taken) == 1 else digest_payload([(row, count) for row, count, _payload in taken])
    return _lease([row for row, _count, _payload in taken], payload, now)


def _take(name: str, now: datetime, *, many: bool) -> list[tuple[Notification, int, dict[str, Any]]]:
    """Return the next rows to send with their count of messages and text: one, or as many as a digest holds."""
    taken: list[tuple[Notification, int, dict[str, Any]]] = []
    passed: set[int] = set()
    while len(taken) < (DIGEST_CASES if many else 1):
        rows = due(name, now).filter(state=State.WAITING).exclude(pk__in=passed)
        # A digest is of members' messages only; whatever else is due goes out by itself.
        rows = rows.filter(event=Event.MEMBER_WROTE, alone=False) if many and taken else rows
        row = rows.select_for_update(no_key=True).first()
        if row is None:
            break
        passed.add(row.pk)
        ready = _decided(row, now)
        if ready is None:
            continue
        taken.append(ready)
        if row.event != Event.MEMBER_WROTE or row.alone:
            break
        if len(taken) > 1 and _too_long(taken):
            taken.pop()
            break
    return taken


def _too_long(taken: list[tuple[Notification, int, dict[str, Any]]]) -> bool:
    text = digest_payload([(row, count) for row, count, _payload in taken])["text"]["content"]
    return len(text.encode()) > MAX_TEXT - 100 or text.endswith("…")


def _decided(row: Notification, now: datetime) -> tuple[Notification, int, dict[str, Any]] | None:
    """Decide about a due row: returns it ready to send, or writes down why it is not sent now."""
    try:
        verdict = decide_reminder(row, now) if row.channel == EMAIL else decide(row, now)
        if isinstance(verdict, Send) and row.channel == APP and verdict.advisor:
            verdict = Postpone(now + MEMBER_WAITS, "发给该成员的消息过多。") if _full(verdict, now) else verdict
        if isinstance(verdict, Send):
            return row, verdict.count, compose(row, verdict)
    except DatabaseError:
        raise  # the database is away for a moment; the row stays due
    except Exception:
        # One row that cannot be written must not hold up all the others; the admin shows it as failed.
        logger.exception("notification %s cannot be written", row.reference)
        change(row, {"state": State.FAILED, "note": "生成内容时出错，详见服务器日志。"})
        return None
    if isinstance(verdict, Cancel):
        change(row, {"state": State.CANCELLED, "note": verdict.reason})
    else:
        change(row, {"due_at": verdict.until, "note": verdict.reason})
    return None


def _full(verdict: Send, now: datetime) -> bool:
    return verdict.advisor is not None and member_is_full(verdict.advisor, now)


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
        row.sent_text = shown(payload)
        row.payload = json.dumps(payload, ensure_ascii=False) if row.channel == APP else ""
        row.save(update_fields=LEASED_FIELDS)
    attempt = Attempt.objects.create(notification=rows[0], channel=rows[0].channel)
    failpoint("delivery.claiming")
    return Claim(rows, lease, attempt, payload)


def _fall_back_all(now: datetime, problem: str) -> None:
    """While the app is out of order, what only the advisors would hear goes to the group."""
    for row in due(APP, now).filter(event__in=DIRECT_ONLY, state=State.WAITING).select_for_update(no_key=True):
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
        if others.filter(state=State.WAITING).update(first_seq=row.first_seq):
            return {**changes, "state": State.CANCELLED, "note": "已并入同一案件的下一条通知。"}
    return {**changes, "state": State.WAITING}
