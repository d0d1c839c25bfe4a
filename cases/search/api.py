"""The JSON API of the search."""

from rest_framework.response import Response
from rest_framework.views import APIView

from cases.search.answers import search_answer
from cases.search.serializers import SearchQuery
from members.requests import SignedInRequest


class Search(APIView):
    def get(self, request: SignedInRequest) -> Response:
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(search_answer(request.user, **query.validated_data))
