"""Marks: the outcome of a request, written on its notifications as delivered, again later, or never.

A mark without the lease changes no row: another worker has the notification by then.
"""

import logging
import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from advisors.models import Advisor
from cases.actions import lock_case, note_advisor_notified
from cases.models import Case
from jiayi.statements import KeptUpdate, given, kept
from wecom.api.answers import Answer, WeComError, storable
from wecom.api.errcodes import Verdict
from wecom.clock import shared_now
from wecom.failpoints import failpoint
from wecom.models import Attempt, Channel, Notification
from wecom.outbound import states
from wecom.outbound.alerts import keep_alerts_due
from wecom.outbound.channels import transport_of
from wecom.outbound.events import MEMBER_WROTE, OF_MESSAGES
from wecom.outbound.limits import is_failing
from wecom.outbound.queue import LONGEST_PAUSE
from wecom.outbound.requests import notify_rest
from wecom.outbound.states import Claim
from wecom.reply_target import clear_target, set_target

State = Notification.State

GIVE_UP_AFTER = timedelta(hours=24)
PROBE_EVERY = LONGEST_PAUSE
FAILING_PAUSE = timedelta(seconds=30)
BACKOFF = (2, 5, 15, 30, 60, 120, 300, 600, 1200, 1800)  # seconds; the last one repeats until GIVE_UP_AFTER

logger = logging.getLogger("jiayi.wecom")


@kept
def _locked_advisor() -> QuerySet[Advisor]:
    return Advisor.objects.select_for_update(no_key=True).filter(pk=given("pk")).order_by()


@transaction.atomic
def mark_delivered(claim: Claim, answer: Answer) -> None:
    """Note the success, and make the case the advisor's reply target in the same transaction."""
    now = shared_now()
    advisors = sorted({row.advisor_id for row in claim.rows if row.advisor_id})
    told = [advisor for pk in advisors for advisor in _locked_advisor.all(pk=pk)]
    cases = _locked_cases(claim)
    code = storable(str(answer.data.get("response_code", "")))[:200]
    if states.note_delivered(claim, now, f"errcode {answer.errcode} {answer.errmsg}"[:300], code):
        for advisor in told:
            _told(advisor, [row for row in claim.rows if row.advisor_id == advisor.pk])
        _tell_members(claim, cases)
    else:
        logger.warning("%s was sent by two workers", claim.first.reference)
    _finish(claim.attempt, now, "ok", answer.errcode, answer.duration_ms)
    _works_again(claim.first.channel, now)  # last: every claim of every worker waits for this row
    failpoint("sending.marking")


def _locked_cases(claim: Claim) -> dict[int, Case]:
    """Lock the cases whose members see that the advisor was told: after the advisors, before the notifications."""
    wanted = [row.case_id for row in claim.rows if row.event in OF_MESSAGES and row.case_id]
    return {pk: lock_case(pk) for pk in sorted(set(wanted))}


def _tell_members(claim: Claim, cases: dict[int, Case]) -> None:
    for row in claim.rows:
        # Without an account the advisor is only named in the group, where others read it.
        if row.case_id in cases and row.event in OF_MESSAGES and (row.advisor is None or row.advisor.wecom_userid):
            note_advisor_notified(cases[row.case_id], row.advisor, row.payload_seq or row.last_seq or 0)
            notify_rest(cases[row.case_id], row)


_went_well = KeptUpdate(lambda: Channel.objects.filter(name=given("channel"), problem=""), last_success_at=given("now"))


def _works_again(channel: str, now: datetime) -> None:
    """Note a success of the channel. Rows whose tries failed while nothing went through are tried again at once.

    A pause that still lasts was set after this request had begun: it stays.
    """
    if _went_well.run(channel=channel, now=now):
        return  # nothing stood in the way, as nearly always
    row = Channel.objects.filter(name=channel)
    row.update(last_success_at=now)
    over = row.filter(Q(paused_until=None) | Q(paused_until__lte=now))
    if over.exclude(problem="").update(problem="", needs_mending=False, paused_until=None):
        tried = Notification.objects.filter(channel=channel, state=State.WAITING, attempts__gt=0, due_at__gt=now)
        # A row that is locked, as by a member's new message that joins it, keeps its time: we never wait here.
        free = tried.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
        again = Notification.objects.filter(pk__in=list(free))
        again.update(due_at=now, retry_at=None)
        keep_alerts_due(again.filter(event=MEMBER_WROTE.name).values_list("case", flat=True))


