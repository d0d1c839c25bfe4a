"""Queries of cases and conversations, for pages, API and stream alike."""

from typing import Any
from uuid import UUID

from django.db.models import Case as Choose
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext as _

from cases.models import Attachment, Case, CaseQuerySet, Message, ReadMark, sees
from cases.serializers import case_json
from jiayi.errors import Gone
from jiayi.statements import given, kept
from members.models import User

# Unread messages are counted up to so many, and only among so many of the newest: the screen says 99+ long before, and
# a person who never reads must not make the list of cases slow.
MOST_UNREAD = 100
COUNTED = 250


@kept
def _seen_by() -> CaseQuerySet:
    return _with_people(Case.objects.filter(sees(given("user")), number=given("number"))).order_by()


def case_for(user: User, number: int) -> Case:
    """Return the case if this person may see it. Raises Gone otherwise, as for a number never used."""
    found = _seen_by.first(user=user.pk, number=number)
    if found is None:
        raise Gone(_("没有找到。"))
    return found


def attachment_for(user: User, key: UUID) -> Attachment:
    """Return the file if this person may see its message now and no scanner objects.

    Raises Gone otherwise, as for a key never used.
    """
    readable = Attachment.objects.filter(message__case__in=Case.objects.visible_to(user), message__recalled_at=None)
    found = readable.filter(key=key, state=Attachment.State.READY).first()
    if found is None:
        raise Gone(_("没有找到。"))
    return found


def list_cases(
    user: User, *, active: bool = False, number: int | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return the cases this person may see as JSON-ready dicts, at most `limit` of them. Three or four queries.

    Those that wait for this person's answer come first, longest first; then those with something unread, the other open
    ones, and the closed ones, each the newest conversation first. What a limit leaves out are the oldest conversations
    of those that do not wait. `active` leaves closed cases out in which nothing is unread. The case `number`, if
    it may be seen, is never left out.
    """
    ordered = _counted(user)
    wanted = Q(status=Case.Status.OPEN) | Q(last_seq__gt=F("read_up_to"), unread__gt=0) if active else Q()
    cases = list(ordered.filter(wanted)[:limit])
    if number is not None and all(case.number != number for case in cases):
        cases += ordered.filter(number=number)
    cases.sort(key=_rank)
    pks = [case.newest for case in cases]  # type: ignore[attr-defined]
    messages = with_what_is_shown(Message.objects.filter(pk__in=[pk for pk in pks if pk]))
    last = {message.case_id: message for message in messages}
    return [
        case_json(case, user, last.get(case.pk))
        | {
            "unread": min(case.unread, MOST_UNREAD),  # type: ignore[attr-defined]
            "peer_read_seq": case.peer_read_seq,  # type: ignore[attr-defined]
            "notifying": case.is_being_notified,
        }
        for case in cases
    ]


def _counted(user: User) -> CaseQuerySet:
    """Return the cases this person may see, in order, annotated with what is counted for them."""
    marks = ReadMark.objects.filter(case=OuterRef("pk"))
    # For a member the other side is any advisor of the case, before or now; for an advisor it is the member.
    others = marks.exclude(user=user).filter(Q(user=OuterRef("member__user")) | Q(case__member__user=user))
    mine = _with_people(Case.objects.visible_to(user)).annotate(read_up_to=_seq_of(marks.filter(user=user)))
    # By (case, seq), a look into the index for each case. A join on `last_seq` may read every message of all of them.
    newest = Subquery(Message.objects.filter(case=OuterRef("pk"), seq=OuterRef("last_seq")).values("pk"))
    counted = mine.annotate(unread=_unread(user), peer_read_seq=_seq_of(others), waits=_waits(user), newest=newest)
    return counted.order_by(F("waits").asc(nulls_last=True), "-last_message_at", "-number")


def _rank(case: Any) -> int:
    """Return the key by which counted cases are sorted; js/list/cases.js keeps this order, and ties as they were.

    Not in SQL: the database would count what is unread a second time for each case.
    """
    if case.waits is not None:
        return 0
    is_closed = case.status == Case.Status.CLOSED
    return (1 if case.unread else 3) + int(is_closed)


def _unread(user: User) -> Coalesce:
    """Return the count of others' messages after the case's `read_up_to`: a short piece of the index on (case, seq).

    The piece is reckoned and has both ends: for a LIMIT, or without an upper end, PostgreSQL may read the whole case.
    """
    piece = {
        "seq__gt": Greatest(OuterRef("read_up_to"), OuterRef("last_seq") - COUNTED),
        "seq__lte": OuterRef("last_seq"),
    }
    others = Message.objects.filter(case=OuterRef("pk"), **piece).exclude(sender=user).order_by()
    count = others.values("case").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(count), Value(0), output_field=IntegerField())


def _waits(user: User) -> Choose:
    """Return since when an open case has been waiting for this person as its advisor; NULL for a member."""
    return Choose(When(status=Case.Status.OPEN, advisor__user=user, then=F("waiting_since")), default=None)


def _seq_of(marks: QuerySet[ReadMark]) -> Coalesce:
    return Coalesce(Subquery(marks.order_by("-seq").values("seq")[:1]), Value(0), output_field=IntegerField())


def page_of_messages(
    case: Case, *, after: int | None = None, before: int | None = None, limit: int = 50
) -> tuple[list[Message], bool]:
    """Return up to `limit` messages ascending by seq, and whether there are more in the direction asked for.

    With `after`, the ones following that seq; otherwise the newest ones, or the newest before `before`.
    """
    messages = with_what_is_shown(case.messages.all())
    if after is not None:
        found = list(messages.filter(seq__gt=after).order_by("seq")[: limit + 1])
        return found[:limit], len(found) > limit
    if before is not None:
        messages = messages.filter(seq__lt=before)
    found = list(messages.order_by("-seq")[: limit + 1])
    return found[:limit][::-1], len(found) > limit


def page_around(case: Case, seq: int, *, limit: int = 50) -> tuple[list[Message], bool, bool]:
    """Return up to `limit` messages ascending by seq with `seq` in the middle, and whether there are older and newer.

    A seq beyond the newest message means the newest.
    """
    newer, has_newer = page_of_messages(case, after=seq, limit=max(1, limit // 2))
    older, has_older = page_of_messages(case, before=seq + 1, limit=max(1, limit - len(newer)))
    return older + newer, has_older, has_newer


def with_what_is_shown(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Return the messages joined to what message_json reads."""
    return messages.select_related("sender", "case__member", "attachment")


def _with_people(cases: CaseQuerySet) -> CaseQuerySet:
    return cases.select_related("member__user", "advisor__user")
