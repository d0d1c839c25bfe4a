"""Sending of what is due. `send_due` is called by the worker, by its --once, and by check_wecom --send-test.

At-least-once: WeCom's robot takes no idempotency key, so a worker killed between send and mark causes one
repetition, with the same reference in its text.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db import DatabaseError

from wecom.api.client import WeComError
from wecom.api.errcodes import Verdict
from wecom.clock import shared_now
from wecom.failpoints import failpoint
from wecom.models import Channel
from wecom.outbound.channels import transport_of
from wecom.outbound.events import APP, EMAIL, GROUP
from wecom.outbound.marks import mark_delivered, mark_failed
from wecom.outbound.queue import claim, fall_back_all
from wecom.outbound.states import Claim
from wecom.outbound.turns import is_any_due

logger = logging.getLogger("jiayi.wecom")


def send_due(stopping: Callable[[], bool] = lambda: False, channels: Iterable[str] = (GROUP, APP, EMAIL)) -> int:
    """Send what is due by these channels, as far as their limits allow, until `stopping()` says so.

    Returns how many requests were made.
    """
    return sum(_send_by(channel, stopping) for channel in channels)


def _send_by(channel: str, stopping: Callable[[], bool]) -> int:
    tried = 0
    while not stopping() and is_any_due(channel, shared_now()):
        problem = transport_of(channel).problem()
        if problem:
            # Nothing is dropped: it waits until the way is configured, and the admin says so.
            _note_problem(channel, problem)
            fall_back_all(transport_of(channel), shared_now(), problem)
            break
        taken = claim(channel)
        if taken is None:
            break
        _try(taken)
        tried += 1
    return tried


def _note_problem(channel: str, problem: str) -> None:
    """Note why the channel cannot send, unless that stands there: the worker looks four times a second."""
    row, _created = Channel.objects.get_or_create(name=channel)
    if (row.problem, row.needs_mending) != (problem, True):
        Channel.objects.filter(pk=row.pk).update(problem=problem, needs_mending=True)


def _try(taken: Claim) -> None:
    failpoint("sending.claimed")
    first = taken.first
    started = time.monotonic()
    try:
        answer = transport_of(first.channel).send(first, taken.payload)
    except DatabaseError:
        raise  # the shared token's row; nothing was sent, and the lease brings it back
    except WeComError as error:
        failpoint("sending.refused")
        mark_failed(taken, error, _since(started))
        return
    except Exception:
        # A mistake of ours. It must not end the worker again and again: this row fails, and a person sees it.
        logger.exception("notification %s cannot be sent", first.reference)
        broken = WeComError("发送时程序出错，详见服务器日志。", Verdict.PAYLOAD)
        mark_failed(taken, broken, _since(started))
        return
    failpoint("sending.sent")
    mark_delivered(taken, answer)
    failpoint("sending.marked")


def _since(started: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - started)
