"""Sending notifications. One function, `deliver_due`, is called by the worker and whoever else drives the queue.

At-least-once: WeCom's robot takes no idempotency key, so a worker killed between send and mark causes one
repetition, with the same reference in its text.
"""

from collections.abc import Callable

from django.db import connection
from django.utils import timezone

from wecom.channels import APP, GROUP, Outgoing, problem_of, send
from wecom.client import WeComError
from wecom.failpoints import failpoint
from wecom.models import Channel
from wecom.queue import Claim, claim, due, mark_delivered, mark_failed


def deliver_due(stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due, as far as WeCom's limits allow, until `stopping()` says so.

    Returns how many requests were made.
    """
    return sum(_deliver(channel, stopping) for channel in (GROUP, APP))


def _deliver(channel: str, stopping: Callable[[], bool]) -> int:
    tried = 0
    while not stopping() and due(channel, timezone.now()).exists():
        problem = problem_of(channel)
        if problem:
            # Nothing is dropped: it waits until somebody configures the way, and the admin says so.
            Channel.objects.update_or_create(name=channel, defaults={"problem": problem, "needs_mending": True})
            break
        taken = claim(channel)
        if taken is None:
            break
        _send(taken)
        tried += 1
    return tried


def _send(taken: Claim) -> None:
    failpoint("delivery.claimed")
    if not connection.in_atomic_block:
        connection.close()  # none is held while WeCom takes its time
    first = taken.first
    started = timezone.now()
    try:
        answer = send(Outgoing(first.channel, first.event, taken.payload, retry=first.attempts > 1))
    except WeComError as error:
        failpoint("delivery.refused")
        mark_failed(taken, error, timezone.now() - started)
        return
    failpoint("delivery.sent")
    mark_delivered(taken, answer)
    failpoint("delivery.marked")
