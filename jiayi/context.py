"""The context processor of every page."""

import re

from django.conf import settings
from django.http import HttpRequest

from jiayi import __version__


def site(request: HttpRequest) -> dict[str, object]:
    """Return what every page shows: how to reach the practice, and our version. A context processor."""
    contact = {
        "email": settings.CONTACT_EMAIL,
        "phone": settings.CONTACT_PHONE,
        "tel": re.sub(r"[^+0-9]", "", settings.CONTACT_PHONE or ""),
        "privacy": settings.PRIVACY_URL,
        "terms": settings.TERMS_URL,
    }
    return {"contact": contact, "version": __version__}
