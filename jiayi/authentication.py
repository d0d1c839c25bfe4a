"""Authentication of API requests: Django's session, and a header with the account that the page belongs to."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Refuse a page that another account opened: one left open from before a change of accounts must not act."""
        found: tuple[Any, None] | None = super().authenticate(request)
        page_of = request.headers.get("X-Page-Of")
        if found is not None and page_of is not None and page_of != str(found[0].pk):
            detail = _("这个浏览器已经换了账号登录，请刷新页面。")
            raise AuthenticationFailed({"detail": detail, "other_account": "true"})
        return found

    def authenticate_header(self, request: Request) -> str:
        # Makes DRF answer 401, so that the page can tell "signed out" from "not allowed".
        return "Session"
