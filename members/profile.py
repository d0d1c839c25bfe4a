"""The page of one's own account, and the page behind the link that switches e-mail reminders off."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from members.actions import set_language, set_reminders
from members.forms import ProfileForm
from members.models import Member
from members.reminders import member_of


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show name and address; let the language and, for members, e-mail reminders be changed."""
    member: Member | None = getattr(request.user, "member", None)
    initial = {"language": get_language(), "email_reminders": member is not None and member.email_reminders}
    form = ProfileForm(request.POST or None, initial=initial)
    if member is None:
        del form.fields["email_reminders"]
    if request.method == "POST" and form.is_valid():
        language = form.cleaned_data["language"]
        if member is not None:
            set_language(member, language)
            set_reminders(member, on=form.cleaned_data["email_reminders"])
        with override(language):
            messages.success(request, _("已保存。"))
        return _in_language(redirect("profile"), language)
    return render(request, "members/profile.html", {"form": form}, status=400 if form.errors else 200)


def _in_language(response: HttpResponse, language: str) -> HttpResponse:
    """Set the cookie that the language switch sets, with the settings Django's own view uses."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # a plain str in the settings
    )
    return response


# Mail programs send the POST themselves, from elsewhere (RFC 8058). It can do nothing but switch reminders off.
@csrf_exempt
@require_http_methods(["GET", "POST"])
def reminders_off(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, and on POST switch a member's reminders off. A GET changes nothing: mail programs open links."""
    member = member_of(token)
    if member is None:
        raise Http404
    if request.method == "POST":
        set_reminders(member, on=False)
    return render(request, "members/reminders_off.html", {"done": request.method == "POST"})
