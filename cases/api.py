"""The JSON API of cases and conversations: the list of cases, messages, recalls, read marks, typing, activity."""

from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from advisors.presence import note_activity
from cases.actions import mark_read, post_message, recall_message
from cases.files.receiving import receive_file
from cases.limits import limit_posts
from cases.live.typing import tell_typing
from cases.models import Message
from cases.queries import case_for, list_cases, page_around, page_of_messages
from cases.serializers import CasesQuery, NewFile, NewMessage, PageQuery, ReadUpTo, message_json
from jiayi.errors import Gone
from members.requests import SignedInRequest


class CaseList(APIView):
    def get(self, request: SignedInRequest) -> Response:
        query = _checked(CasesQuery(data=request.query_params))
        active, number = query["scope"] == "active", query.get("open")
        return Response(list_cases(request.user, active=active, number=number, limit=query.get("limit")))


class Messages(APIView):
    def get(self, request: SignedInRequest, number: int) -> Response:
        query = _checked(PageQuery(data=request.query_params))
        if len(query.keys() & {"after", "before", "around"}) > 1:
            raise ValidationError({"detail": _("after、before 和 around 只能用一个。")})
        case = case_for(request.user, number)
        more: dict[str, bool] = {}
        if "around" in query:
            messages, older, newer = page_around(case, query["around"], limit=query["limit"])
            has_more, more = older or newer, {"has_older": older, "has_newer": newer}
        else:
            messages, has_more = page_of_messages(case, **query)
        return Response(
            {"messages": [message_json(m, request.user.pk) for m in messages], "has_more": has_more, **more}
        )

    def post(self, request: SignedInRequest, number: int) -> Response:
        case = case_for(request.user, number)
        is_file = isinstance(request.data, QueryDict) and ("file" in request.data or "body" not in request.data)
        sent = _checked(NewFile(data=request.data) if is_file else NewMessage(data=request.data))
        limit_posts(case, request.user, sent["client_id"])
        note_activity(request.user)
        if is_file:
            message, created = receive_file(request._request, case, request.user, sent["file"], sent["client_id"])
        else:
            message, created = post_message(case, request.user, sent["body"], client_id=sent["client_id"])
        return Response(message_json(message, request.user.pk), status=201 if created else 200)


class Recall(APIView):
    def post(self, request: SignedInRequest, number: int, seq: int) -> Response:
        case = case_for(request.user, number)
        message = Message.objects.filter(case=case, seq=seq).first()
        if message is None:
            raise Gone(_("没有找到。"))
        recalled = recall_message(message, by=request.user)
        return Response(message_json(recalled, request.user.pk))


class Read(APIView):
    def post(self, request: SignedInRequest, number: int) -> Response:
        case = case_for(request.user, number)
        mark_read(case, request.user, _checked(ReadUpTo(data=request.data))["seq"])
        return Response(status=204)


class Typing(APIView):
    """Typing notice. The page sends one every few seconds while a message is being written."""

    def post(self, request: SignedInRequest, number: int) -> Response:
        case = case_for(request.user, number)
        note_activity(request.user)
        tell_typing(case, request.user)
        return Response(status=204)


class Active(APIView):
    """Sign of activity. The page sends one while the person moves the mouse, types, touches or scrolls."""

    def post(self, request: SignedInRequest) -> Response:
        note_activity(request.user)
        return Response(status=204)


class EventsElsewhere(APIView):
    """The live stream is served by jiayi/asgi.py; where only WSGI runs, the page asks by `?after=` instead."""

    def get(self, request: SignedInRequest) -> Response:
        return Response({"detail": _("此服务器不提供实时连接。")}, status=501)


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    validated: dict[str, Any] = serializer.validated_data
    return validated
