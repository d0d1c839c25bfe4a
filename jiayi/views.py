from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the process and its database answer, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database unreachable"}, status=503)
    return JsonResponse({"status": "ok"})


def not_found(request: HttpRequest) -> HttpResponse:
    """Stands where a library has a page that this site does not offer."""
    raise Http404


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it on pages that name no icon, like the admin's."""
    return redirect(static("img/favicon.svg"), permanent=True)
