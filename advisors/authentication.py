"""Django's and allauth's authentication, which loads with an account its advisor and its member."""

from allauth.account import auth_backends
from django.db.models import QuerySet

from jiayi.statements import given, kept
from members.models import User


@kept
def _account() -> QuerySet[User]:
    return User.objects.select_related("advisor", "member").filter(pk=given("pk")).order_by()


class AuthenticationBackend(auth_backends.AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    def get_user(self, user_id: int) -> User | None:
        """Return the account of a session, or None when it is gone or deactivated.

        Nearly every request asks next whether it is an advisor's or a member's: one query instead of three.
        """
        user = _account.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
