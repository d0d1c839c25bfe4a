"""Pages for reading a case back, for its member and its follow-up advisor: its files, and all of it for printing."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from rest_framework import serializers

from cases.models import Attachment, Message
from cases.queries import case_for
from cases.record.queries import count_files, files_of, part_of_conversation
from cases.serializers import message_json
from members.models import User

Kind = Attachment.Kind


class FilesQuery(serializers.Serializer[None]):
    kind = serializers.ChoiceField(Kind.values, required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class PrintQuery(serializers.Serializer[None]):
    first = serializers.IntegerField(min_value=1, max_value=2**31 - 1, default=1)


@login_required
@require_GET
def files_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show the files of a case, newest first, all or those of one kind. Seven queries, however many there are."""
    user = cast(User, request.user)
    case = case_for(user, number)
    asked = _asked(FilesQuery(data=request.GET))
    messages, has_older = files_of(case, **asked)
    context = {
        "case": case,
        "files": [_shown(message, user) for message in messages],
        "older": messages[-1].seq if has_older else None,
        "kind": asked.get("kind", ""),
        "kinds": _kinds(count_files(case)),
    }
    return render(request, "cases/files.html", context)


def _kinds(counted: dict[str, int]) -> list[dict[str, Any]]:
    labels = {Kind.IMAGE: _("图片"), Kind.FILE: _("文档"), Kind.AUDIO: _("音频"), Kind.VIDEO: _("视频")}
    every = {"kind": "", "label": _("全部"), "count": sum(counted.values())}
    return [every, *({"kind": kind.value, "label": labels[kind], "count": counted[kind]} for kind in labels)]


@login_required
@require_GET
def print_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show the whole conversation of one case, to be printed or saved; a very long one in parts."""
    user = cast(User, request.user)
    case = case_for(user, number)
    asked = _asked(PrintQuery(data=request.GET))
    messages, more = part_of_conversation(case, **asked)
    if not messages and asked["first"] > 1:
        raise Http404
    began = case.messages.order_by("seq").values_list("created_at", flat=True).first()
    context = {
        "case": case,
        "conversation": [_shown(message, user) for message in messages],
        "began": began,
        "next": messages[-1].seq + 1 if more else None,
        "is_part": more or bool(messages and messages[0].seq > 1),
        "printed_at": timezone.now(),
    }
    return render(request, "cases/print.html", context)


def _asked(query: Any) -> dict[str, Any]:
    if not query.is_valid():
        raise Http404
    asked: dict[str, Any] = query.validated_data
    return asked


def _shown(message: Message, user: User) -> dict[str, Any]:
    """Return a message as in the API, with its time and day in the practice's time zone, for templates."""
    time = timezone.localtime(message.created_at)
    return {**message_json(message, user.pk), "time": time, "day": time.date()}
