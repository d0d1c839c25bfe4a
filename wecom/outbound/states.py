"""The life of a notification: it waits, is being sent, and ends delivered, failed or cancelled.

Nothing else changes its state. When a waiting one is looked at, timing.py and marks.py may change as well.

Locks are always taken in the order advisor, case, notification, channel.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Least
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import Advisor
from cases.actions import lock_case
from cases.models import Case
from jiayi.errors import Conflict
from jiayi.statements import KeptUpdate, given, insert, kept_values, save
from wecom.clock import shared_now
from wecom.failpoints import failpoint
from wecom.models import Attempt, Notification
from wecom.outbound.alerts import keep_alerts_due
from wecom.outbound.channels import Composed, transport_of
from wecom.outbound.events import CASE_ASSIGNED, GROUP, MEMBER_WROTE, Event
from wecom.outbound.timing import not_after

State = Notification.State

LEASED_FIELDS = [
    *("state", "lease", "leased_until", "attempts", "trying_since", "advisor"),
    *("sent_text", "payload", "payload_seq"),
]


@dataclass(frozen=True)
class Claim:
    """A claim: one notification, or several in one digest, which this worker alone may send until the lease ends."""

    rows: list[Notification]
    lease: str
    attempt: Attempt
    payload: dict[str, Any]

    @property
    def first(self) -> Notification:
        return self.rows[0]

    def still_ours(self) -> QuerySet[Notification]:
        """Return those of its rows that no other worker has by now: only these may be marked."""
        ours = [row.pk for row in self.rows]
        return Notification.objects.filter(pk__in=ours, state=State.SENDING, lease=self.lease)


def request(event: Event, channel: str, **fields: Any) -> Notification:
    """Write a waiting notification, in the transaction of the change that it tells about."""
    assert channel in event.channels
    return Notification.objects.create(event=event.name, channel=channel, **fields)


# The one that waits may have been timed for another advisor or by other rules: it is due no later than this.
_join = KeptUpdate(
    lambda: Notification.objects.filter(
        event=given("event"), channel=given("channel"), case=given("case"), state=State.WAITING
    ),
    first_seq=Least("first_seq", given("first")),
    last_seq=Greatest("last_seq", given("last")),
    due_at=not_after(given("due_at")),
)


def request_gathered(event: Event, channel: str, case: Case, due_at: datetime, seqs: tuple[int, int]) -> None:
    """Write a waiting notification of the messages `seqs` (first, last), or add them to the one that waits."""
    first, last = seqs
    if not _join.run(event=event.name, channel=channel, case=case.pk, first=first, last=last, due_at=due_at):
        seen = {"first_seq": first, "last_seq": last, "due_at": due_at}
        request(event, channel, member=case.member, case=case, **seen)


def locked(rows: QuerySet[Notification], case_id: int | None) -> Notification | None:
    """Return the row, locked, or None if there is none. Its case is locked first, as by every writer of a case."""
    if case_id:
        lock_case(case_id)
    return rows.select_for_update(no_key=True).first()


def begin_sending(rows: list[Notification], composed: Composed, now: datetime) -> Claim:
    """Change rows from waiting to sending: they are this worker's until the lease ends."""
    transport, name = transport_of(rows[0].channel), uuid4().hex
    for row in rows:
        row.state, row.lease = State.SENDING, name
        row.leased_until = now + transport.lease
        row.attempts += 1
        row.trying_since = row.trying_since or now
        row.sent_text = composed.record
        # One that is sent by itself is repeated to the byte where that counts; a digest is composed anew.
        exactly = transport.repeats_exactly and len(rows) == 1
        _keep(row, json.dumps(composed.payload, ensure_ascii=False) if exactly else "")
        save(row, *LEASED_FIELDS)
    attempt = Attempt(notification=rows[0], channel=rows[0].channel, started_at=now)
    insert(attempt)
    failpoint("sending.claiming")
    return Claim(rows, name, attempt, composed.payload)


def _keep(row: Notification, payload: str) -> None:
    if payload != row.payload or not payload:
        row.payload, row.payload_seq = payload, row.last_seq


def postpone(row: Notification, until: datetime, reason: str) -> None:
    """Have a locked row wait on, until `until`."""
    _change(row, due_at=until, note=reason)


def cancel(row: Notification, reason: str) -> None:
    """Cancel a locked row that waits."""
    _change(row, state=State.CANCELLED, note=reason)


def fail(row: Notification, reason: str, **changes: Any) -> None:
    """Give a locked row up. What the advisor alone would have been told, the group is told instead."""
    _change(row, state=State.FAILED, note=reason, **changes)
    if transport_of(row.channel).falls_back(row.rules):
        request(row.rules, GROUP, case=row.case, member=row.member, advisor=row.advisor)


def wait_again(row: Notification, **changes: Any) -> None:
    """Change a row from sending back to waiting; where another one of its case waits by now, merge it into that."""
    others = Notification.objects.filter(case=row.case_id, channel=row.channel, event=row.event)
    if row.rules.gathered and _merged(row, others.filter(state=State.WAITING)):
        changes |= {"state": State.CANCELLED, "note": "已并入同一案件的下一条通知。"}
    elif row.event == MEMBER_WROTE.name and _told_to_another_since(row, others):
        changes |= {"state": State.CANCELLED, "note": "现在的跟进人已收到通知。"}
    else:
        changes |= {"state": State.WAITING}
    _change(row, **changes)


