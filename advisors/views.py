from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from advisors.actions import apply_as_advisor
from advisors.forms import AdvisorRegistrationForm
from members.models import User
from members.views import registration


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def register_advisor(request: HttpRequest) -> HttpResponse:
    """Sign-up of an advisor, who then waits for an administrator's review."""

    def create(**fields: str) -> User:
        return apply_as_advisor(**fields).user

    return registration(request, AdvisorRegistrationForm, create, "advisors/register.html")
