"""The forms of signing up and of one's own account."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from jiayi.fields import LineFormField
from members.models import User
from members.words import EMAIL_TAKEN, EMAIL_WORDS, MAX_EMAIL, NAME_WORDS, PASSWORD_HELP, PASSWORD_WORDS


class RegistrationForm(forms.Form):
    """The fields of every sign-up. The action checks them again; the form shows all errors at once."""

    name = LineFormField(
        label=_("姓名"),
        max_length=60,
        error_messages=NAME_WORDS,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("邮箱"),
        max_length=MAX_EMAIL,
        error_messages=EMAIL_WORDS,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=_("密码"),
        strip=False,
        max_length=200,
        help_text=PASSWORD_HELP,
        error_messages=PASSWORD_WORDS,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    is_taken = False  # there is an account with this address

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "password" in cleaned:
            person = User(name=cleaned.get("name", ""), email=cleaned.get("email", ""))
            try:
                validate_password(cleaned["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def check_taken(self) -> None:
        """Add errors for values that are taken. It reveals who has an account: call it within a rate limit only."""
        email = User.objects.normalize_email(self.cleaned_data.get("email"))
        if email and User.objects.filter(email=email).exists():
            self.add_error("email", EMAIL_TAKEN)
            self.is_taken = True


class ProfileForm(forms.Form):
    """The settings of one's own account; reminders are for members."""

    language = forms.ChoiceField(
        label=_("语言"),
        choices=settings.LANGUAGES,
        help_text=_("网页和给您的邮件都用这种语言。"),
        error_messages={"required": _("请选择语言。"), "invalid_choice": _("请从列表里选择语言。")},
    )
    email_reminders = forms.BooleanField(
        label=_("顾问回复后给我发邮件提醒"),
        required=False,
        help_text=_("回复过一会儿还没有读时才发，读过之前只发一封，邮件里没有回复的内容。"),
    )
