"""Pages and answers that belong to no app: health, errors, the icon."""

import sys

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.templatetags.static import static

from jiayi import __version__
from jiayi.health import worker_state


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when process and database work, else 503, with the state of the delivery worker and our version.

    A worker that is away is no reason to restart the web process, so it does not change the status code.
    """
    try:
        return JsonResponse({"status": "ok", "worker": worker_state(), "version": __version__})
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "database unreachable", "version": __version__}, status=503)


def server_error(request: HttpRequest) -> HttpResponse:
    """Show the page for an error of ours (500), or for a database that is unavailable or too busy (503)."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return HttpResponse(render_to_string("500.html"), status=503, headers={"Retry-After": "2"})
    return HttpResponse(render_to_string("500.html"), status=500)


def not_found(request: HttpRequest) -> HttpResponse:
    """Answer 404 in the place of a library's page that this site does not offer."""
    raise Http404


def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon: browsers ask for this address on pages that name none, like the admin's."""
    return redirect(static("img/favicon.svg"), permanent=True)
