"""SESSION_ENGINE: Django's sessions in the database, each with the account that is signed in."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db.models import QuerySet
from django.utils import timezone

from jiayi.statements import given, kept
from members.models import Session


@kept
def _alive() -> QuerySet[Session]:
    return Session.objects.filter(session_key=given("key"), expire_date__gt=given("now")).order_by()


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row as Django makes it, with the account."""
        row = super().create_model_instance(data)
        assert isinstance(row, Session)
        row.user_id = data.get(SESSION_KEY)
        return row

    def _get_session_from_db(self) -> Session | None:
        row = _alive.first(key=self.session_key, now=timezone.now())
        if row is None:
            self._session_key = None
        return row
