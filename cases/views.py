"""The message page, for members and advisors. It works without JavaScript; with it, it is live."""

from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from advisors.models import Advisor
from cases.actions import mark_read, open_case, post_message
from cases.api import note_activity
from cases.forms import MessageForm, NewCaseForm
from cases.models import RECALL_WITHIN, Case, ReadMark
from cases.notices import notice_of
from cases.queries import case_for, list_cases, page_of_messages
from cases.serializers import PageQuery, message_json
from jiayi.errors import Gone, Refused
from members.models import Member, User


@login_required
@require_http_methods(["GET", "POST"])
def messages_page(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """The list of cases and one conversation. POST writes a message without JavaScript."""
    user = cast(User, request.user)
    case = _case_or_404(user, number) if number is not None else None
    form = MessageForm(request.POST or None)
    if request.method == "POST" and case is not None and form.is_valid():
        note_activity(user)
        try:
            message, _created = post_message(
                case, user, form.cleaned_data["body"], client_id=form.cleaned_data["client_id"]
            )
            # Without JavaScript nothing else says that what stood above was read; a GET writes nothing.
            mark_read(case, user, message.seq)
            return redirect("conversation", number=case.number)
        except Refused as refusal:
            form.add_error("body", refusal.message)
    context = {**_about(user, case), **(_conversation(request, user, case) if case else {})}
    context |= {"page": _page(user, case), "form": form}
    return render(request, "cases/messages.html", context, status=400 if form.errors else 200)


def _about(user: User, case: Case | None) -> dict[str, object]:
    """What the page says about its reader, the list of their cases, and the open one of them."""
    cases = [{**one, "last_message": _timed(one["last_message"])} for one in list_cases(user)]
    opened = next((one for one in cases if case and one["number"] == case.number), None)
    return {
        "cases": cases,
        "open": opened,
        "notice": notice_of(opened) if opened else "",
        "notified_at": case.notified_at if case else None,
        "is_member": Member.objects.filter(user=user).exists(),
        "advisor": Advisor.objects.filter(user=user).first(),
    }


def _conversation(request: HttpRequest, user: User, case: Case) -> dict[str, object]:
    """One page of the conversation: the newest, or (a link for those without JavaScript) the one before `?before=`."""
    query = PageQuery(data=request.GET)
    if not query.is_valid():
        raise Http404
    before = query.validated_data.get("before")
    messages, has_older = page_of_messages(case, before=before)
    return {
        "conversation": [_timed(message_json(message, user.pk)) for message in messages],
        "has_older": has_older,
        "is_newest": before is None,
    }


def _timed(message: dict[str, Any] | None) -> dict[str, Any] | None:
    """A message as in the API, and its time as a datetime, which templates can format."""
    return {**message, "time": datetime.fromisoformat(message["created_at"])} if message else None


def _read_marks(case: Case, user: User) -> dict[str, int]:
    """How far the reader and the other side have read: for the member any advisor of the case, else the member."""
    marks = dict(ReadMark.objects.filter(case=case).values_list("user", "seq"))
    mine, members = marks.pop(user.pk, 0), marks.get(case.member.user_id, 0)
    others = max(marks.values(), default=0) if case.member.user_id == user.pk else members
    return {"read_seq": mine, "peer_read_seq": others}


def _page(user: User, case: Case | None) -> dict[str, object]:
    """What the page's script must know and cannot read from the page itself."""
    return {
        "user": user.pk,
        "case": case.number if case else None,
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
        **(_read_marks(case, user) if case else {}),
    }


def _case_or_404(user: User, number: int) -> Case:
    try:
        return case_for(user, number)
    except Gone:
        raise Http404 from None


@login_required
@require_http_methods(["GET", "POST"])
def new_case(request: HttpRequest) -> HttpResponse:
    """A member opens a case with its first message; an administrator then assigns an advisor."""
    member = Member.objects.filter(user=cast(User, request.user)).first()
    if member is None:
        raise Http404
    form = NewCaseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        with transaction.atomic():
            case = open_case(member, said["title"], kind=said["kind"])
            post_message(case, member.user, said["body"], client_id=said["client_id"])
        return redirect("conversation", number=case.number)
    return render(request, "cases/new_case.html", {"form": form}, status=400 if form.errors else 200)
