"""Every change of state on the advisor's desk: notes, hand-overs, canned replies."""

import unicodedata
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from advisors.models import Advisor
from cases.actions import change_advisor, follows, lock_case, lock_working_advisor
from cases.models import Case
from cases.models.desk import MAX_NOTE, MAX_REASON, OWN_REPLIES, CannedReply, Note
from jiayi.bus import publish
from jiayi.errors import Conflict, Gone, InvalidInput
from jiayi.saving import save_valid
from members.models import User


@transaction.atomic
def write_note(case: Case, author: User, body: str, *, client_id: str) -> tuple[Note, bool]:
    """Write an internal note into a case, open or closed, once for each `client_id` of the author.

    Returns the note and whether it is new. Raises Gone unless the author follows the case at this moment,
    InvalidInput for an empty or over-long text.
    """
    body = _text(body, MAX_NOTE)
    case = lock_case(case.pk)
    if not follows(case, author):
        raise Gone(_("没有找到。"))
    written_before = case.notes.filter(author=author, client_id=client_id).first()
    if written_before is not None:
        return written_before, False
    return _append_note(case, author, body, client_id), True


@transaction.atomic
def hand_over_case(case: Case, to: Advisor, *, by: User, reason: str) -> Case:
    """Make `to` the follow-up advisor instead of `by`, and keep the reason as a note. `by` loses access at once.

    The member is told who follows the case now, not why. Raises Conflict unless `by` follows the case at this
    moment and `to` is somebody else, approved and active; InvalidInput for a missing or over-long reason.
    """
    reason = _text(reason, MAX_REASON)
    if to.user_id == by.pk:
        raise Conflict(_("案件已经由您跟进。"))
    to = lock_working_advisor(to.pk)
    case = lock_case(case.pk)
    if not follows(case, by):
        raise Conflict(_("您已不再跟进这个案件，没有移交。"))
    case = change_advisor(case, to, by=by)
    _append_note(case, by, reason, uuid4().hex, handed_to=to)
    return case


def _append_note(case: Case, author: User, body: str, client_id: str, *, handed_to: Advisor | None = None) -> Note:
    note = Note.objects.create(case=case, author=author, body=body, client_id=client_id, handed_to=handed_to)
    if case.advisor is not None:
        publish({"type": "note", "case": case.pk, "note": note.pk, "users": [case.advisor.user_id]})
    return note


def save_reply(advisor: Advisor, *, shortcut: str, body: str, reply: CannedReply | None = None) -> CannedReply:
    """Keep a canned reply of the advisor's own, or change one of theirs.

    Raises Gone when the reply is not theirs, Conflict when they have too many, django's ValidationError when the
    shortcut is malformed or taken (ignoring case) or the text empty or over-long.
    """
    shortcut = unicodedata.normalize("NFKC", shortcut).strip()
    if reply is not None and reply.owner_id != advisor.pk:
        raise Gone(_("没有找到。"))
    if reply is None and advisor.replies.count() >= OWN_REPLIES:
        raise Conflict(_("最多保存 %d 条快捷回复，请先删除一些。") % OWN_REPLIES)
    reply = reply or CannedReply(owner=advisor)
    reply.shortcut, reply.body = shortcut, body.strip()
    save_valid(reply)
    return reply


def delete_reply(reply: CannedReply, *, by: Advisor) -> None:
    """Delete a canned reply of the advisor's own. Raises Gone when it is not theirs."""
    if reply.owner_id != by.pk:
        raise Gone(_("没有找到。"))
    reply.delete()


def _text(text: str, limit: int) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput(_("请写下内容。"))
    if len(text) > limit:
        raise InvalidInput(_("最长 %(limit)d 字，现在是 %(length)d 字。") % {"limit": limit, "length": len(text)})
    return text
