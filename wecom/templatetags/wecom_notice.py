"""A template tag for the admin: the notice of what keeps notifications back."""

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser

from members.models import User
from wecom.diagnosis.checkup import troubles

register = template.Library()


@register.inclusion_tag("wecom/notice.html", takes_context=True)
def wecom_notice(context: dict[str, Any]) -> dict[str, Any]:
    """Return for the notice, to staff alone, what keeps notifications back until a person acts. One query."""
    user: User | AnonymousUser | None = context.get("user")
    if user is None or not (user.is_active and user.is_staff):
        return {}
    return {"troubles": troubles(), "may_look": user.has_perm("wecom.view_channel")}
