"""The table of cases, and how far each person has read one."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from jiayi.fields import LineField, plain
from jiayi.plaintext import isolated
from members.models import Member, User

FIRST_NUMBER = 1001
# An alert that is late by more has met something; one that comes later waits for the end of quiet hours.
ALERT_SOON = timedelta(minutes=2)


def sees(user: User) -> Q:
    """Return the rule by which a signed-in person sees a case: as its member, or as its approved follow-up advisor."""
    return Q(member__user=user) | Q(advisor__user=user, advisor__status=Advisor.Status.APPROVED)


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, user: User) -> "CaseQuerySet":
        """Return the cases this signed-in person may see: a member's own, and those an approved advisor follows."""
        # By the rule alone, which is about joined rows, the database reads every case there is: no index answers it.
        sides = {side: getattr(user, side, None) for side in ("member", "advisor")}
        theirs = Q(*((side, row) for side, row in sides.items() if row is not None), _connector=Q.OR)
        return self.filter(theirs, sees(user)) if theirs else self.none()

    def followed_by(self, user: User) -> "CaseQuerySet":
        """Return the cases whose approved follow-up advisor this person is; never one in which they are the member."""
        return self.filter(advisor__user=user, advisor__status=Advisor.Status.APPROVED).exclude(member__user=user)


class Case(models.Model):
    """One matter of one member (案件), with one conversation."""

    class Status(models.TextChoices):
        OPEN = "open", _("进行中")
        CLOSED = "closed", _("已结案")

    class Kind(models.TextChoices):
        STUDY_PERMIT = "study_permit", _("学签")
        WORK_PERMIT = "work_permit", _("工签")
        VISITOR = "visitor", _("访客签证")
        PR = "pr", _("永久居民")
        FAMILY = "family", _("家庭团聚")
        CITIZENSHIP = "citizenship", _("入籍")
        OTHER = "other", _("其他")

    number = models.PositiveIntegerField(_("案件号"), unique=True, editable=False)
    title = LineField(_("标题"), max_length=120)
    kind = models.CharField(_("类别"), max_length=12, choices=Kind, default=Kind.OTHER)
    member = models.ForeignKey(Member, models.PROTECT, related_name="cases", verbose_name=_("会员"))
    advisor = models.ForeignKey(
        Advisor, models.PROTECT, null=True, blank=True, related_name="cases", verbose_name=_("跟进人")
    )
    status = models.CharField(_("状态"), max_length=6, choices=Status, default=Status.OPEN)
    # The number of the newest message; the next one is taken under this row's lock.
    last_seq = models.PositiveIntegerField(_("消息数"), default=0, editable=False)
    last_message_at = models.DateTimeField(_("最近消息"), default=timezone.now, editable=False)
    # Since when the member has been waiting for an answer; empty when the advisor wrote last.
    waiting_since = models.DateTimeField(_("等待回复自"), null=True, blank=True, editable=False)
    # Of which of the member's messages the follow-up advisor was told in WeCom, and when; nothing after a hand-over.
    notified_seq = models.PositiveIntegerField(_("已通知至消息"), default=0, editable=False)
    notified_at = models.DateTimeField(_("企业微信通知时间"), null=True, blank=True, editable=False)
    # When the follow-up advisor is to be told, elsewhere than on the website, of what waits; a hint for the page.
    alert_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("案件")
        verbose_name_plural = _("案件")
        ordering: ClassVar[list[str]] = ["-last_message_at", "-number"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["advisor", "waiting_since"], name="case_waiting", condition=Q(waiting_since__isnull=False)
            )
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(number__gte=FIRST_NUMBER), name="case_number_from_1001"),
            models.CheckConstraint(condition=Q(status__in=["open", "closed"]), name="case_status_known"),
            models.CheckConstraint(condition=~Q(title=""), name="case_has_a_title"),
            plain(["title"], "case_title_is_plain"),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["study_permit", "work_permit", "visitor", "pr", "family", "citizenship", "other"]
                ),
                name="case_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(notified_seq__lte=models.F("last_seq"))
                & (Q(notified_seq=0, notified_at__isnull=True) | Q(notified_seq__gt=0, notified_at__isnull=False)),
                name="case_notified_of_what_there_is",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {isolated(self.title)}"

    @property
    def people(self) -> list[int]:
        """The ids of the Users on the case, its member and its follow-up advisor, whether or not they may act now."""
        return [self.member.user_id, *([self.advisor.user_id] if self.advisor else [])]

    @property
    def waits_since(self) -> datetime | None:
        """Since when the member has been waiting for an answer; None in a closed case."""
        return self.waiting_since if self.status == self.Status.OPEN else None

    @property
    def is_being_notified(self) -> bool:
        """Whether the follow-up advisor is about to be told that the member waits."""
        if self.waiting_since is None or self.alert_due_at is None:
            return False
        return abs(self.alert_due_at - timezone.now()) <= ALERT_SOON


class ReadMark(models.Model):
    """How far a person has read a case's conversation."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="read_marks")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    seq = models.PositiveIntegerField()
    read_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "user"], name="read_mark_unique")
        ]

    def __str__(self) -> str:
        return f"{self.case_id}: {self.user_id} ≤ {self.seq}"
