"""Queries of advisors."""

from django.utils.translation import gettext as _

from advisors.models import Advisor
from jiayi.errors import Gone
from members.models import User


def working_advisor(user: User) -> Advisor:
    """Return this person as an advisor who may work. Raises Gone when they are none."""
    advisor = Advisor.objects.working().select_related("user").filter(user=user).first()
    if advisor is None:
        raise Gone(_("没有找到。"))
    return advisor
