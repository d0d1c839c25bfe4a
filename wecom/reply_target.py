"""The case that an advisor's next WeCom text without a number goes to (最近被通知案件).

It moves when WeCom says that a notification was delivered (outbound), and when the advisor names a case (inbound). Both
call this module with the advisor's row locked.
"""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from advisors.models import Advisor
from cases.models import Case
from jiayi.statements import given, insert, kept, save
from wecom.models import ReplyTarget


@kept
def _target() -> QuerySet[ReplyTarget]:
    return ReplyTarget.objects.filter(advisor=given("advisor")).order_by()


def set_target(advisor: Advisor, case: Case, at: datetime | None = None, *, chosen: bool = False) -> bool:
    """Make `case` the advisor's reply target, unless the target was set to another case after `at` (default: now).

    `chosen` says that the advisor named the case. Returns whether the case is the target afterwards.
    """
    target = _target.first(advisor=advisor.pk)
    moment = at or timezone.now()
    if target is not None and target.case_id == case.pk:
        if chosen:
            target.chosen_at = moment
            save(target, "chosen_at")
        return True
    if target is not None and at is not None and target.set_at > at:
        return False
    if target is None:
        insert(ReplyTarget(advisor=advisor, case=case, set_at=moment, chosen_at=moment if chosen else None))
        return True
    target.case, target.set_at, target.chosen_at = case, moment, moment if chosen else None
    save(target, "case", "set_at", "chosen_at")
    return True


def clear_target(advisor: Advisor) -> None:
    """Leave no case as the target: the advisor was told of several at once, and must name one."""
    ReplyTarget.objects.filter(advisor=advisor).delete()
