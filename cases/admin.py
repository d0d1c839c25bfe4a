from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, reopen_case
from cases.models import Case


class CaseForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "advisor" in self.fields:
            working = Advisor.objects.filter(status=Advisor.Status.APPROVED, user__is_active=True)
            kept = Advisor.objects.filter(pk=self.instance.advisor_id)
            self.fields["advisor"].queryset = (working | kept).select_related("user")  # type: ignore[attr-defined]

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
    list_display = ("number", "title", "kind", "member", "advisor", "status", "waiting_since", "last_message_at")
    list_filter = (
        "status",
        "kind",
        ("advisor", admin.EmptyFieldListFilter),
        ("waiting_since", admin.EmptyFieldListFilter),
    )
    search_fields = ("=number", "title", "member__user__name", "member__user__email", "advisor__user__name")
    autocomplete_fields = ("member",)
    readonly_fields = ("number", "waiting_since", "last_message_at", "created_at")
    fields = ("number", "title", "kind", "member", "advisor", "status", *readonly_fields[1:])

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return super().get_queryset(request).select_related("member__user", "advisor__user")

    def get_readonly_fields(self, request: HttpRequest, obj: Case | None = None) -> Any:
        # A case never changes its member: that would hand one family's file to another.
        return (*self.readonly_fields, "member") if obj else (*self.readonly_fields, "status")

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Case, form: Any, change: bool) -> None:
        wanted, status = obj.advisor, obj.status
        if not change:
            opened = open_case(obj.member, obj.title, kind=obj.kind)
            obj.pk, obj.number = opened.pk, opened.number
            obj._state.adding = False
        elif {"title", "kind"} & set(form.changed_data):
            Case.objects.filter(pk=obj.pk).update(title=obj.title, kind=obj.kind)
        if wanted != Case.objects.select_related("advisor").get(pk=obj.pk).advisor:
            assign_advisor(obj, wanted, by=request.user)  # type: ignore[arg-type]
        if "status" in form.changed_data:
            (close_case if status == Case.Status.CLOSED else reopen_case)(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return False
