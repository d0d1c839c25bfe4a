import sys

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.templatetags.static import static

from jiayi import __version__
from jiayi.health import worker_state


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the process and its database answer, else 503; whether the delivery worker is at work; our version.

    A worker that is away is no reason to restart the web process, so it does not change the status code.
    """
    try:
        return JsonResponse({"status": "ok", "worker": worker_state(), "version": __version__})
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "database unreachable", "version": __version__}, status=503)


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for a mistake of ours (500), or for a database that is away or too busy for the moment (503)."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return HttpResponse(render_to_string("500.html"), status=503, headers={"Retry-After": "2"})
    return HttpResponse(render_to_string("500.html"), status=500)


def not_found(request: HttpRequest) -> HttpResponse:
    """Stands where a library has a page that this site does not offer."""
    raise Http404


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it on pages that name no icon, like the admin's."""
    return redirect(static("img/favicon.svg"), permanent=True)
