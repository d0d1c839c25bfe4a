from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """What every page knows: whether this is a trial run with the WeCom sandbox."""
    return {"sandbox": settings.WECOM_SANDBOX and settings.DEBUG}
