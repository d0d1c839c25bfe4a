"""Tables of the notifications and of the attempts to send them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from cases.models import Case
from members.models import Member
from wecom.models.channel import Channel
from wecom.outbound.events import EVENTS, Event, Priority, choices

GATHERED = [event.name for event in EVENTS.values() if event.gathered]


def _of_their_priority() -> Q:
    """Return the condition that a row has its event's priority. A new alert changes nothing here: no migration."""
    names = {priority: [one.name for one in EVENTS.values() if one.priority == priority] for priority in Priority}
    others = Priority.NEWS, Priority.ASSIGNMENT
    of_others = [Q(event__in=names[priority], priority=priority.value) for priority in others]
    return of_others[0] | of_others[1] | ~Q(event__in=[*names[others[0]], *names[others[1]]]) & Q(priority=1)


class Notification(models.Model):
    """A notification (通知): something the site tells people in WeCom, or a member by e-mail.

    Written in the transaction that caused it, sent by the worker.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("等待发送")
        SENDING = "sending", _("发送中")
        DELIVERED = "delivered", _("已送达")
        FAILED = "failed", _("失败")
        CANCELLED = "cancelled", _("已取消")

    Priority = Priority

    event = models.CharField(_("事件"), max_length=20, choices=choices)
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
    # Both set by save() from the event's row in the table; columns, for the index and the constraints.
    gathered = models.BooleanField(default=False, editable=False)
    priority = models.PositiveSmallIntegerField(default=Priority.ALERT, editable=False)
    due_at = models.DateTimeField(_("应发送"), default=timezone.now)
    attempts = models.PositiveIntegerField(_("尝试次数"), default=0)
    # WeCom refused it and is not asked again before this (timing.py), unless its reader has changed by then.
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The 24 hours after which it is given up count from here; empty while it waits for a person to mend something.
    trying_since = models.DateTimeField(null=True, blank=True, editable=False)
    # A digest with it was refused: it is sent by itself from now on.
    alone = models.BooleanField(default=False, editable=False)
    # Names the claim that works on it, and until when. A mark under another lease, by a late worker, is ignored.
    lease = models.CharField(max_length=32, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(_("说明"), max_length=300, blank=True, help_text=_("最近一次失败或取消的原因。"))
    sent_text = models.TextField(_("发送内容"), blank=True)
    # The request. To the app a repetition must be the same to the byte, or WeCom's duplicate check does not see it.
    payload = models.TextField(blank=True, editable=False)
    # Up to which message the payload tells: more may have joined before it is repeated.
    payload_seq = models.PositiveIntegerField(null=True, blank=True, editable=False)
    # Lets a card be changed once (DOC 94888): of a card that was sent, or of one whose button was pressed.
    response_code = models.CharField(max_length=200, blank=True, editable=False)
    answer = models.CharField(_("企业微信的回答"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    delivered_at = models.DateTimeField(_("送达时间"), null=True, blank=True)

    # How many messages of each kind it tells about; not stored, counted when it is sent (decision.py).
    came: Mapping[str, int] = MappingProxyType({})

    class Meta:
        verbose_name = _("通知")
        verbose_name_plural = _("通知")
        indexes: ClassVar[list[models.Index]] = [
            # Not a partial one: SQLite would not use it for the worker's query, four times a second.
            models.Index(fields=["state", "channel", "priority", "due_at"], name="notification_turn"),
            models.Index(fields=["case", "-delivered_at"], name="notification_of_case"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["case", "channel", "event"],
                condition=Q(gathered=True, state="waiting"),
                name="notification_one_waiting_per_case",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending", "delivered", "failed", "cancelled"]),
                name="notification_state_known",
            ),
            models.CheckConstraint(
                condition=Q(event__in=GATHERED, gathered=True) | ~Q(event__in=GATHERED) & Q(gathered=False),
                name="notification_gathered_by_its_event",
            ),
            models.CheckConstraint(
                condition=_of_their_priority(),
                name="notification_priority_of_its_event",
            ),
            models.CheckConstraint(
                condition=Q(state="delivered", delivered_at__isnull=False)
                | (~Q(state="delivered") & Q(delivered_at__isnull=True)),
                name="notification_delivered_at",
            ),
            models.CheckConstraint(
                condition=Q(gathered=False)
                | Q(case__isnull=False, first_seq__isnull=False, last_seq__gte=models.F("first_seq")),
                name="notification_of_messages",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_display()} N{self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.priority, self.gathered = self.rules.priority, self.rules.gathered
        super().save(*args, **kwargs)

    @property
    def rules(self) -> Event:
        """Return its event's row in the table (outbound/events.py)."""
        return EVENTS[self.event]

    @property
    def reference(self) -> str:
        """Return `N` and the id: in the text it tells a repetition from a second notification."""
        return f"N{self.pk}"


class Attempt(models.Model):
    """An attempt to send a notification. The robot's limit counts those of the last minute."""

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
        return f"N{self.notification_id}"
