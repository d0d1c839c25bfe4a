from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import MAX_BODY, Case


def fresh_client_id() -> str:
    return uuid4().hex


class MessageForm(forms.Form):
    """Writing without JavaScript; the page's script sends the same through the API."""

    body = forms.CharField(
        label=_("消息"), max_length=MAX_BODY, required=False, widget=forms.Textarea(attrs={"rows": 1})
    )
    # An empty file has a message of its own (cases.files).
    file = forms.FileField(label=_("文件"), required=False, allow_empty_file=True)
    client_id = forms.RegexField(r"\A[0-9A-Za-z_.:\-]{1,64}\Z", widget=forms.HiddenInput, initial=fresh_client_id)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned.get("body") and not cleaned.get("file"):
            self.add_error("body", _("消息不能为空。"))
        return cleaned


class NewCaseForm(forms.Form):
    title = forms.CharField(
        label=_("您想咨询什么？"), max_length=120, widget=forms.TextInput(attrs={"placeholder": _("例如：学签续签")})
    )
    kind = forms.ChoiceField(label=_("属于哪一类？"), choices=Case.Kind, initial=Case.Kind.OTHER, required=False)
    body = forms.CharField(label=_("请描述您的情况"), max_length=MAX_BODY, widget=forms.Textarea(attrs={"rows": 5}))
    client_id = forms.RegexField(r"\A[0-9A-Za-z_.:\-]{1,64}\Z", widget=forms.HiddenInput, initial=fresh_client_id)

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or Case.Kind.OTHER
