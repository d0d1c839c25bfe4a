"""The case that an advisor's next WeCom text without a number goes to (最近被通知案件).

A notification moves it when WeCom says that it was delivered, and so does the advisor by naming a case: this is what
outbound and inbound share. Both call it with the advisor's row locked.
"""

from datetime import datetime

from django.utils import timezone

from advisors.models import Advisor
from cases.models import Case
from wecom.models import ReplyTarget


def set_target(advisor: Advisor, case: Case, at: datetime | None = None, *, chosen: bool = False) -> bool:
    """Make `case` the one the advisor's next WeCom text goes to, unless another was made it after `at` (now).

    `chosen` when the advisor named it themselves. Returns whether it is the target. `set_at` of the row is since when.
    """
    target = ReplyTarget.objects.filter(advisor=advisor).first()
    moment = at or timezone.now()
    if target is not None and target.case_id == case.pk:
        if chosen:
            ReplyTarget.objects.filter(pk=target.pk).update(chosen_at=moment)
        return True
    if target is not None and at is not None and target.set_at > at:
        return False
    chosen_at = moment if chosen else None
    ReplyTarget.objects.update_or_create(
        advisor=advisor, defaults={"case": case, "set_at": moment, "chosen_at": chosen_at}
    )
    return True


def clear_target(advisor: Advisor) -> None:
    """Leave no case as the target: the advisor was told of several at once, and must name one."""
    ReplyTarget.objects.filter(advisor=advisor).delete()
