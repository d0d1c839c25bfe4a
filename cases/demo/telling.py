"""Making the demo's cases: each line of a story by the action of the product, then dated back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from advisors.models import Advisor
from cases.actions import (
    close_case,
    lock_case,
    mark_read,
    note_advisor_notified,
    open_case,
    post_message,
    recall_message,
)
from cases.demo.files import FILES
from cases.demo.stories import Story
from cases.desk.actions import hand_over_case, write_note
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Case, Message, Note, ReadMark
from members.models import Member, User

HAND_OVER_TO = "advisor@example.com"


def tell(story: Story, member: Member, *, history: bool) -> Case:
    """Open the story's case, and have happened in it what the story says, if `history` is wanted.

    Everything is in the past afterwards; who is told of messages elsewhere than on the site is the caller's to decide
    (jiayi.announcing).
    """
    advisor = Advisor.objects.get(user__email=story.advisor) if story.advisor else None
    case = open_case(member, story.title, kind=story.kind, advisor=advisor)
    if not history:
        return case
    now = timezone.now()
    _move_back(case, _time(story.lines[0][0], now) - timedelta(minutes=3))
    for number, (when, what, text) in enumerate(story.lines):
        _Line(Case.objects.get(pk=case.pk), f"demo-{number}", text).happen(what)
        _move_back(case, _time(when, now))
    return Case.objects.get(pk=case.pk)


def _time(when: str, now: datetime) -> datetime:
    """Read `-3 09:12` (three days ago, at that time here) or `-40m` (forty minutes ago)."""
    if when.endswith("m"):
        return now + timedelta(minutes=int(when[:-1]))
    days, clock = when.split(" ")
    hour, minute = map(int, clock.split(":"))
    day = timezone.localtime(now) + timedelta(days=int(days))
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _move_back(case: Case, at: datetime) -> None:
    """Date what the last action wrote in a case back to `at`, which is later than everything before it."""
    rows: list[tuple[QuerySet, str]] = [  # type: ignore[type-arg]  # of several models
        (Member.objects.filter(pk=case.member_id), "created_at"),
        *(
            (Case.objects.filter(pk=case.pk), f)
            for f in ("created_at", "last_message_at", "waiting_since", "notified_at")
        ),
        *((Message.objects.filter(case=case), f) for f in ("created_at", "recalled_at")),
        (Note.objects.filter(case=case), "created_at"),
        (ReadMark.objects.filter(case=case), "read_at"),
    ]
    for found, field in rows:
        found.filter(**{f"{field}__gt": at}).update(**{field: at})


class _Line:
    """One line of a story, about to happen."""

    def __init__(self, case: Case, client_id: str, text: str) -> None:
        self.case, self.client_id, self.text = case, client_id, text

    def happen(self, what: str) -> None:
        happenings: dict[str, Callable[[], object]] = {
            "member": lambda: self._says(self.member),
            "member's recalled": lambda: recall_message(self._says(self.member), by=self.member),
            "member's file": lambda: self._sends(self.member),
            "member reads": lambda: self._reads(self.member),
            "advisor": lambda: self._says(self.advisor.user),
            "advisor in wecom": lambda: self._says(self.advisor.user, Message.Source.WECOM),
            "advisor's file": lambda: self._sends(self.advisor.user),
            "advisor reads": lambda: self._reads(self.advisor.user),
            "told": self._advisor_is_told,
            "note": lambda: write_note(self.case, self.advisor.user, self.text, client_id=self.client_id),
            "hand over": self._hand_over,
            "close": lambda: close_case(self.case, by=self.advisor.user),
        }
        happenings[what]()

    @property
    def member(self) -> User:
        return self.case.member.user

    @property
    def advisor(self) -> Advisor:
        assert self.case.advisor is not None
        return self.case.advisor

    def _says(self, who: User, source: str = Message.Source.WEB) -> Message:
        return post_message(self.case, who, self.text, client_id=self.client_id, source=source)[0]

    def _sends(self, who: User) -> None:
        upload = read_upload(BytesIO(FILES[self.text]()), self.text)
        post_file(self.case, who, upload, client_id=self.client_id)

    def _reads(self, who: User) -> None:
        mark_read(self.case, who, self.case.last_seq)

    @transaction.atomic
    def _advisor_is_told(self) -> None:
        case = lock_case(self.case.pk)
        note_advisor_notified(case, case.advisor, case.last_seq)

    def _hand_over(self) -> None:
        to = Advisor.objects.get(user__email=HAND_OVER_TO)
        hand_over_case(self.case, to, by=self.advisor.user, reason=self.text)
