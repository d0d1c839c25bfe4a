"""The tables of notes and canned replies, which only advisors see. No query of messages can return them."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jiayi.fields import LineField

MAX_NOTE = 5_000  # characters
MAX_REASON = 500  # characters, of a hand-over
MAX_REPLY = 4_000  # characters; with what is filled in it must fit into a message
OWN_REPLIES = 200  # that one advisor may keep

shortcut_validator = RegexValidator(r"\A[^\s/／、{}]{1,20}\Z", _("快捷词最长 20 个字，不含空格、斜杠、顿号和花括号。"))


class Note(models.Model):
    """An internal note of a case (内部备注), never seen by a member. A hand-over leaves its reason here."""

    case = models.ForeignKey("cases.Case", models.PROTECT, related_name="notes", verbose_name=_("案件"))
    author = models.ForeignKey("members.User", models.PROTECT, related_name="+", verbose_name=_("作者"))
    body = models.TextField(_("内容"), max_length=MAX_NOTE)
    # Set when this is the reason for which the case was handed over.
    handed_to = models.ForeignKey(
        "advisors.Advisor", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("移交给")
    )
    # Chosen by the author's side, as that of a message.
    client_id = models.CharField(max_length=80)
    created_at = models.DateTimeField(_("时间"), default=timezone.now)

    class Meta:
        verbose_name = _("内部备注")
        verbose_name_plural = _("内部备注")
        ordering: ClassVar[list[str]] = ["case", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "author", "client_id"], name="note_client_id_unique"),
            models.CheckConstraint(condition=~Q(body=""), name="note_has_a_body"),
        ]

    def __str__(self) -> str:
        return f"#{self.case.number} ({self.pk})"


class CannedReply(models.Model):
    """A text an advisor inserts by `/` and its shortcut (快捷回复). Without an owner it is shared by all of them."""

    owner = models.ForeignKey(
        "advisors.Advisor", models.CASCADE, null=True, blank=True, related_name="replies", verbose_name=_("顾问")
    )
    shortcut = LineField(_("快捷词"), max_length=20, validators=[shortcut_validator])
    body = models.TextField(_("内容"), max_length=MAX_REPLY)

    class Meta:
        verbose_name = _("快捷回复")
        verbose_name_plural = _("共用快捷回复")
        ordering: ClassVar[list[Combinable | str]] = [F("owner").asc(nulls_last=True), "shortcut"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                F("owner"),
                Lower("shortcut"),
                condition=Q(owner__isnull=False),
                name="canned_reply_own_unique",
                violation_error_message=_("您已有一条这个快捷词的回复（不区分大小写）。"),
            ),
            models.UniqueConstraint(
                Lower("shortcut"),
                condition=Q(owner__isnull=True),
                name="canned_reply_shared_unique",
                violation_error_message=_("已有一条这个快捷词的共用回复（不区分大小写）。"),
            ),
            models.CheckConstraint(condition=~Q(shortcut="") & ~Q(body=""), name="canned_reply_complete"),
        ]

    def __str__(self) -> str:
        return f"/{self.shortcut}"
