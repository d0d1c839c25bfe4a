"""The administrators' list of received messages: held ones are assigned to a case or dismissed here."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cases.models import Case
from jiayi.admin import ReadOnlyAdmin, do_for_each, done
from wecom.inbound.routing import MAX_REASON, assign_held, dismiss_held
from wecom.kinds import kind_in_words
from wecom.models import InboundMessage


class HeldForm(ActionForm):
    """The fields beside the actions of the list: the case a held message goes to, or the reason to dismiss it."""

    case_number = forms.IntegerField(label=_("案件号"), required=False, min_value=1, max_value=2**31 - 1)
    dismissed_because = forms.CharField(label=_("不再处理的原因"), required=False, max_length=MAX_REASON)


class KindFilter(admin.AllValuesFieldListFilter):
    """A filter that shows WeCom's kinds of messages in words."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        every, *kinds = super().choices(changelist)
        yield every
        yield from ({**kind, "display": kind_in_words(str(kind["display"]))} for kind in kinds)


def being_fetched(count: int) -> str:
    """Return the sentence that so many pictures, voices and videos are fetched by the worker now."""
    text = ngettext("已开始重新下载 %d 项，结果稍后显示在这里。", "已开始重新下载 %d 项，结果稍后显示在这里。", count)
    return text % count


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    """The list of received messages, with the actions to assign a held one to a case and to dismiss one."""

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
        """Return the content of a held message, for the decision where it goes. A posted one is read in its case."""
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
        """Close held messages without posting them. The reason beside the action is kept on the row and in the log."""
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
