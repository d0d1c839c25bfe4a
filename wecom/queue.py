"""The queue of notifications: claim with a lease, mark what came of it.

A claim and its mark are short transactions; sending happens between them. A worker that is killed loses its rows
when the lease ends, and a mark without the lease counts for nothing.
"""

import json
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from advisors.models import Advisor
from cases.actions import lock_case
from wecom.channels import APP, GROUP, compose
from wecom.client import Answer, WeComError
from wecom.decision import Cancel, Postpone, Send, decide
from wecom.errcodes import Verdict
from wecom.limits import LEASE, free_places, member_is_full
from wecom.models import Attempt, Channel, Notification, ReplyTarget
from wecom.routing import set_target
from wecom.texts import MAX_TEXT, digest_payload, shown

State, Event = Notification.State, Notification.Event

GIVE_UP_AFTER = timedelta(hours=24)
PROBE_EVERY = timedelta(minutes=5)
MEMBER_WAITS = timedelta(seconds=20)
DIGEST_CASES = 20
DIRECT_ONLY = {Event.CASE_ASSIGNED, Event.CASE_TAKEN}  # the group hears of them only when the advisor cannot
BACKOFF = (2, 5, 15, 30, 60, 120, 300, 600, 1200, 1800)  # seconds; the last one repeats until GIVE_UP_AFTER

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


@transaction.atomic
def claim(name: str) -> Claim | None:
    """Take what is sent next, decided again; None when nothing is due or nothing may be sent now."""
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
        rows = due(name, now).exclude(pk__in=passed)
        # A digest is of members' messages only; whatever else is due goes out by itself.
        rows = rows.filter(event=Event.MEMBER_WROTE) if many and taken else rows
        row = rows.select_for_update(no_key=True).first()
        if row is None:
            break
        passed.add(row.pk)
        ready = _decided(row, now)
        if ready is None:
            continue
        taken.append(ready)
        if row.event != Event.MEMBER_WROTE:
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
        verdict = decide(row, now)
        if isinstance(verdict, Send) and row.channel == APP and verdict.advisor:
            verdict = Postpone(now + MEMBER_WAITS, "发给该成员的消息过多。") if _full(verdict, now) else verdict
        if isinstance(verdict, Send):
            return row, verdict.count, compose(row, verdict)
    except Exception:
        # One row that cannot be written must not hold up all the others; the admin shows it as failed.
        logger.exception("notification %s cannot be written", row.reference)
        _change(row, {"state": State.FAILED, "note": "生成内容时出错，详见服务器日志。"})
        return None
    if isinstance(verdict, Cancel):
        _change(row, {"state": State.CANCELLED, "note": verdict.reason})
    else:
        _change(row, back_to_waiting(row, {"due_at": verdict.until, "note": verdict.reason}))
    return None


def _full(verdict: Send, now: datetime) -> bool:
    return verdict.advisor is not None and member_is_full(verdict.advisor, now)


def _change(row: Notification, change: dict[str, Any]) -> None:
    Notification.objects.filter(pk=row.pk).update(**change)


def _lease(rows: list[Notification], payload: dict[str, Any], now: datetime) -> Claim:
    lease = uuid4().hex
    for row in rows:
        row.state, row.lease, row.leased_until = State.SENDING, lease, now + LEASE
        row.attempts += 1
        row.sent_text = shown(payload)
        row.payload = json.dumps(payload, ensure_ascii=False) if row.channel == APP else ""
        row.save(update_fields=["state", "lease", "leased_until", "attempts", "sent_text", "payload", "advisor"])
    return Claim(rows, lease, Attempt.objects.create(notification=rows[0], channel=rows[0].channel), payload)


@transaction.atomic
def mark_delivered(claim: Claim, answer: Answer) -> None:
    """Note the success, and make the case the advisor's reply target in the same transaction."""
    now = timezone.now()
    _finish(claim.attempt, "ok", answer.errcode, answer.duration_ms)
    Channel.objects.filter(name=claim.first.channel).update(
        last_success_at=now, problem="", needs_mending=False, paused_until=None
    )
    advisors = sorted({row.advisor_id for row in claim.rows if row.advisor_id})
    locked = {a.pk: a for a in Advisor.objects.select_for_update(no_key=True).filter(pk__in=advisors).order_by("pk")}
    done = {
        "state": State.DELIVERED,
        "delivered_at": now,
        "note": "" if len(claim.rows) == 1 else f"与 {claim.first.reference} 汇总为一条。",
        "answer": f"errcode {answer.errcode} {answer.errmsg}"[:300],
        "lease": "",
        "payload": "",
        "response_code": str(answer.data.get("response_code", ""))[:200],
    }
    if _still_ours(claim).update(**done) < len(claim.rows):
        logger.warning("%s was sent by two workers", claim.first.reference)
        return
    for advisor in locked.values():
        _told(advisor, [row for row in claim.rows if row.advisor_id == advisor.pk])


