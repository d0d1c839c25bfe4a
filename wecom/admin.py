from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases.models import Case
from jiayi.admin import ReadOnlyAdmin, do_for_each
from wecom.models import Attempt, Channel, InboundMessage, Notification
from wecom.notifications import cancel, resend
from wecom.routing import assign_held


class AttemptInline(admin.TabularInline):
    model = Attempt
    fields = ("started_at", "finished_at", "errcode", "outcome", "duration_ms")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("reference", "event", "case", "state", "due_at", "attempts", "delivered_at", "note")
    list_filter = ("state", "event", "channel")
    search_fields = ("=case__number",)
    ordering = ("-pk",)
    inlines = (AttemptInline,)
    actions = ("resend_selected", "cancel_selected")
    exclude = ("lease", "leased_until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return super().get_queryset(request).select_related("case", "member__user", "advisor__user")

    @admin.display(description=_("编号"), ordering="pk")
    def reference(self, notification: Notification) -> str:
        return notification.reference

    @admin.action(description=_("重新发送"), permissions=["operate"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        do_for_each(request, queryset, resend)

    @admin.action(description=_("取消发送"), permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        do_for_each(request, queryset, cancel)


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_success_at", "paused_until", "needs_mending", "problem")


class CaseNumberForm(ActionForm):
    """The field beside the actions of the list: to which case a held message goes."""

    case_number = forms.IntegerField(label=_("案件号"), required=False, min_value=1, max_value=2**31 - 1)


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    action_form = CaseNumberForm
    actions = ("assign_to_case",)
    list_display = ("received_at", "userid", "advisor", "message_type", "event", "state", "reason", "case")
    list_filter = ("state", "message_type")
    search_fields = ("userid", "=case__number", "advisor__user__name", "reason")
    ordering = ("-pk",)
    fields = (
        "received_at",
        "sent_at",
        "userid",
        "advisor",
        "message_type",
        "event",
        "held_content",
        "state",
        "reason",
        "case",
        "reply",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMessage]:
        return super().get_queryset(request).select_related("advisor__user", "case")

    @admin.display(description=_("内容"))
    def held_content(self, row: InboundMessage) -> str:
        """Shown only while somebody must decide where it goes; what stands in a case is read there."""
        return row.content if row.state == InboundMessage.State.HELD else "—"

    @admin.action(description=_("把已保留的来信写入案件"), permissions=["operate"])
    def assign_to_case(self, request: HttpRequest, queryset: QuerySet[InboundMessage]) -> None:
        """Write held messages into the case whose number stands beside the action, as their senders."""
        form = CaseNumberForm(request.POST)
        del form.fields["action"]  # the list itself has checked which action this is
        number = form.cleaned_data["case_number"] if form.is_valid() else None
        case = Case.objects.filter(number=number).first() if number else None
        if case is None:
            messages.error(request, _("请在「案件号」里填写一个存在的案件号。"))
            return
        do_for_each(request, queryset.order_by("pk"), lambda row: assign_held(row, case))
