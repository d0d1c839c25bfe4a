"""The landing page, signing up and signing out."""

from collections.abc import Callable

from allauth.account.views import logout
from allauth.core import ratelimit
from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from members.actions import register_member
from members.forms import RegistrationForm
from members.models import User


def landing(request: HttpRequest) -> HttpResponse:
    """Show what this site is, with links to sign in and to sign up."""
    return render(request, "landing.html")


def registration(
    request: HttpRequest, form_class: type[RegistrationForm], create: Callable[..., User], template: str
) -> HttpResponse:
    """Show or take a sign-up form; `create` gets its fields and returns the new account, which is signed in.

    Everything that is wrong is told in one round, beside its field, also what a ValidationError of `create` names.
    """
    if request.user.is_authenticated:
        return redirect("messages")
    form = form_class(request.POST or None)
    if form.is_bound and (form.is_valid() or "email" in form.cleaned_data):
        # It reveals whether an address has an account, so it counts as a sign-up.
        if ratelimit.consume(request, action="register"):
            form.check_taken()
        elif form.is_valid():
            form.add_error(None, _("注册次数过多，请一小时后再试。"))
            return render(request, template, {"form": form}, status=429)
    if form.is_bound and form.is_valid():
        try:
            user = create(**form.cleaned_data)
        except ValidationError as error:
            _show(form, error)
        else:
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            return redirect("messages")
    return render(request, template, {"form": form}, status=400 if form.errors else 200)


def _show(form: RegistrationForm, error: ValidationError) -> None:
    """Show each complaint beside the field it is about; those of the password have no field name."""
    by_field = error.message_dict if hasattr(error, "error_dict") else {"password": error.messages}
    for field, complaints in by_field.items():
        for complaint in complaints:
            form.add_error(field if field in form.fields else None, complaint)


@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out as allauth does, and have the browser delete what the site stored, except cookies (the language)."""
    # Not when signed out already: the page keeps unsent messages until the person is back.
    was_signed_in = request.user.is_authenticated
    response: HttpResponse = logout(request)
    if request.method == "POST" and was_signed_in and not request.user.is_authenticated:
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Sign a member up."""

    def create(**fields: str) -> User:
        return register_member(**fields).user

    return registration(request, RegistrationForm, create, "members/register.html")
