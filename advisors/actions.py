"""Every change of state of an advisor. Pages, admin and commands call these."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from advisors.models import Advisor
from advisors.signals import advisor_reviewed, availability_changed, wecom_account_changed
from jiayi.bus import publish
from jiayi.errors import Conflict
from jiayi.saving import save_valid
from members.actions import new_account
from members.models import User

Status = Advisor.Status

AVAILABILITY = ("away", "hours_from", "hours_to", "quiet_from", "quiet_to", "plain_text")

# What an administrator may do with an advisor in which state.
TRANSITIONS = {
    Status.APPROVED: {Status.PENDING, Status.REJECTED, Status.SUSPENDED},
    Status.REJECTED: {Status.PENDING},
    Status.SUSPENDED: {Status.APPROVED},
}


def apply_as_advisor(*, email: str, name: str, password: str, licence_number: str) -> Advisor:
    """Sign an advisor up; they stay *pending* until an administrator approves them.

    Raises django's ValidationError when the address or licence is taken or malformed, or the password weak.
    """
    user = new_account(email=email, name=name, password=password)
    with transaction.atomic():
        save_valid(user)
        advisor = Advisor(user=user, licence_number=licence_number.strip().upper())
        save_valid(advisor)
    return advisor


def approve_advisor(advisor: Advisor, *, by: User) -> Advisor:
    """Let an advisor work. Raises Conflict when they are approved already."""
    return _review(advisor, Status.APPROVED, by)


def reject_advisor(advisor: Advisor, *, by: User) -> Advisor:
    """Turn an application down. Raises Conflict unless it is pending."""
    return _review(advisor, Status.REJECTED, by)


def suspend_advisor(advisor: Advisor, *, by: User) -> Advisor:
    """Take an approved advisor's access away at once, on the website and from WeCom. Raises Conflict otherwise."""
    return _review(advisor, Status.SUSPENDED, by)


@transaction.atomic
def _review(advisor: Advisor, status: Advisor.Status, by: User) -> Advisor:
    locked = Advisor.objects.select_for_update(of=("self",), no_key=True).select_related("user").get(pk=advisor.pk)
    if locked.status not in TRANSITIONS[status]:
        raise Conflict(_("这位顾问当前的状态是「%s」，不能这样操作。") % locked.get_status_display())
    if locked.user_id == by.pk:
        raise Conflict(_("不能审核自己。"))
    before = locked.status
    locked.status, locked.reviewed_by, locked.reviewed_at = status, by, timezone.now()
    locked.save(update_fields=["status", "reviewed_by", "reviewed_at"])
    advisor_reviewed.send(sender=Advisor, advisor=locked, before=before, by=by)
    publish({"type": "revoked", "user": locked.user_id})
    # Still signed in: their open pages ask again what they may see, and clear away what they may not.
    publish({"type": "case", "users": [locked.user_id]})
    return locked


@transaction.atomic
def bind_wecom_account(advisor: Advisor, userid: str) -> Advisor:
    """Bind the advisor to a WeCom account as typed; an empty one unbinds. In force with the next WeCom message.

    Raises django's ValidationError when it is malformed, or bound to another advisor ignoring case.
    """
    locked = Advisor.objects.select_for_update(of=("self",), no_key=True).select_related("user").get(pk=advisor.pk)
    before, locked.wecom_userid = locked.wecom_userid, userid.strip()
    save_valid(locked, fields=["wecom_userid"])
    if locked.wecom_userid != before:
        wecom_account_changed.send(sender=Advisor, advisor=locked)
    return locked


@transaction.atomic
def set_availability(advisor: Advisor, **wanted: Any) -> Advisor:
    """Set what an advisor may set themselves: away, hours, quiet hours, plain text (AVAILABILITY).

    Raises django's ValidationError when only one end of a time is given. Those on their cases see it at once.
    """
    locked = Advisor.objects.select_for_update(of=("self",), no_key=True).select_related("user").get(pk=advisor.pk)
    for name in AVAILABILITY:
        setattr(locked, name, wanted.get(name, getattr(locked, name)))
    save_valid(locked, fields=list(AVAILABILITY))
    availability_changed.send(sender=Advisor, advisor=locked)
    publish({"type": "presence", "advisor": locked.pk})
    return locked
