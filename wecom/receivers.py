"""The domain's signals, heard here: each receiver decides whether this is something WeCom is told."""

from typing import Any

from django.db.models.signals import post_save

from advisors.models import Advisor
from advisors.signals import advisor_reviewed
from cases.models import Case, Message
from cases.signals import advisor_assigned
from jiayi.announcing import is_announced
from members.models import Member
from wecom.notifications import (
    notify_advisor_applied,
    notify_advisor_reviewed,
    notify_assigned,
    notify_member_registered,
    notify_member_wrote,
)


def connect() -> None:
    """Called once from WecomConfig.ready()."""
    post_save.connect(on_member, sender=Member, dispatch_uid="wecom.member")
    post_save.connect(on_advisor, sender=Advisor, dispatch_uid="wecom.advisor")
    post_save.connect(on_message, sender=Message, dispatch_uid="wecom.message")
    advisor_reviewed.connect(on_reviewed, dispatch_uid="wecom.reviewed")
    advisor_assigned.connect(on_assigned, dispatch_uid="wecom.assigned")


def on_member(*, instance: Member, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw and is_announced():
        notify_member_registered(instance)


def on_advisor(*, instance: Advisor, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw and is_announced() and instance.status == Advisor.Status.PENDING:
        notify_advisor_applied(instance)


def on_message(*, instance: Message, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw and is_announced() and instance.sender_id == instance.case.member.user_id:
        notify_member_wrote(instance)


def on_reviewed(*, advisor: Advisor, **kwargs: Any) -> None:
    if is_announced():
        notify_advisor_reviewed(advisor)


def on_assigned(*, case: Case, before: Advisor | None, after: Advisor | None, **kwargs: Any) -> None:
    if is_announced():
        notify_assigned(case, before, after)
