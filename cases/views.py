"""The message page, for members and advisors. It works without JavaScript; with it, it is live."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from advisors.models import Advisor
from cases.actions import mark_read, open_case, post_message
from cases.api import note_activity
from cases.forms import MessageForm, NewCaseForm
from cases.models import Case
from cases.queries import case_for, list_cases, page_of_messages
from cases.serializers import message_json
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
        note_activity(request)
        try:
            message, _created = post_message(
                case, user, form.cleaned_data["body"], client_id=form.cleaned_data["client_id"]
            )
            # Without JavaScript nothing else says that what stood above was read; a GET writes nothing.
            mark_read(case, user, message.seq)
            return redirect("conversation", number=case.number)
        except Refused as refusal:
            form.add_error("body", refusal.message)
    return render(request, "cases/messages.html", _context(user, case, form), status=400 if form.errors else 200)


def _context(user: User, case: Case | None, form: MessageForm) -> dict[str, object]:
    messages, has_older = page_of_messages(case) if case else ([], False)
    return {
        "cases": list_cases(user),
        "case": case,
        "messages_json": [message_json(message, user.pk) for message in messages],
        "has_older": has_older,
        "form": form,
        "is_member": Member.objects.filter(user=user).exists(),
        "advisor": Advisor.objects.filter(user=user).first(),
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
            case = open_case(member, said["title"])
            post_message(case, member.user, said["body"], client_id=said["client_id"])
        return redirect("conversation", number=case.number)
    return render(request, "cases/new_case.html", {"form": form}, status=400 if form.errors else 200)
