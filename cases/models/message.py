"""The tables of messages and of their files."""

from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.case import Case
from cases.models.search_text import SearchText
from jiayi.fields import LineField, plain
from members.models import User

MAX_BODY = 5_000  # characters
MAX_FILE_NAME = 200  # characters
# A `client_id` that a page or another client of the API may choose. Those made here may be longer.
CLIENT_ID = r"\A[0-9A-Za-z_.:\-]{1,64}\Z"
RECALL_MINUTES = 2
RECALL_WITHIN = timedelta(minutes=RECALL_MINUTES)


class MessageManager(models.Manager["Message"]):
    """Leaves the search text out: it is never shown, and as long as the message. Queries may still compare with it."""

    def get_queryset(self) -> models.QuerySet["Message"]:
        return super().get_queryset().defer("search")


class Message(models.Model):
    """One message of a case's conversation. Never deleted; a recalled one keeps its body for the audit log."""

    class Kind(models.TextChoices):
        TEXT = "text", _("文字")
        FILE = "file", _("文件")
        CALL = "call", _("通话")
        SYSTEM = "system", _("系统")

    class Notice(models.TextChoices):
        ADVISOR = "advisor", _("跟进人")
        NO_ADVISOR = "no_advisor", _("没有跟进人")
        CLOSED = "closed", _("已结案")
        REOPENED = "reopened", _("重新打开")

    class Source(models.TextChoices):
        WEB = "web", _("网站")
        WECOM = "wecom", _("企业微信")

    case = models.ForeignKey(Case, models.PROTECT, related_name="messages", verbose_name=_("案件"))
    seq = models.PositiveIntegerField(_("序号"))
    kind = models.CharField(_("类型"), max_length=6, choices=Kind, default=Kind.TEXT)
    body = models.TextField(_("内容"), max_length=MAX_BODY)
    sender = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("发送人"))
    source = models.CharField(_("来自"), max_length=5, choices=Source, default=Source.WEB)
    # What a system message says, and the name in it: each reader gets it in their language (system_messages.py).
    notice = models.CharField(max_length=10, choices=Notice, blank=True)
    about = LineField(max_length=60, blank=True)
    # Chosen by the sender's side, so that sending again after a lost answer finds the same message.
    client_id = models.CharField(max_length=80)
    created_at = models.DateTimeField(_("时间"), default=timezone.now)
    recalled_at = models.DateTimeField(_("撤回时间"), null=True, blank=True)
    search = SearchText()

    objects = MessageManager()

    class Meta:
        verbose_name = _("消息")
        verbose_name_plural = _("消息")
        ordering: ClassVar[list[str]] = ["case", "seq"]
        indexes: ClassVar[list[models.Index]] = [
            # The files of a case, without its texts.
            models.Index(fields=["case", "seq"], name="message_files", condition=Q(kind="file")),
            # What a person sent within a minute, or a day (limits.py).
            models.Index(fields=["sender", "created_at"], name="message_of_sender"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "seq"], name="message_seq_unique"),
            models.UniqueConstraint(fields=["case", "sender", "client_id"], name="message_client_id_unique"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="message_seq_from_1"),
            models.CheckConstraint(condition=~Q(body=""), name="message_has_a_body"),
            models.CheckConstraint(condition=Q(kind__in=["text", "file", "call", "system"]), name="message_kind_known"),
            models.CheckConstraint(condition=Q(source__in=["web", "wecom"]), name="message_source_known"),
            models.CheckConstraint(
                condition=Q(notice="", about="")
                | Q(kind="system", notice__in=["advisor", "no_advisor", "closed", "reopened"]),
                name="message_notice_of_the_site",
            ),
            models.CheckConstraint(
                condition=Q(kind="system", sender__isnull=True) | (~Q(kind="system") & Q(sender__isnull=False)),
                name="message_system_has_no_sender",
            ),
            models.CheckConstraint(
                condition=Q(search="") | Q(kind__in=["text", "file"], recalled_at__isnull=True),
                name="message_found_while_it_stands",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.case.number}/{self.seq}"


class Attachment(models.Model):
    """The file of a message. The bytes lie in the storage under a random name, for those who may see the message."""

    class Kind(models.TextChoices):
        IMAGE = "image", _("图片")
        AUDIO = "audio", _("音频")
        VIDEO = "video", _("视频")
        FILE = "file", _("文件")

    class State(models.TextChoices):
        READY = "ready", _("可以下载")
        WAITING = "waiting", _("等待安全检查")
        INFECTED = "infected", _("未通过安全检查")

    message = models.OneToOneField(Message, models.PROTECT, related_name="attachment", verbose_name=_("消息"))
    key = models.UUIDField(unique=True, default=uuid4, editable=False)  # in its address
    name = LineField(_("文件名"), max_length=MAX_FILE_NAME)  # only shown, never a path
    size = models.PositiveIntegerField(_("大小"))  # bytes
    content_type = models.CharField(max_length=100)  # decided by us from the bytes
    kind = models.CharField(_("类型"), max_length=5, choices=Kind)
    sha256 = models.CharField(max_length=64)
    # Unique: two messages never share a file, so that removing one can never lose the other's.
    file = models.FileField(unique=True)
    thumbnail = models.FileField(blank=True)  # WebP, of images only
    # Of an image, as a person sees it, in pixels.
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    # Only what is ready is served. Without a scanner everything is (cases/files/scanning.py).
    state = models.CharField(_("状态"), max_length=8, choices=State, default=State.READY)
    finding = models.CharField(_("扫描结果"), max_length=300, blank=True)  # the scanner's name for what it found
    scan_due_at = models.DateTimeField(_("应扫描"), null=True, blank=True)  # when a waiting one is tried (next)

    class Meta:
        verbose_name = _("文件")
        verbose_name_plural = _("文件")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["scan_due_at"], name="attachment_scan_due", condition=Q(state="waiting")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(size__gt=0), name="attachment_not_empty"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(file="") & ~Q(sha256=""), name="attachment_complete"),
            plain(["name"], "attachment_name_is_plain"),
            models.CheckConstraint(
                condition=Q(kind__in=["image", "audio", "video", "file"]), name="attachment_kind_known"
            ),
            models.CheckConstraint(
                # A comparison with NULL is not false, and a check passes unless it is.
                condition=Q(kind="image", width__isnull=False, width__gt=0, height__isnull=False, height__gt=0)
                & ~Q(thumbnail="")
                | ~Q(kind="image") & Q(thumbnail="", width=None, height=None),
                name="attachment_image_has_thumbnail",
            ),
            models.CheckConstraint(
                condition=Q(state="ready", scan_due_at=None, finding="")
                | Q(state="waiting", scan_due_at__isnull=False)
                | Q(state="infected", scan_due_at=None) & ~Q(finding=""),
                name="attachment_state_known",
            ),
        ]

    def __str__(self) -> str:
        return str(self.key)