def _told(advisor: Advisor, rows: list[Notification]) -> None:
    told = [row for row in rows if row.case and row.rules.moves_target]
    if not told or not advisor.wecom_userid:
        return
    if len({row.case_id for row in told}) == 1 and told[0].case:
        set_target(advisor, told[0].case)
    elif any(row.came for row in told):
        # Told of several cases at once in which a member waits, no single one is the most recent.
        clear_target(advisor)


@transaction.atomic
def mark_failed(claim: Claim, error: WeComError, took: timedelta) -> None:
    """Note the failure and what follows: again later, never again, or not before a person has mended something."""
    now = shared_now()
    _finish(claim.attempt, now, error.reason, error.errcode, max(0, round(took.total_seconds() * 1000)))
    wait = timedelta(seconds=max(error.wait, _backoff(claim.first.attempts)))  # one for all: they come back together
    for row in sorted(claim.rows, key=lambda one: one.case_id or 0):
        if states.locked(claim.still_ours().filter(pk=row.pk), row.case_id) is not None:
            _again_or_never(row, error, now, wait, together=len(claim.rows) > 1)
    _pause(claim.first.channel, error, now)  # last: every claim of every worker waits for this row
    failpoint("sending.putting_back")


def _pause(channel: str, error: WeComError, now: datetime) -> None:
    """Pause the whole channel when the next notification would fail as well."""
    row = Channel.objects.filter(name=channel)
    if error.verdict is Verdict.CONFIGURATION:
        row.update(paused_until=now + PROBE_EVERY, problem=error.reason[:300], needs_mending=True)
        # No member's page may promise any longer what was to go this way in a moment, or is tried again then.
        promised = Notification.objects.filter(channel=channel, event=MEMBER_WROTE.name, state=State.WAITING)
        keep_alerts_due(promised.filter(case__alert_due_at__isnull=False).values_list("case", flat=True))
        return
    pause = timedelta(seconds=error.wait)
    if not pause and error.verdict is not Verdict.PAYLOAD and is_failing(channel):
        pause = FAILING_PAUSE
    if pause:
        row.filter(needs_mending=False).update(problem=error.reason[:300])
        row.filter(Q(paused_until=None) | Q(paused_until__lt=now + pause)).update(paused_until=now + pause)


def _again_or_never(row: Notification, error: WeComError, now: datetime, wait: timedelta, *, together: bool) -> None:
    """Decide what a failure means for a row that was sent, by itself or `together` with others."""
    note = error.reason[:300]
    if error.verdict is Verdict.PAYLOAD and together:
        # A digest was refused; when its rows are sent one by one, only the ones that WeCom objects to fail.
        states.wait_again(row, note=note, lease="", alone=True)
    elif error.verdict is Verdict.CONFIGURATION and not transport_of(row.channel).falls_back(row.rules):
        # It waits for a person, who may take more than a day. WeCom refused it, so it need not be repeated to the byte.
        later = _not_before(now + PROBE_EVERY)
        states.wait_again(row, note=note, lease="", trying_since=None, payload="", **later)
    elif error.permanent or now - (row.trying_since or now) > GIVE_UP_AFTER:
        states.fail(row, note, lease="")
    else:
        states.wait_again(row, note=note, lease="", **_not_before(now + wait))


def _not_before(moment: datetime) -> dict[str, Any]:
    return {"due_at": moment, "retry_at": moment}


_finished = KeptUpdate(
    lambda: Attempt.objects.filter(pk=given("pk")),
    finished_at=given("now"),
    outcome=given("outcome"),
    errcode=given("errcode"),
    duration_ms=given("duration_ms"),
)


def _finish(attempt: Attempt, now: datetime, outcome: str, errcode: int | None, duration_ms: int) -> None:
    _finished.run(pk=attempt.pk, now=now, outcome=outcome[:300], errcode=errcode, duration_ms=duration_ms)


def _backoff(attempts: int) -> float:
    seconds = BACKOFF[min(attempts, len(BACKOFF)) - 1]
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
