"""Turning an event into what each person with an open page is shown. Uses the database: not for the event loop."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.db.models import QuerySet

from advisors.models import Advisor
from cases.actions import follows, is_participant, read_case
from cases.desk.queries import note_json
from cases.models import Case, Message, Note
from cases.serializers import message_json
from jiayi.bus import Event
from jiayi.statements import given, kept

# One thing to show: to whom (a User's id), the name of the server-sent event, its JSON.
Show = tuple[int, str, dict[str, Any]]


def shows(event: Event, connected: Collection[int]) -> list[Show]:
    """Return what to show of `event` to whom of the `connected` users, by the rights they have now."""
    users = event.get("users")
    if users is not None and not set(users) & set(connected):
        return []
    build = BUILDERS.get(event["type"])
    return [show for show in build(event) if show[0] in connected] if build else []


@kept
def _messages() -> QuerySet[Message]:
    joined = Message.objects.select_related("sender", "attachment", "case__member__user", "case__advisor__user")
    return joined.filter(case=given("case"), seq=given("seq")).order_by()


def _message(event: Event) -> list[Show]:
    message = _messages.first(case=event["case"], seq=event["seq"])
    if message is None:
        return []
    return [
        (user, "message", {"case": message.case.number, "message": message_json(message, user)})
        for user in _participants(message.case)
    ]


def _read(event: Event) -> list[Show]:
    case = _case_of(event)
    if case is None:
        return []
    return [
        (user, "read", {"case": case.number, "seq": event["seq"], "me": event["user"] == user})
        for user in _participants(case)
    ]


def _typing(event: Event) -> list[Show]:
    """Typing notice, for the other side, as long as both are on the case."""
    case = _case_of(event)
    people = _participants(case) if case else []
    if case is None or event["user"] not in people:
        return []
    return [(user, "typing", {"case": case.number}) for user in people if user != event["user"]]


def _notified(event: Event) -> list[Show]:
    """Up to which message the advisor was notified, as of now: a hand-over resets it."""
    case = _case_of(event)
    if case is None:
        return []
    at = case.notified_at.isoformat() if case.notified_at else None
    said = {"case": case.number, "seq": case.notified_seq, "at": at}
    return [(user, "notified", said) for user in _participants(case)]


def _presence(event: Event) -> list[Show]:
    advisor = Advisor.objects.filter(pk=event["advisor"]).first()
    if advisor is None:
        return []
    followed = Case.objects.filter(advisor=advisor).values_list("number", "member__user")
    return [(user, "presence", {"case": number, "online": advisor.is_present}) for number, user in followed]


def _case(event: Event) -> list[Show]:
    """Notice that the list of cases changed, without content: the page asks for the list again."""
    return [(user, "case", {}) for user in event["users"]]


def _note(event: Event) -> list[Show]:
    """Internal note, only for the case's advisor of now."""
    found = Note.objects.select_related("author", "handed_to__user", "case__member__user", "case__advisor__user")
    note = found.filter(pk=event["note"]).first()
    advisor = note.case.advisor if note is not None else None
    if note is None or advisor is None or not follows(note.case, advisor.user):
        return []
    return [(advisor.user_id, "note", {"case": note.case.number, "note": note_json(note, advisor.user_id)})]


BUILDERS = {
    "message": _message,
    "read": _read,
    "typing": _typing,
    "notified": _notified,
    "presence": _presence,
    "case": _case,
    "note": _note,
}


def _case_of(event: Event) -> Case | None:
    with suppress(Case.DoesNotExist):
        return read_case(event["case"])
    return None


def _participants(case: Case) -> list[int]:
    return [user for user in case.people if is_participant(case, user)]
