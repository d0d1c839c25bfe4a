"""The box of next steps below a new member's first message: when answers come, and that an e-mail will follow."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases.models import Case, Message
from jiayi.hours import Office
from jiayi.mail import mail_is_configured

WEEKDAYS = (
    gettext_lazy("周一"),
    gettext_lazy("周二"),
    gettext_lazy("周三"),
    gettext_lazy("周四"),
    gettext_lazy("周五"),
    gettext_lazy("周六"),
    gettext_lazy("周日"),
)
# As people call the time of the place; of another place its name is said.
ZONES = {
    "America/Toronto": gettext_lazy("多伦多时间"),
    "America/Vancouver": gettext_lazy("温哥华时间"),
    "America/Edmonton": gettext_lazy("埃德蒙顿时间"),
    "America/Winnipeg": gettext_lazy("温尼伯时间"),
    "America/Halifax": gettext_lazy("哈利法克斯时间"),
    "America/Montreal": gettext_lazy("蒙特利尔时间"),
    "Asia/Shanghai": gettext_lazy("北京时间"),
}


def next_steps(case: Case) -> dict[str, Any] | None:
    """Return what _next_steps.html says to the case's member, or None once any of their cases was answered."""
    if case.status == Case.Status.CLOSED:
        return None
    said = Message.objects.filter(case__member=case.member).exclude(sender=None)
    if said.exclude(sender=case.member.user_id).exists():
        return None
    opens, closes, last = settings.OFFICE_HOURS.coming_week(timezone.now())
    mailed = case.member.email_reminders and mail_is_configured()
    return {
        "office": hours_in_words(settings.OFFICE_HOURS),
        "opens": opens.isoformat(),
        "closes": closes.isoformat(),
        "last": last.isoformat(),
        "email": case.member.user.email if mailed else "",
    }


def hours_in_words(office: Office) -> str:
    """Return the office hours in the practice's own time, which is named: 周一至周五 09:00–18:00（多伦多时间）."""
    first, last = WEEKDAYS[office.first_day - 1], WEEKDAYS[office.last_day - 1]
    days = _("{from}至{to}").replace("{from}", str(first)).replace("{to}", str(last)) if first != last else str(first)
    city = settings.TIME_ZONE.rpartition("/")[2].replace("_", " ")
    zone = str(ZONES.get(settings.TIME_ZONE) or _("%s 时间") % city)
    return _("%(days)s %(opens)s–%(closes)s（%(zone)s）") % {
        "days": days,
        "opens": f"{office.hours.start:%H:%M}",
        "closes": f"{office.hours.end:%H:%M}",
        "zone": zone,
    }
