from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from advisors.models import Advisor
from advisors.presence import mark_active
from cases.actions import mark_read, post_message, recall_message
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.limits import keep_disk_free, limit_files, limit_posts, sent_before
from cases.live.typing import tell_typing
from cases.models import Case, Message
from cases.queries import case_for, list_cases, page_around, page_of_messages
from cases.serializers import CasesQuery, NewFile, NewMessage, PageQuery, ReadUpTo, message_json
from jiayi.errors import Gone, TooMany
from members.activity import note_member_active
from members.models import User
from members.requests import SignedInRequest

HOUR = 3600  # seconds


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
    """The page calls this every few seconds while its person writes a message."""

    def post(self, request: SignedInRequest, number: int) -> Response:
        case = case_for(request.user, number)
        note_activity(request.user)
        tell_typing(case, request.user)
        return Response(status=204)


class Active(APIView):
    """The page calls this while its person does something: moves the mouse, types, touches, scrolls."""

    def post(self, request: SignedInRequest) -> Response:
        note_activity(request.user)
        return Response(status=204)


class EventsElsewhere(APIView):
    """The live stream is served by jiayi/asgi.py; where only WSGI runs, the page asks by `?after=` instead."""

    def get(self, request: SignedInRequest) -> Response:
        return Response({"detail": _("此服务器不提供实时连接。")}, status=501)


def receive_file(
    request: HttpRequest, case: Case, user: User, file: UploadedFile, client_id: str
) -> tuple[Message, bool]:
    """Check a file that came with a request and post it, as post_file does.

    Raises what read_upload, post_file and limit_files do, and TooMany when this person tried UPLOADS_PER_HOUR already.
    A repetition of what was taken is neither counted nor read again.
    """
    if message := sent_before(case, user, client_id):
        return message, False
    keep_disk_free()
    limit_files(case, user, file.size or 0)
    if not ratelimit.consume(request, action="upload", user=user):
        too_many = _("一小时内最多发送 %d 个文件，请过一会儿再试。") % settings.UPLOADS_PER_HOUR
        raise TooMany(too_many, retry_after=HOUR)
    upload = read_upload(file, file.name or "")
    return post_file(case, user, upload, client_id=client_id)


def note_activity(user: User) -> None:
    """An advisor who does something on the website is present; a member has been back."""
    advisor = Advisor.objects.select_related("user").filter(user=user, status=Advisor.Status.APPROVED).first()
    if advisor is not None:
        mark_active(advisor)
    note_member_active(user)


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    validated: dict[str, Any] = serializer.validated_data
    return validated
