"""The page on which an advisor keeps their own canned replies. Shared ones are kept in the admin."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from advisors.models import Advisor
from advisors.queries import working_advisor
from cases.desk import actions as desk_actions
from cases.desk.forms import ReplyForm
from cases.models import CannedReply
from jiayi.errors import Refused
from members.models import User


@login_required
@require_http_methods(["GET", "POST"])
def replies(request: HttpRequest) -> HttpResponse:
    """List the advisor's own replies and the shared ones; POST adds an own one."""
    advisor = working_advisor(cast(User, request.user))
    form = ReplyForm(_sent(request))
    if _saved(request, advisor, form):
        return redirect("replies")
    own, shared = advisor.replies.order_by("shortcut"), CannedReply.objects.filter(owner=None)
    context = {"form": form, "own": own, "shared": shared}
    return render(request, "cases/replies.html", context, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def edit_reply(request: HttpRequest, pk: int) -> HttpResponse:
    advisor = working_advisor(cast(User, request.user))
    reply = get_object_or_404(advisor.replies, pk=pk)
    form = ReplyForm(_sent(request), initial={"shortcut": reply.shortcut, "body": reply.body})
    if _saved(request, advisor, form, reply):
        return redirect("replies")
    context = {"form": form, "reply": reply}
    return render(request, "cases/edit_reply.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def delete_reply(request: HttpRequest, pk: int) -> HttpResponse:
    advisor = working_advisor(cast(User, request.user))
    desk_actions.delete_reply(get_object_or_404(advisor.replies, pk=pk), by=advisor)
    messages.success(request, _("已删除。"))
    return redirect("replies")


def _sent(request: HttpRequest) -> QueryDict | None:
    """Return the data of a POST, which may be empty; None for a GET."""
    return request.POST if request.method == "POST" else None


def _saved(request: HttpRequest, advisor: Advisor, form: ReplyForm, reply: CannedReply | None = None) -> bool:
    """Whether the form was sent and kept; else it says why not."""
    if not form.is_valid():
        return False
    try:
        desk_actions.save_reply(advisor, **form.cleaned_data, reply=reply)
    except ValidationError as error:
        form.add_error(None, error)
    except Refused as refusal:
        form.add_error(None, refusal.message)
    else:
        messages.success(request, _("已保存。"))
    return not form.errors
