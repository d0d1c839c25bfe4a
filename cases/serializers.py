"""The JSON of messages and cases (docs/api.md), and the parameters and bodies of requests."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from cases.models import CLIENT_ID, MAX_BODY, Attachment, Case, Message
from cases.system_messages import text_of
from members.models import User


def message_json(message: Message, viewer_id: int) -> dict[str, Any]:
    """Return a message as `viewer_id` (a User's id) sees it.

    `message.case.member`, `sender` and `attachment` should be loaded.
    """
    recalled = message.recalled_at is not None
    return {
        "id": message.pk,
        "seq": message.seq,
        "kind": message.kind,
        "body": "" if recalled else shown_body(message),
        "sender": sender_json(message, viewer_id),
        "source": message.source,
        "created_at": message.created_at.isoformat(),
        # For its sender only: it may tell how a message was made.
        "client_id": message.client_id if message.sender_id == viewer_id else "",
        "recalled": recalled,
        "attachment": attachment_json(message.attachment)
        if message.kind == Message.Kind.FILE and not recalled
        else None,
    }


def shown_body(message: Message) -> str:
    """Return what a message says; what the site itself says, in the reader's language."""
    return text_of(message.notice, message.about) if message.notice else message.body


def attachment_json(attachment: Attachment) -> dict[str, Any]:
    """Return a file as its message shows it: size in bytes, width and height (images only) in pixels.

    Its bytes have an address only while `state` is "ready", not "waiting" for the scanner nor "infected".
    """
    ready = attachment.state == Attachment.State.READY
    return {
        "name": attachment.name,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "kind": attachment.kind,
        "state": attachment.state,
        "url": reverse("api-file", args=[attachment.key]) if ready else None,
        "thumbnail": reverse("api-thumbnail", args=[attachment.key]) if ready and attachment.thumbnail else None,
        "width": attachment.width,
        "height": attachment.height,
    }


def sender_json(message: Message, viewer_id: int) -> dict[str, Any]:
    """Return who wrote a message, as `viewer_id` sees it. `message.case.member` and `sender` should be loaded."""
    return {
        "name": message.sender.name if message.sender else "",
        "role": sender_role(message),
        "me": message.sender_id == viewer_id,
    }


def sender_role(message: Message) -> str:
    if message.sender_id is None:
        return "system"
    return "member" if message.sender_id == message.case.member.user_id else "advisor"


def case_json(case: Case, viewer: User, last_message: Message | None) -> dict[str, Any]:
    """Return a case as the list of cases shows it, without what is counted for the viewer (queries.list_cases).

    The member's e-mail, by which the desk finds a case, is for its advisor.
    """
    advisor, member = case.advisor, member_json(case, viewer.pk)
    return {
        "number": case.number,
        "title": case.title,
        "kind": case.kind,
        "status": case.status,
        "member": member if member["me"] else {**member, "email": case.member.user.email},
        "advisor": {"name": advisor.user.name, "online": advisor.is_present} if advisor else None,
        "last_message": message_json(last_message, viewer.pk) if last_message else None,
        "waiting_since": case.waits_since.isoformat() if case.waits_since else None,
        "notified_seq": case.notified_seq,
        "notified_at": case.notified_at.isoformat() if case.notified_at else None,
    }


def member_json(case: Case, viewer_id: int) -> dict[str, Any]:
    """Return whose case it is, for a viewer who may see it. `case.member.user` should be loaded."""
    return {"name": case.member.user.name, "me": case.member.user_id == viewer_id}


class CasesQuery(serializers.Serializer[None]):
    """The part of the list of cases: all, or the `active` ones (open, or something unread), and the case `open`."""

    scope = serializers.ChoiceField(["all", "active"], default="all")
    open = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=10_000, required=False)


class PageQuery(serializers.Serializer[None]):
    """`?after=SEQ`, `?before=SEQ` or `?around=SEQ`, `&limit=` up to 100."""

    after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    around = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)


class NotesQuery(serializers.Serializer[None]):
    """`?after=ID` or `?before=ID` of a note, `&limit=` up to 100."""

    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)


class PlaceQuery(PageQuery):
    """The part of a conversation that a page shows: around `?at=SEQ`, before or after one; by default the newest."""

    at = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class FromClient(serializers.Serializer[None]):
    client_id = serializers.RegexField(CLIENT_ID)


class NewMessage(FromClient):
    body = serializers.CharField(
        max_length=MAX_BODY, error_messages={"max_length": _("一条消息最长 {max_length} 字，请删减，或分几条发送。")}
    )


class NewFile(FromClient):
    file = serializers.FileField(allow_empty_file=True)  # cases.files.uploads says what is wrong with an empty one


class ReadUpTo(serializers.Serializer[None]):
    seq = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
