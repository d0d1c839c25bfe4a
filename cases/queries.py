"""Reading cases and conversations, for pages, API and stream alike."""

from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from cases.models import Attachment, Case, CaseQuerySet, Message, ReadMark
from cases.serializers import case_json
from cases.signals import being_notified
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


def list_cases(user: User) -> list[dict[str, Any]]:
    """Return the cases this person may see as JSON-ready dicts, newest conversation first. Four queries."""
    marks = ReadMark.objects.filter(case=OuterRef("pk"))
    # For a member the other side is any advisor of the case, before or now; for an advisor it is the member.
    others = marks.exclude(user=user).filter(Q(user=OuterRef("member__user")) | Q(case__member__user=user))
    mine = _visible(user).alias(read_up_to=_seq_of(marks.filter(user=user)))
    not_read = Q(messages__seq__gt=F("read_up_to")) & ~Q(messages__sender=user)
    counted = mine.annotate(unread=Count("messages", filter=not_read), peer_read_seq=_seq_of(others))
    # The order is named here, because a query that counts drops the model's own.
    cases = list(counted.order_by("-last_message_at", "-number"))
    newest = _shown(Message.objects.filter(case__in=cases, seq=F("case__last_seq")))
    last = {message.case_id: message for message in newest}
    notifying = _being_notified(cases)
    return [
        case_json(case, user, last.get(case.pk))
        | {"unread": case.unread, "peer_read_seq": case.peer_read_seq, "notifying": case.pk in notifying}  # type: ignore[attr-defined]
        for case in cases
    ]


def _being_notified(cases: list[Case]) -> set[int]:
    """Return the ids of those whose advisor is about to be told in WeCom, if anything here tells them."""
    waiting = [case.pk for case in cases if case.waiting_since]
    answers: list[tuple[Any, Any]] = being_notified.send(sender=Case, cases=waiting) if waiting else []
    return {pk for _receiver, found in answers for pk in found}


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
