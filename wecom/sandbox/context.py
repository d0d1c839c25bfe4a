"""What the sandbox adds to every page: the strip that says this is a trial run, and leads to the sandbox."""

from django.conf import settings
from django.http import HttpRequest


def strip(request: HttpRequest) -> dict[str, object]:
    """Have base.html show the strip, with DEBUG on. A context processor; the settings install it with the sandbox."""
    return {"sandbox": settings.WECOM_SANDBOX and settings.DEBUG}
