import re

from django.conf import settings
from django.http import HttpRequest

from jiayi import __version__


def site(request: HttpRequest) -> dict[str, object]:
    """What every page knows: whether this is a trial run with the sandbox, how to reach the practice, our version."""
    contact = {
        "email": settings.CONTACT_EMAIL,
        "phone": settings.CONTACT_PHONE,
        "tel": re.sub(r"[^+0-9]", "", settings.CONTACT_PHONE or ""),
        "privacy": settings.PRIVACY_URL,
        "terms": settings.TERMS_URL,
    }
    return {"sandbox": settings.WECOM_SANDBOX and settings.DEBUG, "contact": contact, "version": __version__}
