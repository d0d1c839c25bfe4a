"""The forms of the advisor's desk: a note, a hand-over, a canned reply."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from advisors.models import Advisor
from cases.desk.queries import possible_successors
from cases.forms import ClientIdField
from cases.models import Case
from cases.models.desk import MAX_NOTE, MAX_REASON, MAX_REPLY
from jiayi.fields import LineFormField, TextFormField

TOO_LONG = _("最长 %(limit_value)d 个字，现在是 %(show_value)d 个字。")


class NoteForm(forms.Form):
    body = TextFormField(
        label=_("内部备注"),
        max_length=MAX_NOTE,
        error_messages={"required": _("请写下内容。"), "max_length": TOO_LONG},
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    client_id = ClientIdField()


class AdvisorChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Advisor) -> str:
        return obj.user.name  # and nothing else of a colleague


class HandOverForm(forms.Form):
    advisor = AdvisorChoice(
        label=_("接手的顾问"),
        queryset=Advisor.objects.none(),
        empty_label=_("请选择顾问"),
        error_messages={"required": _("请选择接手的顾问。"), "invalid_choice": _("请从列表里选择顾问。")},
    )
    reason = TextFormField(
        label=_("移交原因（会员看不到）"),
        max_length=MAX_REASON,
        error_messages={"required": _("请写下移交原因。"), "max_length": TOO_LONG},
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, case: Case, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["advisor"].queryset = possible_successors(case)  # type: ignore[attr-defined]


class ReplyForm(forms.Form):
    """A canned reply. save_reply checks it in full."""

    shortcut = LineFormField(
        label=_("快捷词"),
        max_length=20,
        help_text=_("在输入框里打 / 和这个词的开头。"),
        error_messages={"required": _("请填写快捷词。"), "max_length": TOO_LONG},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    body = TextFormField(
        label=_("内容"),
        max_length=MAX_REPLY,
        error_messages={"required": _("请填写内容。"), "max_length": TOO_LONG},
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("{会员}、{案件号}、{顾问} 或 {member}、{case}、{advisor} 会换成当时的姓名和案件号。"),
    )
