"""Queries of advisors."""

from django.utils.translation import gettext as _

from advisors.models import Advisor
from jiayi.errors import Gone
from members.models import User


def working_advisor(user: User) -> Advisor:
    """Return this person as an advisor who may work. Raises Gone when they are none."""
    advisor: Advisor | None = getattr(user, "advisor", None)
    if advisor is None or not advisor.may_work:
        raise Gone(_("没有找到。"))
    return advisor
