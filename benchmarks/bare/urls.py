"""A bare Django view with one INSERT, to compare the callback with."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.bare.models import Row


@csrf_exempt
def insert(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        Row.objects.create(body=request.body.decode())
    return HttpResponse(b"ok", headers={"Content-Length": "2"})


urlpatterns = [path("insert", insert)]
