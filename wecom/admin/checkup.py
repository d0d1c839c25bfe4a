"""The administrators' pages about the connection to WeCom: the channels, the check-up, and test messages."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from jiayi.admin import ReadOnlyAdmin
from jiayi.health import WORKER, is_gone, seen
from wecom.diagnosis.checkup import checkup
from wecom.diagnosis.findings import Finding
from wecom.diagnosis.trial import await_trial, begin_trial, came_of
from wecom.models import Channel, Checkup
from wecom.outbound.channels import app_is_configured
from wecom.outbound.events import APP, GROUP

WAIT_FOR_TRIAL = 3.0  # seconds for the worker to send a test message while its page loads
TELL = {"ok": messages.success, "warn": messages.warning, "bad": messages.error}


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    """The list of channels, each with its last success and its problem."""

    list_display = ("name", "last_success_at", "paused_until", "needs_mending", "problem")


class TrialForm(forms.Form):
    """The form that says where a test message goes: to the group, or to one advisor directly."""

    send = forms.ChoiceField(choices=[(GROUP, GROUP), (APP, APP)])

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.fields["advisor"] = forms.ModelChoiceField(reachable_advisors(), required=False)

    def clean(self) -> None:
        if self.cleaned_data.get("send") == APP and not self.cleaned_data.get("advisor"):
            raise forms.ValidationError(_("请选择一位可以直接收到消息的顾问。"))


def reachable_advisors() -> QuerySet[Advisor]:
    """Return the advisors that the app can send to."""
    if not app_is_configured():
        return Advisor.objects.none()
    return Advisor.objects.working().exclude(wecom_userid="").select_related("user").order_by("user__name")


@admin.register(Checkup)
class CheckupAdmin(ReadOnlyAdmin):
    """The page of the check-up, at /admin/wecom/checkup/. Shown to administrators who may see the channels."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="wecom_checkup_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("wecom.view_channel") or self.has_operate_permission(request)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wecom.change_channel")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the findings of this site; on POST ask WeCom as well (`ask`), or send a test message (`send`)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if "send" in request.POST:
            return self._send(request)
        may_send = self.has_operate_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "title": self.opts.verbose_name,
            "opts": self.opts,
            "findings": checkup(ask_wecom="ask" in request.POST),
            "may_send": may_send,
            "advisors": reachable_advisors() if may_send else [],
        }
        return TemplateResponse(request, "admin/wecom/checkup.html", context)

    def _send(self, request: HttpRequest) -> HttpResponse:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        form = TrialForm(request.POST)
        if form.is_valid():
            _tell(request, _try(form.cleaned_data["send"], form.cleaned_data["advisor"]))
        else:
            messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return HttpResponseRedirect(reverse("admin:wecom_checkup_changelist"))


def _try(channel: str, advisor: Advisor | None) -> Finding:
    """Have the worker send a test message, wait for it up to WAIT_FOR_TRIAL, and return what came of it."""
    row = begin_trial(channel, advisor if channel == APP else None)
    if is_gone(seen(WORKER)):
        fix = gettext("先启动发送进程：manage.py deliver。")
        return Finding(gettext("测试消息 %s") % row.reference, "bad", gettext("没有发出：发送进程没有运行。"), fix)
    return came_of(await_trial(row, WAIT_FOR_TRIAL))


def _tell(request: HttpRequest, finding: Finding) -> None:
    TELL[finding.level](request, f"{finding.title}：{finding.detail} {finding.fix}".strip())