def _told(advisor: Advisor, rows: list[Notification]) -> None:
    cases = [row.case for row in rows if row.case and (row.is_of_messages or row.event == Event.CASE_ASSIGNED)]
    if not cases or not advisor.wecom_userid:
        return
    if len(cases) > 1:
        # Told of several cases at once, no single one is the most recent: the advisor must name one.
        ReplyTarget.objects.filter(advisor=advisor).delete()
        return
    set_target(advisor, cases[0])


@transaction.atomic
def mark_failed(claim: Claim, error: WeComError, took: timedelta) -> None:
    """Note the failure and what happens next: again later, never again, or not before a person mended something."""
    now = timezone.now()
    _finish(claim.attempt, error.reason, error.errcode, round(took.total_seconds() * 1000))
    row = claim.first
    again = now + timedelta(seconds=max(error.wait, _backoff(row.attempts)))
    if error.verdict is Verdict.CONFIGURATION:
        again = now + PROBE_EVERY
    if error.verdict is Verdict.CONFIGURATION or error.wait:
        Channel.objects.filter(name=row.channel).update(
            paused_until=again,
            problem=error.reason[:300],
            needs_mending=error.verdict is Verdict.CONFIGURATION,
        )
    gave_up = error.verdict in {Verdict.RETRY, Verdict.TOKEN} and now - row.created_at > GIVE_UP_AFTER
    hopeless = error.verdict is Verdict.PAYLOAD or gave_up
    undeliverable = hopeless or (row.channel == APP and error.verdict is Verdict.CONFIGURATION)
    for row in sorted(claim.rows, key=lambda one: one.case_id or 0):
        change: dict[str, Any] = {"due_at": again, "note": error.reason[:300], "lease": ""}
        change = {**change, "state": State.FAILED} if undeliverable else back_to_waiting(row, change)
        if Notification.objects.filter(pk=row.pk, state=State.SENDING, lease=claim.lease).update(**change):
            _fall_back(row, undeliverable)


def _fall_back_all(now: datetime, problem: str) -> None:
    """While the app is out of order, what only the advisors would hear goes to the group."""
    for row in due(APP, now).filter(event__in=DIRECT_ONLY, state=State.WAITING).select_for_update(no_key=True):
        _change(row, {"state": State.FAILED, "note": problem})
        _fall_back(row, undeliverable=True)


def _fall_back(row: Notification, undeliverable: bool) -> None:
    """Tell the group what could not be told to the advisor directly, unless the group is told anyway."""
    if undeliverable and row.channel == APP and row.event in DIRECT_ONLY:
        Notification.objects.create(
            event=row.event, channel=GROUP, case=row.case, member=row.member, advisor=row.advisor
        )


def back_to_waiting(row: Notification, change: dict[str, Any]) -> dict[str, Any]:
    """Return how a row goes back to waiting: as it is, or merged into the one that began to wait meanwhile."""
    if row.is_of_messages and row.case_id and row.state == State.SENDING:
        lock_case(row.case_id)  # no message of this case can ask for another notification meanwhile
        others = Notification.objects.filter(case=row.case_id, channel=row.channel, event=row.event)
        if others.filter(state=State.WAITING).update(first_seq=row.first_seq):
            return {**change, "state": State.CANCELLED, "note": "已并入同一案件的下一条通知。"}
    return {**change, "state": State.WAITING}


def _finish(attempt: Attempt, outcome: str, errcode: int | None, duration_ms: int) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(
        finished_at=timezone.now(), outcome=outcome[:300], errcode=errcode, duration_ms=duration_ms
    )


def _still_ours(claim: Claim) -> QuerySet[Notification]:
    ours = [row.pk for row in claim.rows]
    return Notification.objects.filter(pk__in=ours, state=State.SENDING, lease=claim.lease)


def _backoff(attempts: int) -> float:
    seconds = BACKOFF[min(attempts, len(BACKOFF)) - 1]
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
