"""Django's configuration of the bridge: registers the system checks and connects the receivers."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WecomConfig(AppConfig):
    name = "wecom"
    verbose_name = _("企业微信")

    def ready(self) -> None:
        from wecom.diagnosis import checks  # noqa: F401
        from wecom.outbound import receivers

        receivers.connect()
