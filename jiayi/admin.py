"""The admin's site, a base class of read-only pages, and an action done for each chosen row."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from jiayi.errors import Refused


class PatientChangeList(ChangeList):
    """A list that treats what the database cannot take, in the address's filters, as a wrong filter."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, OverflowError, DataError) as error:  # a NUL, a number of twenty digits
            raise IncorrectLookupParameters(error) from error


def _patient_list(model_admin: Any, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
    return PatientChangeList


class AdminSite(admin.AdminSite):
    """The admin's site (`admin.site`, see admin_app.py): its names, its lists, and the sign-in with a second factor."""

    site_header = _("佳忆管理后台")
    site_title = _("佳忆")
    index_title = _("管理")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Give every model registered here, also a library's, a list whose filters may hold anything."""
        super().register(model_or_iterable, admin_class, **{"get_changelist": _patient_list, **options})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send people to the site's own sign-in: the admin's knows no second factor."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer


class ReadOnlyAdmin(admin.ModelAdmin):
    """Admin page of rows that only the product writes: shown and searched, never edited or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether this administrator may use the page's actions (`permissions=["operate"]`)."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def done(count: int) -> str:
    """Return the sentence that says for how many rows an action was done."""
    return ngettext("已处理 %d 项。", "已处理 %d 项。", count) % count


def do_for_each(
    request: HttpRequest,
    rows: Any,
    change: Callable[[Any], Any],
    came_of: Callable[[Any], Callable[[int], str]] = lambda changed: done,
) -> None:
    """Call `change` for each row and tell the administrator the outcome, with the refused rows and why.

    `change` raises Refused when it changes nothing. `came_of` is given what it returned, and gives what says of how
    many rows that is true: `done`, or another function where the change has only begun.
    """
    counts: Counter[Callable[[int], str]] = Counter()
    for row in rows:
        try:
            counts[came_of(change(row))] += 1
        except Refused as refusal:
            messages.error(request, f"{row}: {refusal.message}")
    for say, count in counts.items():
        (messages.success if say is done else messages.info)(request, say(count))
