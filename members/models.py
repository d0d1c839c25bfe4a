"""The tables of accounts, members and e-mails about accounts."""

import unicodedata
from typing import Any, ClassVar

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jiayi.fields import LineField, plain
from jiayi.plaintext import isolated
from members.words import EMAIL_TAKEN, EMAIL_WORDS


class UserManager(BaseUserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the one spelling under which an address is stored and looked up."""
        return unicodedata.normalize("NFKC", email or "").strip().casefold()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"name": email, **fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))


class User(AbstractBaseUser, PermissionsMixin):
    """The account of every person, who signs in by e-mail. What they may do is in Member and Advisor."""

    email = models.EmailField(
        _("邮箱"),
        unique=True,
        error_messages={"unique": EMAIL_TAKEN, "invalid": EMAIL_WORDS["invalid"]},
    )
    name = LineField(_("姓名"), max_length=60)
    is_active = models.BooleanField(_("启用"), default=True, help_text=_("停用后立即无法登录，也不再收到任何内容。"))
    is_staff = models.BooleanField(_("管理员"), default=False, help_text=_("可以进入管理后台。"))
    date_joined = models.DateTimeField(_("注册时间"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("账号")
        verbose_name_plural = _("账号")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_in_one_spelling"),
            models.CheckConstraint(condition=~models.Q(name=""), name="user_has_a_name"),
            plain(["name"], "user_name_is_plain"),
        ]

    def __str__(self) -> str:
        return f"{isolated(self.name)} <{self.email}>"

    def clean(self) -> None:
        super().clean()
        self.email = type(self).objects.normalize_email(self.email)

    def get_full_name(self) -> str:
        return self.name

    @property
    def masked_name(self) -> str:
        """The name as it may stand in WeCom: the first character and a star (王*)."""
        return f"{self.name[:1]}*"


class Member(models.Model):
    """A client (会员)."""

    user = models.OneToOneField(User, models.PROTECT, verbose_name=_("账号"))
    created_at = models.DateTimeField(_("注册时间"), auto_now_add=True)
    # The one the site was last used in (activity.py); empty until then.
    language = models.CharField(_("语言"), max_length=10, choices=settings.LANGUAGES, blank=True)
    email_reminders = models.BooleanField(
        _("邮件提醒"), default=True, help_text=_("顾问的回复过一会儿还没有读时发一封邮件，邮件里没有内容。")
    )
    last_active_at = models.DateTimeField(_("最近在网站活动"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("会员")
        verbose_name_plural = _("会员")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(language__in=["", "zh-hans", "en"]), name="member_language_known")
        ]

    def __str__(self) -> str:
        return self.user.name


class Session(AbstractBaseSession):
    """A session in the website; `user` is the account that is signed in, if any."""

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions", verbose_name=_("账号"))

    def __str__(self) -> str:
        return f"session of account {self.user_id}"  # Django's is the key, which signs in whoever reads it

    @classmethod
    def get_session_store_class(cls) -> Any:
        from members.session_store import SessionStore  # which keeps its rows here

        return SessionStore


class SecondFactor(Authenticator):  # type: ignore[misc]  # allauth ships no types
    """allauth's second factor, with a name for the admin, which allauth's model lacks."""

    class Meta:
        proxy = True
        verbose_name = _("两步验证")
        verbose_name_plural = _("两步验证")

    def __str__(self) -> str:
        return f"{self.user.name}：{self.means}"

    @property
    def means(self) -> str:
        """The kind of second factor, in words."""
        return str(MEANS.get(self.type) or self.get_type_display())


MEANS = {Authenticator.Type.TOTP: _("验证器应用"), Authenticator.Type.RECOVERY_CODES: _("恢复码")}


class AccountMail(models.Model):
    """An e-mail about an account, queued (account_mail.py); once sent, only the fact that there was one."""

    class State(models.TextChoices):
        WAITING = "waiting", _("等待发送")
        SENT = "sent", _("已发送")
        FAILED = "failed", _("失败")

    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("账号"))
    # All four are as allauth wrote them; the words may hold a link that opens the account.
    recipient = models.EmailField(blank=True, editable=False)
    sender = models.CharField(max_length=300, editable=False)
    subject = models.CharField(max_length=300, blank=True, editable=False)
    body = models.TextField(blank=True, editable=False)
    state = models.CharField(_("状态"), max_length=7, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(_("应发送"), default=timezone.now)  # and the end of the lease of who sends it now
    attempts = models.PositiveIntegerField(_("尝试次数"), default=0)
    note = models.CharField(_("说明"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("创建时间"), default=timezone.now)
    ended_at = models.DateTimeField(_("结束"), null=True, blank=True)

    class Meta:
        verbose_name = _("账号邮件")
        verbose_name_plural = _("账号邮件")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "due_at"], name="account_mail_due"),
            models.Index(fields=["ended_at"], name="account_mail_ended"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(state="waiting", ended_at=None) & ~models.Q(recipient="")
                | models.Q(state__in=["sent", "failed"], ended_at__isnull=False, recipient="", subject="", body=""),
                name="account_mail_forgets_its_words",
            )
        ]

    def __str__(self) -> str:
        return f"A{self.pk}"
