"""Tables of what is received from WeCom: messages, the questions about held ones, and the reply target."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from cases.models import Case, Message
from wecom.kinds import kind_in_words


class ReplyTarget(models.Model):
    """The case an advisor's next WeCom text goes to (最近被通知案件)."""

    advisor = models.OneToOneField(Advisor, models.PROTECT, related_name="reply_target", verbose_name=_("顾问"))
    case = models.ForeignKey(Case, models.PROTECT, related_name="+", verbose_name=_("案件"))
    set_at = models.DateTimeField(_("时间"), default=timezone.now)
    # When the advisor named it themselves: by a number alone or a card's button.
    chosen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("最近被通知案件")
        verbose_name_plural = _("最近被通知案件")

    def __str__(self) -> str:
        return f"{self.advisor} → #{self.case.number}"


class ReplyMenu(models.Model):
    """An open question about held texts (those that point here); the advisor's next digit answers it."""

    class Kind(models.TextChoices):
        WHICH_CASE = "which_case", "to which of several cases"
        REALLY = "really", "whether it is sent at all: it looks like a slip"

    advisor = models.OneToOneField(Advisor, models.PROTECT, related_name="reply_menu", verbose_name=_("顾问"))
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WHICH_CASE)
    case_ids = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(kind__in=["which_case", "really"]), name="reply_menu_kind_known")
        ]

    def __str__(self) -> str:
        return f"{self.advisor}: {self.case_ids}"


class InboundMessage(models.Model):
    """A message or callback event received from WeCom, stored once, with the case it was routed to and why."""

    class State(models.TextChoices):
        DELIVERED = "delivered", _("已写入案件")
        FETCHING = "fetching", _("正在下载")
        HELD = "held", _("已保留，未写入")
        REFUSED = "refused", _("已拒绝")
        IGNORED = "ignored", _("无需处理")

    # SHA-256 of all that distinguishes two callbacks: a repetition has the same (envelope.Inbound.identity).
    identity = models.CharField(max_length=64, unique=True)
    userid = models.CharField(_("企业微信账号"), max_length=64)
    message_type = models.CharField(_("类型"), max_length=40)
    # The callback event as WeCom names it (kinds.py); not an event of the table in outbound/events.py.
    event = models.CharField(_("事件"), max_length=60, blank=True)
    content = models.TextField(_("内容"), blank=True)
    fields = models.JSONField(_("收到的字段"), default=dict)
    sent_at = models.DateTimeField(_("企业微信时间"))
    received_at = models.DateTimeField(_("收到时间"), default=timezone.now)
    # It waited on the disk because the database could not take it at the time (spool.py).
    late = models.BooleanField(_("迟到"), default=False)

    state = models.CharField(_("状态"), max_length=10, choices=State)
    reason = models.CharField(_("原因"), max_length=200, blank=True)
    advisor = models.ForeignKey(Advisor, models.PROTECT, null=True, blank=True, verbose_name=_("顾问"))
    case = models.ForeignKey(Case, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("案件"))
    message = models.OneToOneField(
        Message, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("消息")
    )
    # The receipt, so that a repeated callback gets the same one again.
    reply = models.TextField(_("回执"), blank=True)
    # For media still to be fetched: when to try next, and how often it was tried.
    due_at = models.DateTimeField(_("应下载"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("尝试次数"), default=0)
    # When the advisor chose its case, if it was held for a menu.
    chosen_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The open question about it, while it is held.
    menu = models.ForeignKey(ReplyMenu, models.SET_NULL, null=True, blank=True, related_name="held", editable=False)
    # Its outcome was not known at its receipt: the sender's next receipt tells it.
    untold = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("企业微信来信")
        verbose_name_plural = _("企业微信来信")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "-received_at"], name="inbound_state"),
            models.Index(fields=["advisor", "-received_at"], name="inbound_of_advisor"),
            models.Index(fields=["due_at"], name="inbound_due", condition=Q(state="fetching")),
            models.Index(fields=["advisor"], name="inbound_untold", condition=Q(untold=True)),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=["delivered", "fetching", "held", "refused", "ignored"]),
                name="inbound_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="delivered", message__isnull=False, case__isnull=False)
                | (~Q(state="delivered") & Q(message__isnull=True)),
                name="inbound_delivered_has_a_message",
            ),
            models.CheckConstraint(
                condition=Q(state="fetching", due_at__isnull=False, case__isnull=False)
                | (~Q(state="fetching") & Q(due_at__isnull=True)),
                name="inbound_fetching_is_due",
            ),
            models.CheckConstraint(
                condition=Q(menu__isnull=True) | Q(state="held"),
                name="inbound_asked_about_is_held",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.userid} {self.kind}"

    @property
    def kind(self) -> str:
        """Return its kind in the reader's language."""
        return kind_in_words(self.message_type, self.event)
