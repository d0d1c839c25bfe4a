"""allauth's forms with our labels and words (settings ACCOUNT_FORMS, MFA_FORMS). What they check stays allauth's."""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from members.words import CODE_WORDS, EMAIL_WORDS, MAX_EMAIL, PASSWORD_HELP, PASSWORD_WORDS

PASSWORDS_DIFFER = _("两次输入的密码不一样，请再输入一次。")


def speak(field: forms.Field, label: Any, words: dict[str, Any], **attributes: Any) -> None:
    """Give a field of allauth's our label and words. What would stand in it as a hint says no more than the label."""
    field.label = label
    field.error_messages = {**field.error_messages, **words}
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs.update(attributes)


def required(what: Any) -> dict[str, Any]:
    return {**PASSWORD_WORDS, "required": what}


class LoginForm(account.LoginForm):
    """The sign-in form. Sent with an address but without the password field, it shows the address and no error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        data = kwargs.get("data")
        if data is not None and "login" in data and "password" not in data:
            kwargs |= {"data": None, "files": None, "initial": {"login": data["login"]}}
        super().__init__(*args, **kwargs)
        speak(self.fields["login"], _("邮箱"), EMAIL_WORDS, autocomplete="username")
        speak(self.fields["password"], _("密码"), PASSWORD_WORDS)
        begin = "password" if self.initial.get("login") else "login"
        if not self.is_bound:
            self.fields[begin].widget.attrs["autofocus"] = True

    def clean(self) -> dict[str, Any] | None:
        """Show an error about address and password together at the password, where one goes on typing."""
        try:
            cleaned: dict[str, Any] | None = super().clean()
        except ValidationError as error:
            self.add_error("password", error)
            cleaned = self.cleaned_data
        return cleaned


class ResetPasswordForm(account.ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As of an account: allauth would take longer ones, which no account and no mail has.
        self.fields["email"].validators.append(MaxLengthValidator(MAX_EMAIL))
        speak(self.fields["email"], _("邮箱"), EMAIL_WORDS, autocomplete="username", autofocus=not self.is_bound)


class NewPasswordMixin:
    """Base of the forms that ask for a new password twice."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        speak(self.fields["password1"], _("新密码"), required(_("请填写新密码。")))
        self.fields["password1"].help_text = PASSWORD_HELP
        speak(self.fields["password2"], _("再输入一次新密码"), required(_("请再输入一次新密码。")))

    def add_error(self, field: str | None, error: Any) -> None:
        # allauth says so with a bare text, only at this field.
        differ = field == "password2" and not isinstance(error, ValidationError)
        super().add_error(field, PASSWORDS_DIFFER if differ else error)  # type: ignore[misc]


class ResetPasswordKeyForm(NewPasswordMixin, account.ResetPasswordKeyForm):
    pass


class ChangePasswordForm(NewPasswordMixin, account.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        speak(self.fields["oldpassword"], _("当前密码"), required(_("请填写当前密码。")))


class ReauthenticateForm(account.ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        speak(self.fields["password"], _("密码"), PASSWORD_WORDS, autofocus=True)


class CodeMixin:
    """Base of the forms that ask for the code of a second factor."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        speak(self.fields["code"], _("验证码"), CODE_WORDS, autofocus=True)


class AuthenticateForm(CodeMixin, mfa.AuthenticateForm):
    pass


class ReauthenticateCodeForm(CodeMixin, mfa.ReauthenticateForm):
    pass


class ActivateTOTPForm(CodeMixin, totp.ActivateTOTPForm):
    pass