def _merged(row: Notification, waiting: QuerySet[Notification]) -> bool:
    both = {"first_seq": Least("first_seq", row.first_seq), "last_seq": Greatest("last_seq", row.last_seq)}
    return waiting.update(**both) > 0


def _told_to_another_since(row: Notification, others: QuerySet[Notification]) -> bool:
    """Return whether the advisor who follows the case now was told of the same by an alert of their own."""
    told = [State.SENDING, State.DELIVERED]
    since = others.filter(pk__gt=row.pk, last_seq__gte=row.last_seq, state__in=told)
    return since.exclude(advisor=row.advisor_id).exists()


def _expired_at(channel: str, now: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(channel=channel, state=State.SENDING, leased_until__lt=now)


@kept_values
def _expired() -> QuerySet[Notification, tuple[Any, ...]]:
    return _expired_at(given("channel"), given("now")).values_list("pk", "case_id")


def take_back(channel: str) -> None:
    """Change the rows of killed workers back to waiting: each in its own transaction, the case locked before it.

    A case that another transaction has locked is left for the next call: however long that one hangs, it does not hold
    up the notifications of all the other cases.
    """
    now = shared_now()
    expired = _expired_at(channel, now)
    for pk, case_id in _expired.all(channel=channel, now=now):
        with transaction.atomic():
            free = Case.objects.filter(pk=case_id).select_for_update(no_key=True, skip_locked=True).first()
            row = locked(expired.filter(pk=pk), None) if free or not case_id else None
            if row is not None:
                wait_again(row, lease="")
                failpoint("sending.taking_back")


# All rows of a claim are found by its lease, among the few of a channel that are being sent.
_delivered = KeptUpdate(
    lambda: Notification.objects.filter(channel=given("channel"), state=State.SENDING, lease=given("lease")),
    state=State.DELIVERED,
    delivered_at=given("now"),
    note=given("note"),
    answer=given("answer"),
    lease="",
    payload="",
    response_code=given("response_code"),
)


def note_delivered(claim: Claim, now: datetime, answer: str, response_code: str) -> bool:
    """Change the rows of a claim from sending to delivered. Returns False when another worker has any of them."""
    note = "" if len(claim.rows) == 1 else f"与 {claim.first.reference} 汇总为一条。"
    said = {"note": note, "answer": answer, "response_code": response_code}
    changed = _delivered.run(channel=claim.first.channel, lease=claim.lease, now=now, **said)
    _tell_cases(claim.rows)
    return changed == len(claim.rows)


def withdraw(case: Case, before: Advisor) -> bool:
    """Cancel an advisor's notice of an assignment that was undone before it was sent. Returns whether there was one."""
    rows = case.notifications.filter(event=CASE_ASSIGNED.name, advisor=before, state=State.WAITING, attempts=0)
    return rows.update(state=State.CANCELLED, note="案件已再次换了跟进人。") > 0


@transaction.atomic
def resend(notification: Notification) -> Notification:
    """Send a failed or cancelled notification after all, or a waiting one at once, at an administrator's request.

    Raises Conflict in any other state, and when it is due anyway.
    """
    if notification.case_id:
        lock_case(notification.case_id)  # so that no other one of this case is requested meanwhile
    row = Notification.objects.select_for_update(no_key=True).get(pk=notification.pk)
    if row.state not in {State.FAILED, State.CANCELLED, State.WAITING}:
        raise Conflict(_("只有等待、失败或已取消的通知可以重新发送。"))
    if row.state == State.WAITING and row.due_at <= timezone.now():
        raise Conflict(_("没有变化：这条通知已经排在等待发送的队列里。"))
    others = Notification.objects.filter(event=row.event, channel=row.channel, case=row.case_id, state=State.WAITING)
    if row.rules.gathered and others.exclude(pk=row.pk).exists():
        raise Conflict(_("同一案件已有一条等待发送的通知。"))
    _change(row, state=State.WAITING, due_at=timezone.now(), note="", trying_since=None, retry_at=None)
    return row


@transaction.atomic
def cancel_by_hand(notification: Notification) -> Notification:
    """Cancel a waiting notification at an administrator's request. Raises Conflict in any other state."""
    row = Notification.objects.select_for_update(no_key=True).get(pk=notification.pk)
    if row.state != State.WAITING:
        raise Conflict(_("只有等待发送的通知可以取消。"))
    cancel(row, _("管理员取消。"))
    return row


def _change(row: Notification, **changes: Any) -> None:
    """Write these fields of a locked row, in the database and on the object."""
    for name, value in changes.items():
        setattr(row, name, value)
    Notification.objects.filter(pk=row.pk).update(**changes)
    _tell_cases([row])


def _tell_cases(rows: list[Notification]) -> None:
    if cases := [row.case_id for row in rows if row.event == MEMBER_WROTE.name]:
        keep_alerts_due(cases)
