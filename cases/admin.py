"""The admin pages of cases, files, notes and shared canned replies."""

import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, reopen_case
from cases.files.scanning import scan_again
from cases.models import Attachment, CannedReply, Case, Note
from jiayi.admin import ReadOnlyAdmin, do_for_each


class CaseForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "advisor" in self.fields:
            working = Advisor.objects.working()
            kept = Advisor.objects.filter(pk=self.instance.advisor_id)
            self.fields["advisor"].queryset = (working | kept).select_related("user")  # type: ignore[attr-defined]

        # What the page showed goes along: one left open for an hour must not undo a hand-over since.
        for name in {"advisor", "status"} & set(self.fields):
            self.fields[name].show_hidden_initial = True
        if "kind" in self.fields:
            self.fields["kind"].required = False  # a page that was opened before there were kinds has none

    def clean_kind(self) -> str:
        return str(self.cleaned_data["kind"] or self.instance.kind)

    def clean_advisor(self) -> Advisor | None:
        advisor: Advisor | None = self.cleaned_data["advisor"]
        if advisor is not None and advisor.pk != self.instance.advisor_id and not advisor.may_work:
            raise forms.ValidationError(_("只能指派已通过审核且启用的顾问。"))
        return advisor


@admin.register(Case)
class CaseAdmin(admin.ModelAdmin):
    """Cases with their follow-up advisor. The conversation itself is not shown here."""

    form = CaseForm
    list_display = ("number", "title", "kind", "member", "advisor", "status", "waits_since", "last_message_at")
    list_filter = (
        "status",
        "kind",
        ("advisor", admin.EmptyFieldListFilter),
        ("waiting_since", admin.EmptyFieldListFilter),
    )
    search_fields = ("=number", "title", "member__user__name", "member__user__email", "advisor__user__name")
    autocomplete_fields = ("member",)
    readonly_fields = ("number", "waits_since", "last_message_at", "created_at")
    fields = ("number", "title", "kind", "member", "advisor", "status", *readonly_fields[1:])
    fields_of_a_new_one = ("title", "kind", "member", "advisor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return super().get_queryset(request).select_related("member__user", "advisor__user")

    @admin.display(description=_("等待回复自"), ordering="waiting_since")
    def waits_since(self, case: Case) -> str:
        # As text: of what a function returns, the detail page shows Python's own words (None, a time in UTC).
        return display_for_value(case.waits_since, "—")

    def get_fields(self, request: HttpRequest, obj: Case | None = None) -> Any:
        return self.fields if obj else self.fields_of_a_new_one

    def get_readonly_fields(self, request: HttpRequest, obj: Case | None = None) -> Any:
        # A case never changes its member: that would hand one family's file to another.
        return (*self.readonly_fields, "member") if obj else self.readonly_fields

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Case, form: Any, change: bool) -> None:
        wanted, status, changed = obj.advisor, obj.status, set(form.changed_data)
        if not change:
            opened = open_case(obj.member, obj.title, kind=obj.kind)
            obj.pk, obj.number = opened.pk, opened.number
            obj._state.adding = False
        # First what locks the advisor, then what locks the case: the order of cases.actions.
        if "advisor" in changed and wanted != Case.objects.select_related("advisor").get(pk=obj.pk).advisor:
            assign_advisor(obj, wanted, by=request.user)  # type: ignore[arg-type]
        if "status" in changed:
            (close_case if status == Case.Status.CLOSED else reopen_case)(obj, by=request.user)  # type: ignore[arg-type]
        if change and {"title", "kind"} & changed:
            Case.objects.filter(pk=obj.pk).update(title=obj.title, kind=obj.kind)

    def has_delete_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return False


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    """Files with the scanner's verdict, without their names and bytes, which are confidential."""

    list_display = ("message", "kind", "size", "state", "finding", "sent_at")
    list_filter = ("state",)
    list_select_related = ("message__case",)
    search_fields = ("=message__case__number", "=sha256")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("message", "kind", "content_format", "size", "digest", "state", "finding", "scan_due_at")
    actions = ("scan_again",)

    @admin.display(description=_("时间"))
    def sent_at(self, attachment: Attachment) -> Any:
        return attachment.message.created_at

    @admin.display(description=_("格式"))
    def content_format(self, attachment: Attachment) -> str:
        return attachment.content_type

    @admin.display(description=_("校验值（SHA-256）"))
    def digest(self, attachment: Attachment) -> str:
        return attachment.sha256

    @admin.action(description=_("重新做安全检查"), permissions=["operate"])
    def scan_again(self, request: HttpRequest, queryset: QuerySet[Attachment]) -> None:
        if settings.CLAMD_URL is None:
            self.message_user(request, _("没有配置扫描器（CLAMD_URL）。"), level="warning")
            return
        files = queryset.select_related("message__case__member", "message__case__advisor")
        do_for_each(request, files, scan_again, lambda nothing: being_scanned)


def being_scanned(count: int) -> str:
    """Say of how many files the scanner is asked again."""
    said = ngettext("已开始重新检查 %d 项，结果稍后显示在这里。", "已开始重新检查 %d 项，结果稍后显示在这里。", count)
    return said % count


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    """Internal notes and hand-overs: author, case and time. Their text is confidential, like all conversations."""

    list_display = ("case", "author", "handed_to", "created_at")
    list_filter = (("handed_to", admin.EmptyFieldListFilter),)
    search_fields = ("=case__number", "author__name")
    fields = ("case", "author", "handed_to", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Note]:
        notes = super().get_queryset(request).select_related("case", "author", "handed_to__user")
        return notes.order_by("-pk")


class SharedReplyForm(forms.ModelForm):
    def clean_shortcut(self) -> str:
        # The database's rule speaks of the owner, whom this form does not have: Django leaves it out here.
        shortcut = unicodedata.normalize("NFKC", self.cleaned_data["shortcut"])
        if CannedReply.objects.filter(owner=None, shortcut__iexact=shortcut).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("已有一条这个快捷词的共用回复（不区分大小写）。"))
        return shortcut


@admin.register(CannedReply)
class CannedReplyAdmin(admin.ModelAdmin):
    """The canned replies that all advisors share. Those of one advisor are not shown."""

    form = SharedReplyForm
    list_display = ("shortcut", "body")
    search_fields = ("shortcut", "body")
    fields = ("shortcut", "body")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CannedReply]:
        return super().get_queryset(request).filter(owner=None)
