"""Reading cases and conversations, for pages, API and stream alike."""

from typing import Any
from uuid import UUID

from django.db.models import Case as Choose
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from cases.models import Attachment, Case, CaseQuerySet, Message, ReadMark
from cases.serializers import case_json
from jiayi.errors import Gone
from members.models import User


def case_for(user: User, number: int) -> Case:
    """Return the case if this person may see it. Raises Gone otherwise, as for a number never used."""
    found = _visible(user).filter(number=number).first()
    if found is None:
        raise Gone(_("没有找到。"))
    return found


def attachment_for(user: User, key: UUID) -> Attachment:
    """Return the file if this person may see its message now. Raises Gone otherwise, as for a key never used."""
    readable = Attachment.objects.filter(message__case__in=Case.objects.visible_to(user), message__recalled_at=None)
    found = readable.filter(key=key).first()
    if found is None:
        raise Gone(_("没有找到。"))
    return found


def list_cases(
    user: User, *, active: bool = False, number: int | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return the cases this person may see as JSON-ready dicts, at most `limit` of them. Three queries, or four.

    Those that wait for this person's answer come first, longest first; then the newest conversation. `active` leaves
    closed cases out in which nothing is unread. The case `number`, if it may be seen, is never left out.
    """
    marks = ReadMark.objects.filter(case=OuterRef("pk"))
    # For a member the other side is any advisor of the case, before or now; for an advisor it is the member.
    others = marks.exclude(user=user).filter(Q(user=OuterRef("member__user")) | Q(case__member__user=user))
    mine = _visible(user).annotate(read_up_to=_seq_of(marks.filter(user=user)))
    counted = mine.annotate(unread=_unread(user), peer_read_seq=_seq_of(others), waits=_waits(user))
    wanted = Q(status=Case.Status.OPEN) | Q(last_seq__gt=F("read_up_to"), unread__gt=0) if active else Q()
    # js/cases.js keeps this order.
    ordered = counted.order_by(F("waits").asc(nulls_last=True), "-last_message_at", "-number")
    cases = list(ordered.filter(wanted)[:limit])
    if number is not None and all(case.number != number for case in cases):
        cases += ordered.filter(number=number)
    newest = _shown(Message.objects.filter(case__in=cases, seq=F("case__last_seq")))
    last = {message.case_id: message for message in newest}
    return [
        case_json(case, user, last.get(case.pk)) | {"unread": case.unread, "peer_read_seq": case.peer_read_seq}  # type: ignore[attr-defined]
        for case in cases
    ]


def _unread(user: User) -> Coalesce:
    """How many messages others wrote after the mark; read from the index of (case, seq), however many there are."""
    later = Message.objects.filter(case=OuterRef("pk"), seq__gt=OuterRef("read_up_to")).exclude(sender=user)
    counted = later.order_by().values("case").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), Value(0), output_field=IntegerField())


def _waits(user: User) -> Choose:
    """Since when an open case has been waiting for this person as its advisor; nothing for a member."""
    return Choose(When(status=Case.Status.OPEN, advisor__user=user, then=F("waiting_since")), default=None)


def _seq_of(marks: QuerySet[ReadMark]) -> Coalesce:
    return Coalesce(Subquery(marks.order_by("-seq").values("seq")[:1]), Value(0), output_field=IntegerField())


def page_of_messages(
    case: Case, *, after: int | None = None, before: int | None = None, limit: int = 50
) -> tuple[list[Message], bool]:
    """Return up to `limit` messages ascending by seq, and whether there are more in the direction asked for.

    With `after`, the ones following that seq; otherwise the newest ones, or the newest before `before`.
    """
    messages = _shown(case.messages.all())
    if after is not None:
        found = list(messages.filter(seq__gt=after).order_by("seq")[: limit + 1])
        return found[:limit], len(found) > limit
    if before is not None:
        messages = messages.filter(seq__lt=before)
    found = list(messages.order_by("-seq")[: limit + 1])
    return found[:limit][::-1], len(found) > limit


def _shown(messages: QuerySet[Message]) -> QuerySet[Message]:
    """With what message_json reads, in the same query."""
    return messages.select_related("sender", "case__member", "attachment")


def _visible(user: User) -> CaseQuerySet:
    cases: CaseQuerySet = Case.objects.visible_to(user).select_related("member__user", "advisor__user")
    return cases
