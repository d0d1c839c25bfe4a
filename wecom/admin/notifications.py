"""The administrators' list of notifications and their attempts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from jiayi.admin import ReadOnlyAdmin, do_for_each
from wecom.diagnosis.checkup import queue_state
from wecom.diagnosis.findings import age
from wecom.models import Attempt, Notification
from wecom.outbound.states import cancel_by_hand, resend

State = Notification.State

OVERDUE = timedelta(minutes=1)  # a notification that has just become due is not late yet


class AttemptInline(admin.TabularInline):
    """List the attempts to send a notification, below it. Read only."""

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
    """Show what failed or is late, unless the reader asks for all, for a state, or for a case."""

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
    """The list of notifications, with the actions to send one again and to cancel one."""

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
    """Return the sentence that so many notifications are sent by the worker now."""
    return ngettext("已排入发送 %d 项，结果稍后显示在这里。", "已排入发送 %d 项，结果稍后显示在这里。", count) % count


def _summary() -> str:
    """Return the line above the list: how many are due, how many come later, how many failed within a day."""
    now = timezone.now()
    queue = queue_state(now)
    text = ngettext("到期未发 %d 条", "到期未发 %d 条", queue.due) % queue.due
    if queue.oldest:
        text += gettext("（最久 %s）") % age(queue.oldest, now)
    rest = {"later": queue.later, "failed": queue.failed}
    return text + gettext("，定时稍后 %(later)d 条，最近 24 小时失败 %(failed)d 条。") % rest
