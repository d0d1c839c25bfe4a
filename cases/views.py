"""The message page, for members and advisors. It works without JavaScript; with it, it is live."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from advisors.models import Advisor
from advisors.presence import note_activity
from cases.actions import follows, mark_read, post_message
from cases.desk.filters import Desk, is_done
from cases.desk.panel import desk_context
from cases.files.receiving import receive_file
from cases.files.uploads import accepted_extensions, accepted_in_words, accepted_types
from cases.forms import MessageForm, NewCaseForm
from cases.limits import limit_posts
from cases.models import MAX_BODY, RECALL_WITHIN, Case, Message, ReadMark
from cases.next_steps import next_steps
from cases.notices import notice_of
from cases.queries import case_for, list_cases, page_around, page_of_messages
from cases.questions import ask_question
from cases.serializers import PlaceQuery, message_json
from jiayi.errors import Refused, Unavailable
from jiayi.uploads import max_upload_bytes
from members.models import Member, User


@login_required
@require_http_methods(["GET", "POST"])
def messages_page(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """Show the list of cases and one conversation. POST writes a message without JavaScript."""
    user = cast(User, request.user)
    case = case_for(user, number) if number is not None else None
    form = MessageForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and case is not None and form.is_valid():
        note_activity(user)
        try:
            message = _send(request, case, user, form.cleaned_data)
            # Without JavaScript nothing else says that what stood above was read; a GET writes nothing.
            mark_read(case, user, message.seq)
            return redirect("conversation", number=case.number)
        except (Refused, Unavailable) as refusal:
            form.add_error("body", refusal.message)
    context = {**_about(request, user, case), **(_conversation(request, user, case) if case else {})}
    first = {"at": context.get("place"), "messages": context.get("conversation")}
    context |= {"page": {**_page(user, case), **first}, "form": form, "file_limits": _file_limits()}
    context["max_body"] = MAX_BODY
    if not context["has_cases"]:
        context |= _question(user, NewCaseForm())
    return render(request, "cases/messages.html", context, status=400 if form.errors else 200)


def _send(request: HttpRequest, case: Case, user: User, said: dict[str, Any]) -> Message:
    """Write the file, then the text, of which one may be missing; return the last message.

    The file first, because it may be refused: the form then shows the text again, which has not been sent.
    """
    message = None
    of_file = f"{said['client_id']}.file"  # of its own, so that sending the form again doubles neither
    limit_posts(case, user, said["client_id"] if said["body"] else of_file)
    if said["file"]:
        message, _created = receive_file(request, case, user, said["file"], of_file)
    if said["body"]:
        message, _created = post_message(case, user, said["body"], client_id=said["client_id"])
    assert message is not None  # the form wants one of them
    return message


def _about(request: HttpRequest, user: User, case: Case | None) -> dict[str, object]:
    """Return what the page shows about its reader, the list of their cases, and the open one of them."""
    advisor: Advisor | None = getattr(user, "advisor", None)
    desk = Desk(request.GET) if advisor is not None and advisor.may_work else None
    number = case.number if case else None
    cases = list_cases(
        user, active=desk is not None and desk.is_active, number=number, limit=desk.limit if desk else None
    )
    shown = desk.shown(cases, number) if desk else cases
    opened = next((one for one in shown if one["number"] == number), None)
    folds = desk.folds if desk else is_done
    return {
        "cases": [one for one in shown if not folds(one)],
        "closed": [one for one in shown if folds(one)],
        "has_cases": bool(cases) or Case.objects.visible_to(user).exists(),
        "open": opened,
        "notice": notice_of(opened, case) if opened and case else "",
        "notified_at": case.notified_at if case else None,
        "is_member": hasattr(user, "member"),
        "advisor": advisor,
        "desk": desk.about(cases, number) if desk else None,
        "next_steps": next_steps(case) if case and case.member.user_id == user.pk else None,
        **(desk_context(case) if case and follows(case, user) else {}),
    }


def _conversation(request: HttpRequest, user: User, case: Case) -> dict[str, object]:
    """Return one page of the conversation: the newest, or the one a link asks for, around, before or after a seq."""
    query = PlaceQuery(data=request.GET)
    if not query.is_valid():
        raise Http404
    place = query.validated_data
    if "at" in place:
        messages, _older, _newer = page_around(case, place["at"])
    else:
        messages, _more = page_of_messages(case, before=place.get("before"), after=place.get("after"))
    said = [message_json(message, user.pk) for message in messages]
    return {
        "conversation": said,
        # No message is ever missing between the first and the newest one.
        "place": place.get("at"),
        "has_older": bool(messages) and messages[0].seq > 1,
        "has_newer": bool(messages) and messages[-1].seq < case.last_seq,
    }


def _file_limits() -> dict[str, object]:
    """Return the limits that the page states beside the button for files."""
    kinds = accepted_types()
    return {
        "mb": settings.UPLOAD_MAX_MB,
        "kinds": " / ".join(kinds),
        "in_words": accepted_in_words(),
        "accept": ",".join(accepted_extensions()),
    }


def _read_marks(case: Case, user: User) -> dict[str, int]:
    """Return how far the reader and the other side have read: for the member any advisor, for others the member."""
    marks = dict(ReadMark.objects.filter(case=case).values_list("user", "seq"))
    mine, members = marks.pop(user.pk, 0), marks.get(case.member.user_id, 0)
    others = max(marks.values(), default=0) if case.member.user_id == user.pk else members
    return {"read_seq": mine, "peer_read_seq": others}


def _page(user: User, case: Case | None) -> dict[str, object]:
    """Return what the page's script needs and cannot read from the page itself."""
    return {
        "user": user.pk,
        "case": case.number if case else None,
        "last_seq": case.last_seq if case else 0,
        "search": reverse("api-search"),
        "is_member": case is not None and case.member.user_id == user.pk,
        "now": timezone.now().isoformat(),
        "notified_seq": case.notified_seq if case is not None and case.member.user_id == user.pk else 0,
        "recall_seconds": int(RECALL_WITHIN.total_seconds()),
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "pages": reverse("messages"),
        "sign_in": reverse("account_login"),
        "cases": reverse("api-cases"),
        "events": reverse("api-events"),
        "active": reverse("api-active"),
        "files": {"max_bytes": max_upload_bytes(), "types": accepted_extensions()},
        "replies": reverse("replies"),
        **(_read_marks(case, user) if case else {}),
    }


@login_required
@require_http_methods(["GET", "POST"])
def new_case(request: HttpRequest) -> HttpResponse:
    """Let a member open a case with its first message; an administrator then assigns an advisor."""
    member: Member | None = getattr(request.user, "member", None)
    if member is None:
        raise Http404
    form = NewCaseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        note_activity(member.user)
        try:
            case = ask_question(member, said["title"], said["body"], kind=said["kind"], client_id=said["client_id"])
            return redirect("conversation", number=case.number)
        except Refused as refusal:
            form.add_error(None, refusal.message)
    context = _question(member.user, form)
    return render(request, "cases/new_case.html", context, status=400 if form.errors else 200)


def _question(user: User, form: NewCaseForm) -> dict[str, object]:
    """Return what _new_case_form.html shows, and the client_id of the member's last accepted question."""
    first = Message.objects.filter(seq=1, sender=user, case__member__user=user).order_by("-pk")
    return {"new_case_form": form, "last_client_id": first.values_list("client_id", flat=True).first() or ""}
