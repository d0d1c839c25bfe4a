"""Django's configuration of the sandbox."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SandboxConfig(AppConfig):
    """Stands in for WeCom on a developer's machine; settings install it only with WECOM_SANDBOX and DEBUG."""

    name = "wecom.sandbox"
    label = "sandbox"
    verbose_name = _("企业微信沙箱")
