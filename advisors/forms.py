from django import forms
from django.utils.translation import gettext_lazy as _

from advisors.models import licence_validator
from members.forms import RegistrationForm


class AdvisorRegistrationForm(RegistrationForm):
    licence_number = forms.CharField(
        label=_("RCIC 执照号"),
        max_length=20,
        validators=[licence_validator],
        help_text=_("例如 R512345。管理员会在公开名册上核对。"),
    )
