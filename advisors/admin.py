"""The admin pages of advisors: the review of applications, and binding WeCom accounts."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from advisors.actions import approve_advisor, bind_wecom_account, reject_advisor, suspend_advisor
from advisors.models import Advisor
from jiayi.admin import do_for_each
from jiayi.errors import Refused

Status = Advisor.Status
REVIEWS = {"approve": approve_advisor, "reject": reject_advisor, "suspend": suspend_advisor}


class AdvisorForm(forms.ModelForm):
    def clean_wecom_userid(self) -> str:
        return str(self.cleaned_data["wecom_userid"]).strip()


@admin.register(Advisor)
class AdvisorAdmin(admin.ModelAdmin):
    """Advisors, under RCIC 顾问审核: those who wait for review first."""

    form = AdvisorForm
    list_display = ("name", "details", "status", "wecom_userid", "licence_number", "email", "applied_at")
    list_display_links = ("name",)
    list_filter = ("status",)
    search_fields = ("user__name", "user__email", "licence_number", "wecom_userid")
    actions = ("approve_selected", "reject_selected")
    readonly_fields = (
        "name",
        "email",
        "licence_number",
        "status",
        "applied_at",
        "reviewed_at",
        "reviewed_by",
        "last_active_at",
    )
    fieldsets = (
        (gettext_lazy("申请"), {"fields": ("name", "email", "licence_number", "applied_at")}),
        (gettext_lazy("审核"), {"fields": ("status", "reviewed_at", "reviewed_by", "last_active_at")}),
        (gettext_lazy("企业微信"), {"fields": ("wecom_userid",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Advisor]:
        needs_work = Case(When(status=Status.PENDING, then=0), default=1)
        advisors = super().get_queryset(request).select_related("user", "reviewed_by")
        return advisors.order_by(needs_work, "-applied_at")

    @admin.display(description=gettext_lazy("姓名"), ordering="user__name")
    def name(self, advisor: Advisor) -> str:
        return format_html('<span class="nowrap">{}</span>', advisor.user.name)

    @admin.display(description=gettext_lazy("邮箱"), ordering="user__email")
    def email(self, advisor: Advisor) -> str:
        return advisor.user.email

    @admin.display(description="")
    def details(self, advisor: Advisor) -> str:
        return format_html(
            '<span class="nowrap"><a href="{}">{}</a></span>',
            reverse("admin:advisors_advisor_change", args=[advisor.pk]),
            _("查看详情"),
        )

    @admin.action(description=gettext_lazy("通过所选顾问"), permissions=["change"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Advisor]) -> None:
        do_for_each(request, queryset, lambda advisor: self._change_status(request, advisor, approve_advisor))

    @admin.action(description=gettext_lazy("拒绝所选顾问"), permissions=["change"])
    def reject_selected(self, request: HttpRequest, queryset: QuerySet[Advisor]) -> None:
        do_for_each(request, queryset, lambda advisor: self._change_status(request, advisor, reject_advisor))

    def save_model(self, request: HttpRequest, obj: Advisor, form: Any, change: bool) -> None:
        bind_wecom_account(obj, obj.wecom_userid)

    def get_urls(self) -> list[URLPattern]:
        review = path(
            "<path:object_id>/review/", self.admin_site.admin_view(self.review), name="advisors_advisor_review"
        )
        return [review, *super().get_urls()]

    def review(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve, reject or suspend, by the buttons on the detail page."""
        advisor = self.get_object(request, unquote(object_id))
        change = REVIEWS.get(request.POST.get("review", ""))
        if advisor is None or change is None or request.method != "POST":
            raise Http404
        if not self.has_change_permission(request, advisor):
            raise PermissionDenied
        try:
            messages.success(request, self._change_status(request, advisor, change))
        except Refused as refusal:
            messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("admin:advisors_advisor_change", args=[advisor.pk]))

    def _change_status(self, request: HttpRequest, advisor: Advisor, change: Callable[..., Advisor]) -> str:
        """Review an advisor, note it in the history and say what came of it. Raises Refused as the review does."""
        reviewed = change(advisor, by=request.user)
        said = _("%(name)s 现在的状态：%(status)s") % {
            "name": reviewed.user.name,
            "status": reviewed.get_status_display(),
        }
        self.log_change(request, reviewed, said)
        return said

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # advisors apply themselves, at /register/advisor/

    def has_delete_permission(self, request: HttpRequest, obj: Advisor | None = None) -> bool:
        return False  # what an advisor wrote stays theirs
