from django import forms
from django.utils.translation import gettext_lazy as _


class RegistrationForm(forms.Form):
    """What every sign-up asks for. The rules about address and password are checked by the action."""

    name = forms.CharField(label=_("姓名"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label=_("邮箱"), widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = forms.CharField(
        label=_("密码"),
        strip=False,
        max_length=200,
        help_text=_("至少 10 个字符，不要只用常见的词。"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
