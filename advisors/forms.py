"""The forms of an advisor: signing up, and when they can be reached."""

from django import forms
from django.utils.translation import gettext_lazy as _

from advisors.models import LICENCE_TAKEN, Advisor, licence_validator
from jiayi.fields import LineFormField
from members.forms import RegistrationForm


class AdvisorRegistrationForm(RegistrationForm):
    licence_number = LineFormField(
        label=_("RCIC 执照号"),
        validators=[licence_validator],
        help_text=_("例如 R512345。管理员会在公开名册上核对。"),
        error_messages={"required": _("请填写 RCIC 执照号。")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )

    def check_taken(self) -> None:
        super().check_taken()
        licence = self.cleaned_data.get("licence_number")
        if licence and Advisor.objects.filter(licence_number__iexact=licence).exists():
            self.add_error("licence_number", LICENCE_TAKEN)


class AvailabilityForm(forms.ModelForm):
    """Settings of an advisor's own. That times come in pairs is a constraint of the database."""

    class Meta:
        model = Advisor
        fields = ("away", "hours_from", "hours_to", "quiet_from", "quiet_to", "plain_text")
        labels = {
            "away": _("我现在离开（会员的消息立即通过企业微信提醒我）"),
            "plain_text": _("企业微信里用文字提醒，不用卡片"),
        }
        help_texts = {
            "hours_from": _("工作时间以外，即使开着网页也按离开处理。留空表示不限。"),
            "quiet_from": _("免打扰时间内不直接提醒您，早上再发；群里照常通知。留空表示没有。"),
        }
        error_messages = {name: {"invalid": _("时间请写成 09:00 这样。")} for name in fields[1:5]}
        widgets = {name: forms.TimeInput(attrs={"type": "time"}) for name in fields[1:5]}
