from datetime import timedelta
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import User

# Seen active on the website within this time = present; see presence.py.
PRESENT_FOR = timedelta(seconds=60)

# DOC 90195: 1-64 bytes; digits, letters and _ - @ . ; the first one a letter or digit.
wecom_userid_validator = RegexValidator(
    r"\A[0-9A-Za-z][0-9A-Za-z_\-@.]{0,63}\Z",
    _("企业微信账号由字母、数字和 _ - @ . 组成，以字母或数字开头，最长 64 位。"),
)
licence_validator = RegexValidator(r"\A[Rr][0-9]{6}\Z", _("RCIC 执照号是字母 R 加六位数字，例如 R512345。"))


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

    class Meta:
        verbose_name = _("RCIC 顾问")
        verbose_name_plural = _("RCIC 顾问审核")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("wecom_userid"),
                condition=~models.Q(wecom_userid=""),
                name="advisor_wecom_userid_unique",
                violation_error_message=_("这个企业微信账号已绑定给另一位顾问（不区分大小写）。"),
            ),
            models.UniqueConstraint(
                Lower("licence_number"),
                name="advisor_licence_unique",
                violation_error_message=_("这个执照号已有人申请。"),
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "approved", "rejected", "suspended"]),
                name="advisor_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(status="pending") | models.Q(reviewed_at__isnull=False),
                name="advisor_reviewed_unless_pending",
            ),
        ]

    def __str__(self) -> str:
        return self.user.name

    @property
    def may_work(self) -> bool:
        """Whether this advisor may see and answer cases at all."""
        return self.status == self.Status.APPROVED and self.user.is_active

    @property
    def is_present(self) -> bool:
        """Whether the advisor was active on the website within the last minute."""
        return self.last_active_at is not None and self.last_active_at > timezone.now() - PRESENT_FOR
