from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from members.words import ACCOUNT_REFUSALS


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": ACCOUNT_REFUSALS["incorrect_code"]}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | ACCOUNT_REFUSALS

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Sign-up is ours (/register/): an account without a Member or Advisor could do nothing."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link always leads to SITE_URL, whatever Host header the request that asks for it has."""
        # As allauth does it: the key is opaque, though the route knows two parts of it.
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails name the site by SITE_URL too, and invite to our own sign-up."""
        ours: dict[str, Any] = {"current_site": {"name": "佳忆 Jiayi", "domain": settings.SITE_URL}}
        if "signup_url" in context:
            ours["signup_url"] = settings.SITE_URL + reverse("register")
        super().send_mail(template_prefix, email, {**context, **ours})
