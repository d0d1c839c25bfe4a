"""Sending notifications: claim with a lease, send outside any transaction, mark.

One function, `deliver_due`, is called by the worker command and whoever else drives the queue. At-least-once:
WeCom takes no idempotency key, so a worker killed between send and mark causes one repetition, with the same
reference in its text. The robot's limit is counted from the rows of Attempt, so it holds across workers and hosts.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from advisors.models import Advisor
from cases.actions import lock_case
from wecom.addresses import RobotAddress, robot_address
from wecom.client import Answer, WeComError, send_to_group
from wecom.decision import Cancel, Postpone, Send, decide
from wecom.errcodes import Verdict
from wecom.failpoints import failpoint
from wecom.models import Attempt, Channel, Notification, ReplyTarget
from wecom.texts import group_payload

State = Notification.State

LEASE = timedelta(seconds=60)
LIMIT = 20  # messages of one robot
WINDOW = timedelta(seconds=61)  # in any 60 s (DOC 99110), one more for clocks that differ between hosts
GIVE_UP_AFTER = timedelta(hours=24)
PROBE_EVERY = timedelta(minutes=5)
BACKOFF = (2, 5, 15, 30, 60, 120, 300, 600, 1200, 1800)  # seconds; the last one repeats until GIVE_UP_AFTER

logger = logging.getLogger("jiayi.wecom")


@dataclass(frozen=True)
class Claim:
    """A notification this worker may send until its lease ends."""

    notification: Notification
    attempt: Attempt
    payload: dict[str, Any]


def deliver_due(stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due, as far as the robot's limit allows, until `stopping()` says so.

    Returns how many notifications were tried.
    """
    address = _address()
    tried = 0
    while address is not None and not stopping() and _due(timezone.now()).exists():
        claim = _claim()
        if claim is None:
            break
        _send(claim, address)
        tried += 1
    return tried


def _address() -> RobotAddress | None:
    """The robot's address, or None when there is none; the channel then says so, and notifications wait."""
    try:
        if settings.WECHAT_WEBHOOK_URL:
            return robot_address(settings.WECHAT_WEBHOOK_URL)
        problem = "没有设置 WECHAT_WEBHOOK_URL：通知会一直等待。"
    except (ValueError, ImproperlyConfigured) as error:
        problem = str(error)
    Channel.objects.update_or_create(name=Channel.Name.GROUP, defaults={"problem": problem})
    return None


@transaction.atomic
def _claim() -> Claim | None:
    """Take the next due notification, decided again; None when nothing is due or nothing may be sent now."""
    now = timezone.now()
    Channel.objects.get_or_create(name=Channel.Name.GROUP)
    channel = Channel.objects.select_for_update().get(name=Channel.Name.GROUP)
    if channel.paused_until and channel.paused_until > now:
        return None
    recent = Attempt.objects.filter(Q(finished_at=None) | Q(finished_at__gt=now - WINDOW), channel=channel.name)
    if recent.filter(started_at__gt=now - WINDOW - LEASE).count() >= LIMIT:
        return None
    while (row := _due(now).select_for_update().first()) is not None:
        try:
            verdict = decide(row, now)
            payload = _payload(row, verdict) if isinstance(verdict, Send) else {}
        except Exception:
            # One row that cannot be written must not hold up all the others; the admin shows it as failed.
            logger.exception("notification %s cannot be written", row.reference)
            row.state, row.note = State.FAILED, "生成内容时出错，详见服务器日志。"
            row.save(update_fields=["state", "note"])
            continue
        if isinstance(verdict, Cancel):
            row.state, row.note = State.CANCELLED, verdict.reason
            row.save(update_fields=["state", "note"])
        elif isinstance(verdict, Postpone):
            change = _back_to_waiting(row, {"due_at": verdict.until, "note": verdict.reason})
            Notification.objects.filter(pk=row.pk).update(**change)
        else:
            return _lease(row, payload, now)
    return None


def _payload(row: Notification, verdict: Send) -> dict[str, Any]:
    row.advisor = verdict.advisor  # frozen now: who is told is who may answer
    return group_payload(row, verdict.count)


def _due(now: datetime) -> QuerySet[Notification]:
    due = Q(state=State.WAITING, due_at__lte=now) | Q(state=State.SENDING, leased_until__lt=now)
    return Notification.objects.filter(due, channel=Channel.Name.GROUP).order_by("due_at", "pk")


