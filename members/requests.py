"""The type of an API request whose user is signed in."""

from rest_framework.request import Request

from members.models import User


class SignedInRequest(Request):
    """A request of an API view, which only signed-in people reach (REST_FRAMEWORK in settings)."""

    user: User
