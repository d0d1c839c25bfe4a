from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from cases.models import Case
from jiayi.admin import ReadOnlyAdmin, do_for_each, done
from jiayi.health import WORKER, is_gone, seen
from wecom.diagnosis.checkup import checkup, queue_state
from wecom.diagnosis.findings import Finding, age
from wecom.diagnosis.trial import await_trial, begin_trial, came_of
from wecom.inbound.routing import MAX_REASON, assign_held, dismiss_held
from wecom.kinds import kind_in_words
from wecom.models import Attempt, Channel, Checkup, InboundMessage, Notification
from wecom.outbound.channels import app_is_configured
from wecom.outbound.events import APP, GROUP
from wecom.outbound.states import cancel_by_hand, resend

State = Notification.State

OVERDUE = timedelta(minutes=1)  # what has just become due is on its way
PATIENCE = 3.0  # seconds for the worker to send a test message while its page loads
TELL = {"ok": messages.success, "warn": messages.warning, "bad": messages.error}


class AttemptInline(admin.TabularInline):
    model = Attempt
    fields = ("started_at", "finished_at", "code", "result", "duration_ms")
    readonly_fields = fields
    extra = 0
    can_delete = False

    @admin.display(description=_("错误码"))
    def code(self, attempt: Attempt) -> str:
        return "—" if attempt.errcode is None else str(attempt.errcode)

    @admin.display(description=_("结果"))
    def result(self, attempt: Attempt) -> str:
        return gettext("成功") if attempt.outcome == "ok" else attempt.outcome or "—"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NeedsWork(admin.SimpleListFilter):
    """What failed or is late, unless somebody asks for all, for a state, or for a case."""

    title = _("范围")
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("work", _("需要处理")), ("all", _("全部"))]

    def value(self) -> str:
        chosen = super().value()
        if chosen in {"work", "all"}:
            return str(chosen)
        return "all" if {"state__exact", "q"} & set(self.request.GET) else "work"

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield from list(super().choices(changelist))[1:]  # without Django's own "all", which is not the default here

    def queryset(self, request: HttpRequest, queryset: QuerySet[Notification]) -> QuerySet[Notification]:
        if self.value() == "all":
            return queryset
        late = Q(state__in=[State.WAITING, State.SENDING], due_at__lt=timezone.now() - OVERDUE)
        return queryset.filter(late | Q(state=State.FAILED))


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("reference", "event", "channel", "case", "state", "due_at", "attempts", "delivered_at", "note")
    list_filter = (NeedsWork, "state", "event", "channel")
    search_fields = ("=case__number",)
    ordering = ("-pk",)
    inlines = (AttemptInline,)
    actions = ("resend_selected", "cancel_selected")
    exclude = ("lease", "leased_until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return super().get_queryset(request).select_related("case", "member__user", "advisor__user")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "summary": _summary()})

    @admin.display(description=_("编号"), ordering="pk")
    def reference(self, notification: Notification) -> str:
        return notification.reference

    @admin.action(description=_("重新发送"), permissions=["operate"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        do_for_each(request, queryset, resend, lambda row: being_sent)

    @admin.action(description=_("取消发送"), permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        do_for_each(request, queryset, cancel_by_hand)


def being_sent(count: int) -> str:
    """Say of how many notifications the worker sends them now."""
    return ngettext("已排入发送 %d 项，结果稍后显示在这里。", "已排入发送 %d 项，结果稍后显示在这里。", count) % count


def _summary() -> str:
    now = timezone.now()
    queue = queue_state(now)
    said = ngettext("到期未发 %d 条", "到期未发 %d 条", queue.due) % queue.due
    if queue.oldest:
        said += gettext("（最久 %s）") % age(queue.oldest, now)
    rest = {"later": queue.later, "failed": queue.failed}
    return said + gettext("，定时稍后 %(later)d 条，最近 24 小时失败 %(failed)d 条。") % rest


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_success_at", "paused_until", "needs_mending", "problem")


class TrialForm(forms.Form):
    """To whom a test message goes: the group, or one advisor directly."""

    send = forms.ChoiceField(choices=[(GROUP, GROUP), (APP, APP)])

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.fields["advisor"] = forms.ModelChoiceField(reachable_advisors(), required=False)

    def clean(self) -> None:
        if self.cleaned_data.get("send") == APP and not self.cleaned_data.get("advisor"):
            raise forms.ValidationError(_("请选择一位可以直接收到消息的顾问。"))


def reachable_advisors() -> QuerySet[Advisor]:
    """The advisors that the app can send to."""
    if not app_is_configured():
        return Advisor.objects.none()
    return Advisor.objects.working().exclude(wecom_userid="").select_related("user").order_by("user__name")


@admin.register(Checkup)
class CheckupAdmin(ReadOnlyAdmin):
    """The page of the check-up, at /admin/wecom/checkup/. For whoever may see the channels."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="wecom_checkup_changelist")]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("wecom.view_channel") or self.has_operate_permission(request)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wecom.change_channel")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """GET shows what we know; POST asks WeCom as well (`ask`), or sends a test message (`send`)."""
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
    """Send a test message by the worker, whom the page waits for as long as a person does."""
    row = begin_trial(channel, advisor if channel == APP else None)
    if is_gone(seen(WORKER)):
        fix = gettext("先启动发送进程：manage.py deliver。")
        return Finding(gettext("测试消息 %s") % row.reference, "bad", gettext("没有发出：发送进程没有运行。"), fix)
    return came_of(await_trial(row, PATIENCE))


def _tell(request: HttpRequest, finding: Finding) -> None:
    TELL[finding.level](request, f"{finding.title}：{finding.detail} {finding.fix}".strip())


class HeldForm(ActionForm):
    """The fields beside the actions of the list: to which case a held message goes, or why to none."""

    case_number = forms.IntegerField(label=_("案件号"), required=False, min_value=1, max_value=2**31 - 1)
    dismissed_because = forms.CharField(label=_("不再处理的原因"), required=False, max_length=MAX_REASON)


class KindFilter(admin.AllValuesFieldListFilter):
    """The kinds of messages that there are, in words."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        every, *kinds = super().choices(changelist)
        yield every
        yield from ({**kind, "display": kind_in_words(str(kind["display"]))} for kind in kinds)


def being_fetched(count: int) -> str:
    """Say of how many pictures, voices and videos the worker fetches them now."""
    said = ngettext("已开始重新下载 %d 项，结果稍后显示在这里。", "已开始重新下载 %d 项，结果稍后显示在这里。", count)
    return said % count


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    action_form = HeldForm
    actions = ("assign_to_case", "dismiss")
    list_display = ("received_at", "userid", "advisor", "what", "state", "reason", "case")
    list_filter = ("state", "received_at", ("message_type", KindFilter), "late")
    search_fields = ("userid", "=case__number", "advisor__user__name", "reason")
    ordering = ("-pk",)
    fields = (
        "received_at",
        "sent_at",
        "late",
        "userid",
        "advisor",
        "what",
        "held_content",
        "state",
        "reason",
        "attempts",
        "case",
        "reply",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMessage]:
        return super().get_queryset(request).select_related("advisor__user", "case")

    @admin.display(description=_("类型"), ordering="message_type")
    def what(self, row: InboundMessage) -> str:
        return row.kind

    @admin.display(description=_("内容"))
    def held_content(self, row: InboundMessage) -> str:
        """Shown only while somebody must decide where it goes; what stands in a case is read there."""
        return row.content or "—" if row.state == InboundMessage.State.HELD else "—"

    @admin.action(description=_("把已保留的来信写入案件"), permissions=["operate"])
    def assign_to_case(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> None:
        """Write held messages into the case whose number stands beside the action, as their senders."""
        number = self._beside(request).get("case_number")
        case = Case.objects.filter(number=number).first() if number else None
        if case is None:
            messages.error(request, _("请在「案件号」里填写一个存在的案件号。"))
            return
        do_for_each(
            request,
            queryset.order_by("pk"),
            lambda row: assign_held(row, case),
            lambda row: being_fetched if row.state == InboundMessage.State.FETCHING else done,
        )

    @admin.action(description=_("已保留的来信不再处理"), permissions=["operate"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> None:
        """Let held messages go nowhere for good; the reason beside the action stays on the row, and who gave it."""
        reason = str(self._beside(request).get("dismissed_because", ""))

        def dismissed(row: InboundMessage) -> InboundMessage:
            row = dismiss_held(row, reason)
            self.log_change(request, row, row.reason)
            return row

        do_for_each(request, queryset.order_by("pk"), dismissed)

    @staticmethod
    def _beside(request: HttpRequest) -> dict[str, Any]:
        """Return what was filled in beside the actions, as far as it is right."""
        form = HeldForm(request.POST)
        del form.fields["action"]  # the list itself has checked which action this is
        form.is_valid()
        return form.cleaned_data