def _lease(row: Notification, payload: dict[str, Any], now: datetime) -> Claim:
    row.state, row.lease, row.leased_until = State.SENDING, uuid4().hex, now + LEASE
    row.attempts += 1
    row.sent_text = payload["text"]["content"]
    row.save(update_fields=["state", "lease", "leased_until", "attempts", "sent_text", "advisor"])
    return Claim(row, Attempt.objects.create(notification=row, channel=row.channel), payload)


def _send(claim: Claim, address: RobotAddress) -> None:
    failpoint("delivery.claimed")
    if not connection.in_atomic_block:
        connection.close()  # none is held while WeCom takes its time
    started = timezone.now()
    try:
        answer = send_to_group(address, claim.payload)
    except WeComError as error:
        _mark_failed(claim, error, timezone.now() - started)
        return
    failpoint("delivery.sent")
    _mark_delivered(claim, answer)
    failpoint("delivery.marked")


@transaction.atomic
def _mark_delivered(claim: Claim, answer: Answer) -> None:
    """Note the success, and make the case the advisor's reply target in the same transaction."""
    now = timezone.now()
    _finish(claim.attempt, "ok", answer.errcode, answer.duration_ms)
    Channel.objects.filter(name=claim.notification.channel).update(last_success_at=now, problem="", paused_until=None)
    advisor = _lock_advisor(claim.notification)
    said = f"errcode {answer.errcode} {answer.errmsg}"[:300]
    if not _still_ours(claim).update(state=State.DELIVERED, delivered_at=now, note="", answer=said, lease=""):
        logger.warning("%s was sent by two workers", claim.notification.reference)
        return
    case = claim.notification.case
    if advisor is not None and advisor.wecom_userid and case is not None:
        ReplyTarget.objects.update_or_create(advisor=advisor, defaults={"case": case, "set_at": now})


def _lock_advisor(notification: Notification) -> Advisor | None:
    if notification.event != Notification.Event.MEMBER_WROTE or notification.advisor_id is None:
        return None
    return Advisor.objects.select_for_update().get(pk=notification.advisor_id)


@transaction.atomic
def _mark_failed(claim: Claim, error: WeComError, took: timedelta) -> None:
    """Note the failure and what happens next: again later, never again, or not before a person mended something."""
    now = timezone.now()
    _finish(claim.attempt, error.reason, error.errcode, round(took.total_seconds() * 1000))
    row = claim.notification
    again = now + timedelta(seconds=max(error.wait, _backoff(row.attempts)))
    change: dict[str, Any] = {"state": State.WAITING, "due_at": again, "note": error.reason[:300], "lease": ""}
    if error.verdict is Verdict.PAYLOAD or (error.verdict is Verdict.RETRY and now - row.created_at > GIVE_UP_AFTER):
        change["state"] = State.FAILED
    if error.verdict is Verdict.CONFIGURATION:
        again = change["due_at"] = now + PROBE_EVERY
    if error.verdict is Verdict.CONFIGURATION or error.wait:
        Channel.objects.filter(name=row.channel).update(paused_until=again, problem=error.reason[:300])
    if change["state"] == State.WAITING:
        change = _back_to_waiting(row, change)
    _still_ours(claim).update(**change)


def _back_to_waiting(row: Notification, change: dict[str, Any]) -> dict[str, Any]:
    """Return how a row goes back to waiting: as it is, or merged into the one that began to wait meanwhile."""
    if row.event == Notification.Event.MEMBER_WROTE and row.case_id and row.state == State.SENDING:
        lock_case(row.case_id)  # no message of this case can ask for another notification meanwhile
        others = Notification.objects.filter(case=row.case_id, channel=row.channel, event=row.event)
        if others.filter(state=State.WAITING).update(first_seq=row.first_seq):
            return {"state": State.CANCELLED, "note": "已并入同一案件的下一条通知。"}
    return {**change, "state": State.WAITING}


def _finish(attempt: Attempt, outcome: str, errcode: int | None, duration_ms: int) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(
        finished_at=timezone.now(), outcome=outcome[:300], errcode=errcode, duration_ms=duration_ms
    )


def _still_ours(claim: Claim) -> Any:
    row = claim.notification
    return Notification.objects.filter(pk=row.pk, state=State.SENDING, lease=row.lease)


def _backoff(attempts: int) -> float:
    seconds = BACKOFF[min(attempts, len(BACKOFF)) - 1]
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
