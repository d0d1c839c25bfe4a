"""The table of advisors, and the rules of who may work and who is present."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jiayi.hours import Span
from members.models import User

# Seen active on the website within this time = present; see presence.py.
PRESENT_FOR = timedelta(seconds=60)

# DOC 90195: 1-64 bytes; digits, letters and _ - @ . ; the first one a letter or digit.
wecom_userid_validator = RegexValidator(
    r"\A[0-9A-Za-z][0-9A-Za-z_\-@.]{0,63}\Z",
    _("企业微信账号由字母、数字和 _ - @ . 组成，以字母或数字开头，最长 64 位。"),
)
LICENCE_TAKEN = _("这个执照号已有人申请。")
licence_validator = RegexValidator(r"\A[Rr][0-9]{6}\Z", _("RCIC 执照号是字母 R 加六位数字，例如 R512345。"))


def working(advisor: str = "") -> Q:
    """Return the rule of Advisor.may_work for a query; `advisor` is the path to the advisor, such as `advisor__`."""
    return Q(**{f"{advisor}status": Advisor.Status.APPROVED, f"{advisor}user__is_active": True})


class AdvisorQuerySet(models.QuerySet["Advisor"]):
    def working(self) -> "AdvisorQuerySet":
        """Return those who may work: approved, with an account that is not deactivated."""
        return self.filter(working())


class Advisor(models.Model):
    """A licensed consultant (RCIC 顾问). Works only after an administrator approved them."""

    class Status(models.TextChoices):
        PENDING = "pending", _("待审核")
        APPROVED = "approved", _("已通过")
        REJECTED = "rejected", _("未通过")
        SUSPENDED = "suspended", _("已停用")

    user = models.OneToOneField(User, models.PROTECT, verbose_name=_("账号"))
    licence_number = models.CharField(_("RCIC 执照号"), max_length=20, validators=[licence_validator])
    status = models.CharField(_("状态"), max_length=10, choices=Status, default=Status.PENDING)
    # Stored as typed, because mentions may depend on the spelling; unique and looked up ignoring case.
    wecom_userid = models.CharField(
        _("企业微信账号"),
        max_length=64,
        blank=True,
        validators=[wecom_userid_validator],
        help_text=_("企业微信管理后台「通讯录」中该成员的「账号」。留空即解绑。"),
    )
    applied_at = models.DateTimeField(_("申请时间"), auto_now_add=True)
    reviewed_at = models.DateTimeField(_("审核时间"), null=True, blank=True)
    reviewed_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="reviewed_advisors", verbose_name=_("审核人")
    )
    last_active_at = models.DateTimeField(_("最近在网站活动"), null=True, blank=True)
    # What the advisor set themselves (presence.py). Times of the day in the practice's time zone.
    away = models.BooleanField(_("离开"), default=False)
    hours_from = models.TimeField(_("工作时间自"), null=True, blank=True)
    hours_to = models.TimeField(_("工作时间至"), null=True, blank=True)
    quiet_from = models.TimeField(_("免打扰自"), null=True, blank=True)
    quiet_to = models.TimeField(_("免打扰至"), null=True, blank=True)
    plain_text = models.BooleanField(
        _("用文字代替卡片"), default=False, help_text=_("卡片在个人微信里不显示；在微信里看消息的顾问请打开。")
    )

    objects = AdvisorQuerySet.as_manager()

    class Meta:
        verbose_name = _("RCIC 顾问")
        verbose_name_plural = _("RCIC 顾问审核")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("wecom_userid"),
                condition=~Q(wecom_userid=""),
                name="advisor_wecom_userid_unique",
                violation_error_message=_("这个企业微信账号已绑定给另一位顾问（不区分大小写）。"),
            ),
            models.UniqueConstraint(
                Lower("licence_number"),
                name="advisor_licence_unique",
                violation_error_message=LICENCE_TAKEN,
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "approved", "rejected", "suspended"]),
                name="advisor_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="pending") | Q(reviewed_at__isnull=False),
                name="advisor_reviewed_unless_pending",
            ),
            models.CheckConstraint(
                condition=Q(hours_from__isnull=True, hours_to__isnull=True)
                | Q(hours_from__isnull=False, hours_to__isnull=False),
                name="advisor_hours_both_or_none",
                violation_error_message=_("请同时填写开始和结束时间，或都留空。"),
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_to__isnull=True)
                | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="advisor_quiet_both_or_none",
                violation_error_message=_("请同时填写开始和结束时间，或都留空。"),
            ),
        ]

    def __str__(self) -> str:
        return self.user.name

    @property
    def may_work(self) -> bool:
        """Whether this advisor may see and answer cases at all: approved and active. In queries: `working`."""
        return self.status == self.Status.APPROVED and self.user.is_active

    @property
    def is_present(self) -> bool:
        """Whether the advisor is at the website: seen active within the last minute, not away, within their hours."""
        now = timezone.now()
        # A time in the future was noted before the clock was put back, and tells nothing.
        if self.away or self.last_active_at is None or not -PRESENT_FOR < now - self.last_active_at < PRESENT_FOR:
            return False
        return self.is_working_time

    @property
    def is_working_time(self) -> bool:
        """Whether it is within the hours the advisor set; always, when they set none."""
        if self.hours_from is None or self.hours_to is None:
            return True
        return Span(self.hours_from, self.hours_to).covers(timezone.now())

    def quiet_until(self, moment: datetime) -> datetime | None:
        """Return when the quiet hours end that `moment` falls into, if it does."""
        if self.quiet_from is None or self.quiet_to is None:
            return None
        quiet = Span(self.quiet_from, self.quiet_to)
        return quiet.next_end(moment) if quiet.covers(moment) else None
