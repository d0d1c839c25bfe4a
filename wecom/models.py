from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from cases.models import Case, Message
from members.models import Member


class Channel(models.Model):
    """A way to people: the group robot, the app, or e-mail. Its row is the lock behind the robot's 20 a minute."""

    class Name(models.TextChoices):
        GROUP = "group", _("群机器人")
        APP = "app", _("应用消息")
        EMAIL = "email", _("邮件")

    name = models.CharField(_("名称"), max_length=10, choices=Name, unique=True)
    # Not before this; set when WeCom said "too often" or the configuration is wrong.
    paused_until = models.DateTimeField(_("暂停至"), null=True, blank=True)
    problem = models.CharField(_("问题"), max_length=300, blank=True)
    # Nothing goes through before a person changes something: the admin shows a red notice.
    needs_mending = models.BooleanField(_("需要处理"), default=False)
    last_success_at = models.DateTimeField(_("最近成功"), null=True, blank=True)

    class Meta:
        verbose_name = _("通道")
        verbose_name_plural = _("通道")

    def __str__(self) -> str:
        return self.get_name_display()


class Checkup(Channel):
    """The check-up page's place in the admin, beside the channels; no rows of its own (admin.py)."""

    class Meta:
        proxy = True
        default_permissions = ()  # whoever may see the channels may see it
        verbose_name = _("连接检查")
        verbose_name_plural = _("连接检查")


