"""Receivers of the domain's signals: each decides whether the change is told, and requests the notifications."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save

from advisors.models import Advisor
from advisors.signals import advisor_reviewed, availability_changed, wecom_account_changed
from cases.models import Case, Message
from cases.signals import advisor_assigned, message_recalled
from jiayi.announcing import is_announced
from members.models import Member, User
from wecom.outbound.reminders import REPLIES
from wecom.outbound.requests import (
    advisor_changed,
    notify_advisor_applied,
    notify_advisor_reviewed,
    notify_assigned,
    notify_member_registered,
    notify_member_wrote,
    notify_replied,
    notify_waiting,
)


def connect() -> None:
    """Connect the receivers to their signals. Called once, from WecomConfig.ready()."""
    post_save.connect(on_member, sender=Member, dispatch_uid="wecom.member")
    post_save.connect(on_advisor, sender=Advisor, dispatch_uid="wecom.advisor")
    post_save.connect(on_message, sender=Message, dispatch_uid="wecom.message")
    advisor_reviewed.connect(on_reviewed, dispatch_uid="wecom.reviewed")
    wecom_account_changed.connect(on_account, dispatch_uid="wecom.account")
    availability_changed.connect(on_availability, dispatch_uid="wecom.availability")
    post_save.connect(on_user, sender=User, dispatch_uid="wecom.user")
    advisor_assigned.connect(on_assigned, dispatch_uid="wecom.assigned")
    message_recalled.connect(on_recalled, dispatch_uid="wecom.recalled")


def on_member(*, instance: Member, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Tell the group of a new member."""
    if created and not raw and is_announced():
        notify_member_registered(instance)


def on_advisor(*, instance: Advisor, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Tell the group of an advisor who applied."""
    if created and not raw and is_announced() and instance.status == Advisor.Status.PENDING:
        notify_advisor_applied(instance)


def on_message(*, instance: Message, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Tell a member's message, by e-mail an advisor's reply, and what waits in a case that was reopened."""
    if not created or raw or not is_announced():
        return
    if instance.sender_id == instance.case.member.user_id:
        notify_member_wrote(instance)
    elif instance.kind in REPLIES:
        notify_replied(instance)
    elif instance.notice == Message.Notice.REOPENED:
        notify_waiting(instance.case)  # an advisor who was given it while it was closed has not been told of it


def on_reviewed(*, advisor: Advisor, **kwargs: Any) -> None:
    """Tell the group of a review, and look again at what waits for that advisor."""
    if is_announced():
        notify_advisor_reviewed(advisor)
    advisor_changed(advisor, tell=is_announced())


def on_account(*, advisor: Advisor, **kwargs: Any) -> None:
    """Look again at what waits for an advisor whose WeCom account was bound or unbound; tell it once they are bound."""
    advisor_changed(advisor, tell=bool(advisor.wecom_userid) and advisor.may_work and is_announced())


def on_user(
    *, instance: User, created: bool, raw: bool = False, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """Look at what waits for an advisor whose account was deactivated, or activated again: it decides who may work."""
    if created or raw or (update_fields is not None and "is_active" not in update_fields):
        return
    with transaction.atomic():
        advisor = Advisor.objects.select_for_update(no_key=True).filter(user=instance).first()
        if advisor is not None:
            advisor_changed(advisor, tell=not instance.is_active and is_announced())


def on_availability(*, advisor: Advisor, **kwargs: Any) -> None:
    """Look again at what waits for an advisor whose hours, quiet hours or presence rules changed."""
    advisor_changed(advisor)


def on_recalled(*, message: Message, **kwargs: Any) -> None:
    """Request again, when an advisor recalls a reply, the alert and the reminders that the reply had ended."""
    if message.sender_id != message.case.member.user_id and is_announced():
        notify_waiting(message.case)


def on_assigned(*, case: Case, before: Advisor | None, after: Advisor | None, **kwargs: Any) -> None:
    """Tell both advisors that a case changed hands."""
    if is_announced():
        notify_assigned(case, before, after)
