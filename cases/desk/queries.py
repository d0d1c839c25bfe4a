"""Queries of the advisor's desk. For a member, and for other advisors, they find nothing."""

import re
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from advisors.models import Advisor
from cases.models import Case
from cases.models.desk import CannedReply, Note
from jiayi.errors import Gone
from members.models import User

OTHER_CASES = 8  # of the same member that are listed

_PLACEHOLDER = re.compile(r"\{(会员|member|案件号|case|顾问|advisor)\}", re.IGNORECASE)


def followed_case(user: User, number: int) -> Case:
    """Return the case if this person is its follow-up advisor. Raises Gone otherwise, as for a number never used."""
    found = Case.objects.followed_by(user).select_related("member__user", "advisor__user").filter(number=number).first()
    if found is None:
        raise Gone(_("没有找到。"))
    return found


def page_of_notes(
    case: Case, *, after: int | None = None, before: int | None = None, limit: int = 50
) -> tuple[list[Note], bool]:
    """Return up to `limit` notes of a case in the order of writing, and whether there are more.

    `after` and `before` are ids of notes; without `after` the newest ones. Whose case it is, the caller has checked.
    """
    notes = case.notes.select_related("author", "handed_to__user")
    if after is not None:
        found = list(notes.filter(pk__gt=after).order_by("pk")[: limit + 1])
        return found[:limit], len(found) > limit
    if before is not None:
        notes = notes.filter(pk__lt=before)
    found = list(notes.order_by("-pk")[: limit + 1])
    return found[:limit][::-1], len(found) > limit


def note_json(note: Note, viewer_id: int) -> dict[str, Any]:
    """Return a note as the advisor `viewer_id` (a User's id) sees it."""
    mine = note.author_id == viewer_id
    return {
        "id": note.pk,
        "body": note.body,
        "author": {"name": note.author.name, "me": mine},
        "handed_to": note.handed_to.user.name if note.handed_to else None,
        "created_at": note.created_at.isoformat(),
        "client_id": note.client_id if mine else "",
    }


def possible_successors(case: Case) -> QuerySet[Advisor]:
    """Return the advisors a case can be handed over to: approved and active, neither its advisor nor its member."""
    others = Advisor.objects.working().exclude(cases=case).exclude(user=case.member.user_id)
    return others.select_related("user").order_by("user__name", "pk")


def other_cases(case: Case) -> list[Case]:
    """Return the newest other cases of the same member which the same advisor follows."""
    same = Case.objects.filter(member=case.member_id, advisor=case.advisor_id).exclude(pk=case.pk)
    return list(same.order_by("-last_message_at", "-number")[:OTHER_CASES])


def replies_for(case: Case) -> list[dict[str, Any]]:
    """Return the canned replies of the case's advisor, own ones first, filled in for this case."""
    kept = CannedReply.objects.filter(Q(owner=case.advisor_id) | Q(owner=None))
    return [
        {"shortcut": reply.shortcut, "body": fill_in(reply.body, case), "shared": reply.owner_id is None}
        for reply in kept
    ]


def fill_in(text: str, case: Case) -> str:
    """Replace {会员}/{member}, {案件号}/{case} and {顾问}/{advisor}; other braces stay.

    In one pass: a name that looks like a placeholder is not replaced again.
    """
    member, advisor = case.member.user.name, case.advisor.user.name if case.advisor else ""
    number = f"#{case.number}"
    values = {"会员": member, "member": member, "案件号": number, "case": number, "顾问": advisor, "advisor": advisor}
    return _PLACEHOLDER.sub(lambda found: values[found[1].lower()], text)