class Notification(models.Model):
    """Something the site tells WeCom, or a member by e-mail (通知).

    Written in the transaction that caused it, sent by the worker.
    """

    class Event(models.TextChoices):
        MEMBER_REGISTERED = "member_registered", _("新会员注册")
        ADVISOR_APPLIED = "advisor_applied", _("新顾问申请")
        ADVISOR_REVIEWED = "advisor_reviewed", _("顾问审核结果")
        MEMBER_WROTE = "member_wrote", _("会员来信")
        STILL_UNREAD = "still_unread", _("会员来信久未阅读")
        REPLY_UNREAD = "reply_unread", _("会员未读回复")
        CASE_ASSIGNED = "case_assigned", _("案件指派")
        CASE_TAKEN = "case_taken", _("案件转出")
        CARD_CHOSEN = "card_chosen", _("卡片已选择")
        TEST = "test", _("测试消息")

    class State(models.TextChoices):
        WAITING = "waiting", _("等待发送")
        SENDING = "sending", _("发送中")
        DELIVERED = "delivered", _("已送达")
        FAILED = "failed", _("失败")
        CANCELLED = "cancelled", _("已取消")

    event = models.CharField(_("事件"), max_length=20, choices=Event)
    channel = models.CharField(_("通道"), max_length=10, choices=Channel.Name, default=Channel.Name.GROUP)
    member = models.ForeignKey(Member, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("会员"))
    # The applicant, or the follow-up advisor whom it was really sent to.
    advisor = models.ForeignKey(
        Advisor, models.PROTECT, null=True, blank=True, related_name="notifications", verbose_name=_("顾问")
    )
    case = models.ForeignKey(
        Case, models.PROTECT, null=True, blank=True, related_name="notifications", verbose_name=_("案件")
    )
    # The messages it tells about, the member's or (by e-mail) the advisor's: from first_seq to last_seq.
    first_seq = models.PositiveIntegerField(_("自消息"), null=True, blank=True)
    last_seq = models.PositiveIntegerField(_("至消息"), null=True, blank=True)

    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(_("应发送"), default=timezone.now)
    attempts = models.PositiveIntegerField(_("尝试次数"), default=0)
    # From then the 24 hours count after which it is given up; empty while it waits for a person to mend something.
    trying_since = models.DateTimeField(null=True, blank=True, editable=False)
    # A digest with it was refused: it is sent by itself from now on.
    alone = models.BooleanField(default=False, editable=False)
    # Who works on it and until when; a mark by anybody else does not count (a worker that came back too late).
    lease = models.CharField(max_length=32, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(_("说明"), max_length=300, blank=True, help_text=_("最近一次失败或取消的原因。"))
    sent_text = models.TextField(_("发送内容"), blank=True)
    # To the app a repetition must be the same to the byte, or WeCom's duplicate check does not see it.
    payload = models.TextField(blank=True, editable=False)
    # Lets a card be changed once (DOC 94888): of a card that was sent, or of one whose button was pressed.
    response_code = models.CharField(max_length=200, blank=True, editable=False)
    answer = models.CharField(_("企业微信的回答"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    delivered_at = models.DateTimeField(_("送达时间"), null=True, blank=True)

    missed_calls = 0  # of the messages it tells about; not stored, counted when it is sent (decision.py)

    class Meta:
        verbose_name = _("通知")
        verbose_name_plural = _("通知")
        indexes: ClassVar[list[models.Index]] = [
            # Not a partial one: SQLite would not use it for what the worker asks four times a second.
            models.Index(fields=["state", "due_at"], name="notification_due"),
            models.Index(fields=["case", "-delivered_at"], name="notification_of_case"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["case", "channel", "event"],
                condition=Q(event__in=["member_wrote", "still_unread", "reply_unread"], state="waiting"),
                name="notification_one_waiting_per_case",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending", "delivered", "failed", "cancelled"]),
                name="notification_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="delivered", delivered_at__isnull=False)
                | (~Q(state="delivered") & Q(delivered_at__isnull=True)),
                name="notification_delivered_at",
            ),
            models.CheckConstraint(
                condition=~Q(event__in=["member_wrote", "still_unread", "reply_unread"])
                | Q(case__isnull=False, first_seq__isnull=False, last_seq__gte=models.F("first_seq")),
                name="notification_of_messages",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} N{self.pk}"

    @property
    def is_of_messages(self) -> bool:
        """Whether it tells about a member's messages."""
        return self.event in {self.Event.MEMBER_WROTE, self.Event.STILL_UNREAD}

    @property
    def is_gathered(self) -> bool:
        """Whether a case has one of the kind waiting at most; what happens meanwhile joins it."""
        return self.is_of_messages or self.event == self.Event.REPLY_UNREAD

    @property
    def reference(self) -> str:
        """Stands in the text, so that a person can tell a repetition from a second notification."""
        return f"N{self.pk}"


class Attempt(models.Model):
    """One try to send a notification; those of the last minute are what the robot's limit counts."""

    notification = models.ForeignKey(Notification, models.CASCADE, related_name="tries", verbose_name=_("通知"))
    channel = models.CharField(_("通道"), max_length=10, choices=Channel.Name)
    started_at = models.DateTimeField(_("开始"), default=timezone.now)
    # Empty while it is under way, or when its worker was killed.
    finished_at = models.DateTimeField(_("结束"), null=True, blank=True)
    errcode = models.IntegerField(_("errcode"), null=True, blank=True)
    outcome = models.CharField(_("结果"), max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField(_("毫秒"), null=True, blank=True)

    class Meta:
        verbose_name = _("发送尝试")
        verbose_name_plural = _("发送尝试")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["channel", "started_at"], name="attempt_recent"),
            models.Index(fields=["channel", "finished_at"], name="attempt_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id}: {self.outcome}"


class ReplyTarget(models.Model):
    """The case an advisor's next WeCom text goes to (最近被通知案件)."""

    advisor = models.OneToOneField(Advisor, models.PROTECT, related_name="reply_target", verbose_name=_("顾问"))
    case = models.ForeignKey(Case, models.PROTECT, related_name="+", verbose_name=_("案件"))
    set_at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("最近被通知案件")
        verbose_name_plural = _("最近被通知案件")

    def __str__(self) -> str:
        return f"{self.advisor} → #{self.case.number}"


class AppToken(models.Model):
    """The self-built app's access token, shared by all processes (DOC 91039). One row."""

    corp_id = models.CharField(max_length=64, unique=True)
    value = models.CharField(max_length=600, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Who asks WeCom for a new one does so alone until then.
    refreshing_until = models.DateTimeField(null=True, blank=True)
    # A secret WeCom refused is not tried again before this: it bans the address of whoever keeps asking.
    refused_secret = models.CharField(max_length=64, blank=True)
    refused_until = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.corp_id


class ReplyMenu(models.Model):
    """The question to which case a held text belongs; the advisor's next digit answers it."""

    advisor = models.OneToOneField(Advisor, models.PROTECT, related_name="+", verbose_name=_("顾问"))
    held = models.ForeignKey("InboundMessage", models.PROTECT, related_name="+", verbose_name=_("保留的来信"))
    case_ids = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.advisor}: {self.case_ids}"


class InboundMessage(models.Model):
    """What WeCom delivered to the callback, stored once, with where it went and why."""

    class State(models.TextChoices):
        DELIVERED = "delivered", _("已写入案件")
        FETCHING = "fetching", _("正在下载")
        HELD = "held", _("已保留，未写入")
        REFUSED = "refused", _("已拒绝")
        IGNORED = "ignored", _("无需处理")

    # A digest over everything that tells two apart: what WeCom repeats has the same one.
    identity = models.CharField(max_length=64, unique=True)
    userid = models.CharField(_("企业微信账号"), max_length=64)
    message_type = models.CharField(_("类型"), max_length=40)
    event = models.CharField(_("事件"), max_length=60, blank=True)
    content = models.TextField(_("内容"), blank=True)
    fields = models.JSONField(_("收到的字段"), default=dict)
    sent_at = models.DateTimeField(_("企业微信时间"))
    received_at = models.DateTimeField(_("收到时间"), default=timezone.now)
    # The database could not take it at the time; it waited on the disk (spool.py).
    late = models.BooleanField(_("迟到"), default=False)

    state = models.CharField(_("状态"), max_length=10, choices=State)
    reason = models.CharField(_("原因"), max_length=200, blank=True)
    advisor = models.ForeignKey(Advisor, models.PROTECT, null=True, blank=True, verbose_name=_("顾问"))
    case = models.ForeignKey(Case, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("案件"))
    message = models.OneToOneField(
        Message, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("消息")
    )
    # The receipt, so that a repeated delivery gets the same answer again.
    reply = models.TextField(_("回执"), blank=True)
    # A picture or voice still to be fetched: when to try (next), and how often it was tried.
    due_at = models.DateTimeField(_("应下载"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("尝试次数"), default=0)
    # What became of it was not known when it was answered: the sender's next receipt says so.
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
        ]

    def __str__(self) -> str:
        return f"{self.userid} {self.message_type}"
