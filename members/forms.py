from django import forms
from django.conf import settings
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


class ProfileForm(forms.Form):
    """What somebody sets about their own account; reminders are for members."""

    language = forms.ChoiceField(
        label=_("语言"), choices=settings.LANGUAGES, help_text=_("网页和给您的邮件都用这种语言。")
    )
    email_reminders = forms.BooleanField(
        label=_("顾问回复后给我发邮件提醒"),
        required=False,
        help_text=_("回复过一会儿还没有读时才发，读过之前只发一封，邮件里没有回复的内容。"),
    )
