"""Views to compare the callback with: one INSERT, and the callback written by hand."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.bare.handwritten import callback
from benchmarks.bare.models import Row


@csrf_exempt
def insert(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        Row.objects.create(body=request.body.decode())
    return HttpResponse(b"ok", headers={"Content-Length": "2"})


urlpatterns = [path("insert", insert), path("api/wechat/receive", callback)]
