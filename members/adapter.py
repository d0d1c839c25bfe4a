"""allauth's adapters with our rules: no sign-up of its own, links to SITE_URL, mails sent by the worker."""

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
        """Close allauth's sign-up: an account without a Member or Advisor, which /register/ makes, could do nothing."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the network that rate limits count by, allauth's and our own sign-up's."""
        return network_of(super().get_client_ip(request))

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return a link to SITE_URL, not to the Host header of the request."""
        # As allauth does it: the key is opaque, though the route knows two parts of it.
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue a mail for the worker instead of sending it in the request. It names SITE_URL and our own sign-up."""
        ours: dict[str, Any] = {"current_site": {"name": "佳忆 Jiayi", "domain": settings.SITE_URL}, "email": email}
        if "signup_url" in context:
            ours["signup_url"] = settings.SITE_URL + reverse("register")
        mail = self.render_mail(template_prefix, email, {"request": self.request, **context, **ours})
        queue_account_mail(mail, context.get("user") or User.objects.filter(email=email).first())
