"""Configuration of the app; connects the receivers."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("会员与账号")

    def ready(self) -> None:
        from members import receivers

        receivers.connect()
