"""Tables of the channels that notifications are sent by, and of the app's access token."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.Model):
    """A way to people: the group robot, the app, or e-mail. Its row is the lock behind the robot's 20 a minute."""

    class Name(models.TextChoices):
        GROUP = "group", _("群机器人")
        APP = "app", _("应用消息")
        EMAIL = "email", _("邮件")

    name = models.CharField(_("名称"), max_length=10, choices=Name, unique=True)
    # Nothing is sent before this; set when WeCom answers "too often" or the configuration is wrong.
    paused_until = models.DateTimeField(_("暂停至"), null=True, blank=True)
    problem = models.CharField(_("问题"), max_length=300, blank=True)
    # Nothing can be sent before a person changes something: the admin shows a red notice.
    needs_mending = models.BooleanField(_("需要处理"), default=False)
    last_success_at = models.DateTimeField(_("最近成功"), null=True, blank=True)

    class Meta:
        verbose_name = _("通道")
        verbose_name_plural = _("通道")

    def __str__(self) -> str:
        return self.get_name_display()


class Checkup(Channel):
    """The check-up page's place in the admin, beside the channels; no rows of its own (admin/checkup.py)."""

    class Meta:
        proxy = True
        default_permissions = ()  # seen with the permission to see channels
        verbose_name = _("连接检查")
        verbose_name_plural = _("连接检查")


class AppToken(models.Model):
    """The self-built app's access token, shared by all processes (DOC 91039). One row."""

    corp_id = models.CharField(max_length=64, unique=True)
    value = models.CharField(max_length=600, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Until then one process alone asks WeCom for a new one.
    refreshing_until = models.DateTimeField(null=True, blank=True)
    # Digest of a secret that WeCom refused. It is not tried again until then: WeCom bans an address that keeps asking.
    refused_secret = models.CharField(max_length=64, blank=True)
    refused_until = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.corp_id
