"""The forms of the message page: a message, and a member's new case."""

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import CLIENT_ID, MAX_BODY, Case
from jiayi.fields import LineFormField, TextFormField


class ClientIdField(forms.RegexField):
    """The hidden `client_id` of a form, another one each time it is shown: sent twice, a form writes once."""

    widget = forms.HiddenInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(CLIENT_ID, initial=lambda: uuid4().hex, **kwargs)


class MessageForm(forms.Form):
    """A message, written without JavaScript; the page's script sends the same through the API."""

    body = TextFormField(label=_("消息"), required=False, widget=forms.Textarea(attrs={"rows": 1}))
    # An empty file has a message of its own (cases.files.uploads).
    file = forms.FileField(label=_("文件"), required=False, allow_empty_file=True)
    client_id = ClientIdField()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned.get("body") and not cleaned.get("file"):
            self.add_error("body", _("消息不能为空。"))
        return cleaned


class NewCaseForm(forms.Form):
    title = LineFormField(
        label=_("您想咨询什么？"),
        max_length=120,
        help_text=_("几个字就好，例如：学签续签。"),
        error_messages={
            "required": _("请用几个字写下您想咨询什么。"),
            "max_length": _("标题最长 %(limit_value)d 个字，现在是 %(show_value)d 个字；细节请写在下面。"),
            "null_characters_not_allowed": _("标题里有不能用的字符，请重新输入。"),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    kind = forms.ChoiceField(
        label=_("属于哪一类？"),
        choices=Case.Kind,
        initial=Case.Kind.OTHER,
        required=False,
        error_messages={"invalid_choice": _("请从列表里选择类别。")},
    )
    body = TextFormField(
        label=_("请描述您的情况"),
        max_length=MAX_BODY,
        error_messages={
            "required": _("请写下您的情况。"),
            "max_length": _("最长 %(limit_value)d 个字，现在是 %(show_value)d 个字。其余的请在下一条消息里发。"),
            "null_characters_not_allowed": _("内容里有不能用的字符，请重新输入。"),
        },
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    client_id = ClientIdField()

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or Case.Kind.OTHER
