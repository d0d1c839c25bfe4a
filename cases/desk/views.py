"""The pages of the advisor's desk: a case with its notes, handing it over, closing it. They work without JavaScript."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from advisors.presence import note_activity
from cases import actions
from cases.desk import actions as desk_actions
from cases.desk.forms import HandOverForm, NoteForm
from cases.desk.panel import desk_context
from cases.desk.queries import followed_case
from cases.models import Case
from cases.serializers import NotesQuery
from jiayi.errors import Refused
from members.models import User


@login_required
@require_GET
def case_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show the panel of the desk as a page of its own: for phones, and without JavaScript."""
    case = followed_case(cast(User, request.user), number)
    query = NotesQuery(data=request.GET)
    if not query.is_valid():
        raise Http404
    return _show(request, case, before=query.validated_data.get("before"))


@login_required
@require_POST
def write_note(request: HttpRequest, number: int) -> HttpResponse:
    user = cast(User, request.user)
    case = followed_case(user, number)
    form = NoteForm(request.POST, auto_id="note_%s")
    if not form.is_valid():
        return _show(request, case, note_form=form)
    note_activity(user)
    desk_actions.write_note(case, user, form.cleaned_data["body"], client_id=form.cleaned_data["client_id"])
    messages.success(request, _("备注已保存，会员看不到。"))
    return _back(request, case)


@login_required
@require_POST
def hand_over(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for confirmation first, then hand the case over."""
    user = cast(User, request.user)
    case = followed_case(user, number)
    form = HandOverForm(case, request.POST, auto_id="hand_over_%s")
    if not form.is_valid():
        return _show(request, case, hand_over_form=form)
    to, reason = form.cleaned_data["advisor"], form.cleaned_data["reason"]
    if "confirmed" not in request.POST:
        return render(request, "cases/hand_over.html", {"case": case, "to": to, "reason": reason})
    note_activity(user)
    try:
        desk_actions.hand_over_case(case, to, by=user, reason=reason)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("messages")
    messages.success(request, _("案件 #%(number)d 已移交给 %(name)s。") % {"number": number, "name": to.user.name})
    return redirect("messages")


@login_required
@require_POST
def set_status(request: HttpRequest, number: int) -> HttpResponse:
    """Close the case, or open it again."""
    user = cast(User, request.user)
    case = followed_case(user, number)
    change = {"closed": actions.close_case, "open": actions.reopen_case}.get(request.POST.get("status", ""))
    if change is None:
        return HttpResponse(_("无法读取请求内容。"), status=400)
    note_activity(user)
    change(case, by=user)
    return _back(request, case)


def _show(
    request: HttpRequest,
    case: Case,
    *,
    before: int | None = None,
    note_form: NoteForm | None = None,
    hand_over_form: HandOverForm | None = None,
) -> HttpResponse:
    failed = note_form is not None or hand_over_form is not None
    context = desk_context(case, before=before, note_form=note_form, hand_over_form=hand_over_form)
    page = {
        "user": request.user.pk,
        "case": case.number,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "cases": reverse("api-cases"),
        "sign_in": reverse("account_login"),
    }
    context |= {"alone": True, "page": page}
    return render(request, "cases/case.html", context, status=400 if failed else 200)


def _back(request: HttpRequest, case: Case) -> HttpResponse:
    """Redirect to the page with the form."""
    return redirect("case" if request.POST.get("back") == "case" else "conversation", number=case.number)
