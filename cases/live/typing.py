"""Typing notices (“对方正在输入…”): published to the other side's open pages, never stored."""

import time

from django.utils.translation import gettext as _

from cases.models import Case
from jiayi.bus import publish
from jiayi.errors import Conflict
from members.models import User

EVERY = 2.0  # seconds between two notices of one person in one case; pages send one every 3
KEPT = 10_000

# When each person was last told of in each case. Of this process only: a page too many costs little.
_told: dict[tuple[int, int], float] = {}


def tell_typing(case: Case, user: User) -> None:
    """Tell the other side that `user`, who may see the case, is writing. Too often is the same as once.

    Raises Conflict when the case is closed.
    """
    if case.status == Case.Status.CLOSED:
        raise Conflict(_("案件已结案，不能再发送消息。"))
    now = time.monotonic()
    if now - _told.get((case.pk, user.pk), -EVERY) < EVERY:
        return
    if len(_told) >= KEPT:
        _told.clear()
    _told[case.pk, user.pk] = now
    others = [person for person in case.people if person != user.pk]
    if others:
        publish({"type": "typing", "case": case.pk, "user": user.pk, "users": others})
