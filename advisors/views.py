"""The pages of an advisor: signing up, and when they can be reached."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from advisors.actions import apply_as_advisor, set_availability
from advisors.forms import AdvisorRegistrationForm, AvailabilityForm
from advisors.queries import working_advisor
from members.models import User
from members.views import registration


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def register_advisor(request: HttpRequest) -> HttpResponse:
    """Sign an advisor up, who then waits for an administrator's review."""

    def create(**fields: str) -> User:
        return apply_as_advisor(**fields).user

    return registration(request, AdvisorRegistrationForm, create, "advisors/register.html")


@login_required
@require_http_methods(["GET", "POST"])
def availability(request: HttpRequest) -> HttpResponse:
    """Show and save an advisor's settings: away, working hours, quiet hours, plain text."""
    advisor = working_advisor(cast(User, request.user))
    form = AvailabilityForm(request.POST or None, instance=advisor)
    if request.method == "POST" and form.is_valid():
        set_availability(advisor, **form.cleaned_data)
        messages.success(request, _("已保存。"))
        return redirect("availability")
    return render(request, "advisors/availability.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_POST
def switch_away(request: HttpRequest) -> HttpResponse:
    """Switch "away" on or off (`away` is "yes" or "no") and return to the page with the button."""
    advisor = working_advisor(cast(User, request.user))
    set_availability(advisor, away=request.POST.get("away") == "yes")
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, {request.get_host()}):
        return HttpResponseRedirect(back)  # redirect() would look for a view of that name, and break off
    return redirect("messages")
