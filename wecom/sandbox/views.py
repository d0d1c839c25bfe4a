"""The sandbox page and its JSON. For this machine only, whatever the server listens on."""

import dataclasses
import functools
import ipaddress
import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from advisors.models import wecom_userid_validator
from jiayi.errors import Conflict, Gone, InvalidInput, Refused
from wecom.sandbox import doings
from wecom.sandbox.callback import Result, keys
from wecom.sandbox.colleagues import colleagues
from wecom.sandbox.media import make_medium
from wecom.sandbox.models import SandboxMessage
from wecom.sandbox.presentation import shown_message
from wecom.sandbox.robot import own_address

View = Callable[..., HttpResponse]
_STATUS = {InvalidInput: 400, Gone: 404, Conflict: 409}


def on_this_machine(view: View) -> View:
    """Let only requests through that come from loopback, and not through a proxy or a tunnel; others get 404."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        forwarded = "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META
        if forwarded or not _is_loopback(request.META.get("REMOTE_ADDR", "")):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@on_this_machine
def page(request: HttpRequest) -> HttpResponse:
    """Show the two chats."""
    return render(
        request,
        "sandbox/page.html",
        {
            "app_name": settings.WECHAT_APP_NAME or _("佳忆顾问"),
            "colleagues": colleagues(),
            "callback_ready": _callback_ready(),
            "robot_ready": _robot_ready(),
            "app_ready": bool(settings.WECHAT_APP_SECRET and settings.WECHAT_AGENT_ID),
        },
    )


@require_GET
@on_this_machine
def state(request: HttpRequest) -> JsonResponse:
    """Give for `?since=<id>` the lines after it, and the colleagues. `reset` when that id is not of this database."""
    newest = SandboxMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    since = request.GET.get("since", "0")
    known = int(since) if since.isascii() and since.isdigit() and len(since) < 16 else 0
    reset = known > newest
    people = colleagues()
    rows = SandboxMessage.objects.filter(pk__gt=0 if reset else known).order_by("pk")
    return JsonResponse(
        {
            "messages": [shown_message(row, people) for row in rows],
            "colleagues": [dataclasses.asdict(colleague) for colleague in people],
            "reset": reset,
        }
    )


@require_POST
@on_this_machine
def say(request: HttpRequest) -> JsonResponse:
    """{"userid", "text"} → {"status", "reply", "ms", "deliveries", "problem", "body"}."""
    return _answer(request, lambda data: doings.say(_userid(data), _field(data, "text")))


@require_POST
@on_this_machine
def event(request: HttpRequest) -> JsonResponse:
    """{"userid", "event"} → as say; a card's button: {"userid", "event": "press", "message": id, "key"}."""
    return _answer(request, _event)


@require_GET
@on_this_machine
def image(request: HttpRequest) -> HttpResponse:
    """Give the picture that PicUrl of an image message points at."""
    medium = make_medium("image")
    return HttpResponse(medium.content, content_type=medium.content_type)


def _event(data: dict[str, Any]) -> Result:
    if _field(data, "event") != "press":
        return doings.act(_userid(data), _field(data, "event"))
    message = data.get("message")
    if type(message) is not int or not 0 < message < 2**63:
        raise InvalidInput(_("请求格式不正确。"))
    return doings.press(_userid(data), message, _field(data, "key"))


def _answer(request: HttpRequest, do: Callable[[dict[str, Any]], Result]) -> JsonResponse:
    try:
        return JsonResponse(dataclasses.asdict(do(_json(request))))
    except Refused as refused:
        return JsonResponse({"detail": refused.message}, status=_STATUS[type(refused)])


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InvalidInput(_("请求格式不正确。"))
    return data


def _field(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise InvalidInput(_("请求格式不正确。"))
    return value


def _userid(data: dict[str, Any]) -> str:
    userid = _field(data, "userid").strip()
    try:
        wecom_userid_validator(userid)
    except ValidationError as invalid:
        raise InvalidInput(str(invalid.messages[0])) from None
    return userid


def _robot_ready() -> bool:
    address = own_address()
    return address is not None and address.base.endswith("/sandbox")


def _callback_ready() -> bool:
    try:
        keys()
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback
