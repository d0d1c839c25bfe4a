"""Endpoints of https://qyapi.weixin.qq.com that the site uses: HTTP 200 always, an errcode as result (DOC 90313)."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from wecom.sandbox import app, robot
from wecom.sandbox.refusals import ApiRefusal, read_json
from wecom.sandbox.views import View, on_this_machine

Endpoint = Callable[[HttpRequest], dict[str, Any] | HttpResponse]


def _endpoint(method: str) -> Callable[[Endpoint], View]:
    """Return a decorator that makes a view of a function which gives WeCom's answer or raises ApiRefusal."""

    def decorate(answer: Endpoint) -> View:
        @csrf_exempt
        @on_this_machine
        def view(request: HttpRequest) -> HttpResponse:
            try:
                if request.method != method:
                    raise ApiRefusal(43001 if method == "GET" else 43002, f"require {method} method")
                given = answer(request)
            except RequestDataTooBig:
                given = ApiRefusal(40206, "request body too large").answer()
            except ApiRefusal as refusal:
                given = refusal.answer()
            return JsonResponse(given) if isinstance(given, dict) else given

        return view

    return decorate


@_endpoint("POST")
def webhook_send(request: HttpRequest) -> dict[str, Any]:
    """POST /cgi-bin/webhook/send?key= (DOC 99110)."""
    return robot.receive(request.GET.get("key", ""), request.body)


@_endpoint("GET")
def gettoken(request: HttpRequest) -> dict[str, Any]:
    """GET /cgi-bin/gettoken?corpid=&corpsecret= (DOC 91039)."""
    return app.give_token(request.GET.get("corpid", ""), request.GET.get("corpsecret", ""))


@_endpoint("GET")
def agent_get(request: HttpRequest) -> dict[str, Any]:
    """GET /cgi-bin/agent/get?access_token=&agentid= (DOC 90227)."""
    app.check_token(request.GET.get("access_token", ""))
    return app.describe(request.GET.get("agentid", ""))


@_endpoint("POST")
def message_send(request: HttpRequest) -> dict[str, Any]:
    """POST /cgi-bin/message/send?access_token= (DOC 90236)."""
    app.check_token(request.GET.get("access_token", ""))
    return app.send(read_json(request.body))


@_endpoint("POST")
def update_template_card(request: HttpRequest) -> dict[str, Any]:
    """POST /cgi-bin/message/update_template_card?access_token= (DOC 94888)."""
    app.check_token(request.GET.get("access_token", ""))
    return app.update_card(read_json(request.body))


@_endpoint("GET")
def media_get(request: HttpRequest) -> HttpResponse:
    """GET /cgi-bin/media/get?access_token=&media_id= (DOC 90254): the file, or JSON with an errcode."""
    app.check_token(request.GET.get("access_token", ""))
    medium = app.fetch(request.GET.get("media_id", ""))
    disposition = f'attachment; filename="{medium.filename}"'
    headers = {"Content-Type": medium.content_type, "Content-Disposition": disposition}
    return HttpResponse(medium.content, headers=headers)
