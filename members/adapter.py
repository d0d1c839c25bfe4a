from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from jiayi.scope import network_of
from members.account_mail import queue_account_mail
from members.models import User
from members.words import ACCOUNT_REFUSALS


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": ACCOUNT_REFUSALS["incorrect_code"]}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | ACCOUNT_REFUSALS

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Sign-up is ours (/register/): an account without a Member or Advisor could do nothing."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """What allauth's limits, and our own sign-up's, count by."""
        return network_of(super().get_client_ip(request))

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link always leads to SITE_URL, whatever Host header the request that asks for it has."""
        # As allauth does it: the key is opaque, though the route knows two parts of it.
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """No mail leaves in a request: the worker sends it. It names the site by SITE_URL, and our own sign-up."""
        ours: dict[str, Any] = {"current_site": {"name": "佳忆 Jiayi", "domain": settings.SITE_URL}, "email": email}
        if "signup_url" in context:
            ours["signup_url"] = settings.SITE_URL + reverse("register")
        mail = self.render_mail(template_prefix, email, {"request": self.request, **context, **ours})
        queue_account_mail(mail, context.get("user") or User.objects.filter(email=email).first())
