"""The URLs of the product, put together from those of the apps."""

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

from jiayi.views import favicon, healthz, not_found
from members.views import sign_out

handler500 = "jiayi.views.server_error"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("favicon.ico", favicon),
    path("admin/", admin.site.urls),
    # An account has one address, User.email, which an administrator changes. allauth's page would keep a second list.
    path("accounts/email/", not_found),
    path("accounts/logout/", sign_out),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("members.urls")),
    path("", include("advisors.urls")),
    path("", include("cases.urls")),
]
# Optional, so that the domain can be tested with wecom uninstalled.
if apps.is_installed("wecom"):
    urlpatterns.append(path("", include("wecom.urls")))
if apps.is_installed("wecom.sandbox"):
    urlpatterns.append(path("sandbox/", include("wecom.sandbox.urls")))
