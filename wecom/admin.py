from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jiayi.admin import ReadOnlyAdmin, do_for_each
from wecom.models import Attempt, Channel, InboundMessage, Notification
from wecom.notifications import cancel, resend


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

    @admin.action(description=_("重新发送"), permissions=["view"])
    def resend_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        do_for_each(request, queryset, resend)

    @admin.action(description=_("取消发送"), permissions=["view"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        do_for_each(request, queryset, cancel)


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    list_display = ("name", "last_success_at", "paused_until", "problem")


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
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
        "state",
        "reason",
        "case",
        "reply",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundMessage]:
        return super().get_queryset(request).select_related("advisor__user", "case")
