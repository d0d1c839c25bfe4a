"""The action by which a member asks a question: a case and its first message, together or not at all."""

from django.db import transaction
from django.utils.translation import gettext as _

from cases.actions import open_case, post_message
from cases.models import Case, Message
from jiayi.errors import TooMany
from members.models import Member

MOST_UNASSIGNED = 5  # cases of one member that still wait for an advisor


@transaction.atomic
def ask_question(member: Member, title: str, body: str, *, kind: str, client_id: str) -> Case:
    """Open a case with its first message, once for each `client_id` of the member; an administrator assigns an advisor.

    Raises what open_case and post_message do, and TooMany while five of the member's cases wait for an advisor.
    """
    Member.objects.select_for_update(no_key=True).only("pk").get(pk=member.pk)  # two at once are counted as two
    asked = Message.objects.filter(seq=1, sender=member.user, client_id=client_id, case__member=member)
    if (first := asked.select_related("case").first()) is not None:
        return first.case
    waiting = Case.objects.filter(member=member, status=Case.Status.OPEN, advisor=None).count()
    if waiting >= MOST_UNASSIGNED:
        raise TooMany(_("您有 %d 个咨询还在等待安排顾问。请先在其中一个里补充，有了顾问以后再开始新的。") % waiting)
    case = open_case(member, title, kind=kind)
    post_message(case, member.user, body, client_id=client_id)
    return case
