"""The JSON API of the advisor's desk. Whoever is not the case's follow-up advisor gets 404."""

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from advisors.models import Advisor
from advisors.presence import note_activity
from cases.actions import close_case, reopen_case
from cases.desk.actions import hand_over_case, write_note
from cases.desk.queries import followed_case, note_json, page_of_notes, possible_successors, replies_for
from cases.models import Case
from cases.models.desk import MAX_NOTE, MAX_REASON
from cases.serializers import FromClient, NotesQuery
from jiayi.errors import Conflict
from members.requests import SignedInRequest


class NewNote(FromClient):
    body = serializers.CharField(max_length=MAX_NOTE)


class NewHandOver(serializers.Serializer[None]):
    advisor = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    reason = serializers.CharField(max_length=MAX_REASON)


class Notes(APIView):
    def get(self, request: SignedInRequest, number: int) -> Response:
        case = followed_case(request.user, number)
        query = NotesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        notes, has_more = page_of_notes(case, **query.validated_data)
        return Response({"notes": [note_json(note, request.user.pk) for note in notes], "has_more": has_more})

    def post(self, request: SignedInRequest, number: int) -> Response:
        case = followed_case(request.user, number)
        sent = NewNote(data=request.data)
        sent.is_valid(raise_exception=True)
        note_activity(request.user)
        note, created = write_note(case, request.user, **sent.validated_data)
        return Response(note_json(note, request.user.pk), status=201 if created else 200)


class HandOver(APIView):
    """GET lists whom the case can be handed over to, POST hands it over."""

    def get(self, request: SignedInRequest, number: int) -> Response:
        case = followed_case(request.user, number)
        return Response([{"id": one.pk, "name": one.user.name} for one in possible_successors(case)])

    def post(self, request: SignedInRequest, number: int) -> Response:
        case = followed_case(request.user, number)
        sent = NewHandOver(data=request.data)
        sent.is_valid(raise_exception=True)
        note_activity(request.user)
        to = Advisor.objects.filter(pk=sent.validated_data["advisor"]).first()
        if to is None:
            raise Conflict(_("只能指派已通过审核且启用的顾问。"))
        case = hand_over_case(case, to, by=request.user, reason=sent.validated_data["reason"])
        return Response({"advisor": {"name": to.user.name}})


class Close(APIView):
    def post(self, request: SignedInRequest, number: int) -> Response:
        case = close_case(followed_case(request.user, number), by=request.user)
        return _status(case)


class Reopen(APIView):
    def post(self, request: SignedInRequest, number: int) -> Response:
        case = reopen_case(followed_case(request.user, number), by=request.user)
        return _status(case)


class Replies(APIView):
    """The canned replies that can be inserted into this case, filled in."""

    def get(self, request: SignedInRequest, number: int) -> Response:
        return Response(replies_for(followed_case(request.user, number)))


def _status(case: Case) -> Response:
    return Response({"number": case.number, "status": case.status})
