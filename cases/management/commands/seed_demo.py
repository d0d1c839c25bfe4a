"""`manage.py seed_demo`: makes the demo's accounts and cases."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from advisors.actions import apply_as_advisor, approve_advisor, bind_wecom_account
from advisors.models import Advisor
from cases.demo.stories import STORIES
from cases.demo.telling import tell
from cases.models import CannedReply
from jiayi.announcing import unannounced
from members.actions import register_member
from members.models import Member, User

# Shared canned replies: shortcut and text, in the language of the member who reads it.
REPLIES = {
    "您好": "{会员}，您好！您的消息我收到了，我先看一下材料，稍后在这里回复您。",
    "材料": "{会员}，关于案件 {案件号}，请您准备以下材料并在这里上传：\n1. 护照首页\n2. 现有签证或许可\n3. ",
    "递交": "{会员}，您好！案件 {案件号} 的申请已经递交，收到回执后我会马上告诉您。",
    "hello": "Hello {member}, thank you for your message. I am looking into it and will answer you here.",
    "docs": "Hello {member}, for case {case} please upload these documents here:\n1. Passport bio page\n"
    "2. Current visa or permit\n3. ",
    "submitted": "Hello {member}, the application in case {case} has been submitted. I will tell you here as soon as "
    "we have the acknowledgement of receipt.",
}

EMPTY = 2  # cases without a history with --empty: those of the README

PASSWORD = "jiayi-demo-2026"  # noqa: S105  printed for everybody to read


class Command(BaseCommand):
    help = "Make the demo accounts and cases of the README. Run again, it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--empty", action="store_true", help="only the README's accounts, and their cases without a word in them"
        )

    @transaction.atomic
    @unannounced()
    def handle(self, *args: Any, empty: bool = False, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo accounts have a public password: they are only made when DEBUG is on.")
        admin = User.objects.filter(email="admin@example.com").first() or User.objects.create_superuser(
            "admin@example.com", PASSWORD, name="管理员"
        )
        self._advisor("advisor@example.com", "李明", "R512345", "LiMing", admin)
        self._advisor("advisor2@example.com", "张伟", "R523456", "ZhangWei", admin)
        self._advisor("pending@example.com", "陈静", "R534567", "", None)
        if not empty:
            self._advisor("pending2@example.com", "周岚", "R545678", "", None)
        self._cases(empty)
        if not CannedReply.objects.filter(owner=None).exists():
            for shortcut, body in REPLIES.items():
                CannedReply.objects.create(shortcut=shortcut, body=body)
        self.stdout.write(f"Demo accounts are ready, password {PASSWORD}")

    def _advisor(self, email: str, name: str, licence: str, userid: str, approved_by: User | None) -> None:
        if Advisor.objects.filter(user__email=email).exists():
            return
        advisor = apply_as_advisor(email=email, name=name, password=PASSWORD, licence_number=licence)
        if approved_by is not None:
            approve_advisor(advisor, by=approved_by)
            bind_wecom_account(advisor, userid)

    def _cases(self, empty: bool) -> None:
        """Make each member who is not there yet, with all their cases."""
        new: dict[str, Member] = {}
        for story in STORIES[:EMPTY] if empty else STORIES:
            if story.email not in new:
                if Member.objects.filter(user__email=story.email).exists():
                    continue
                new[story.email] = register_member(email=story.email, name=story.name, password=PASSWORD)
            tell(story, new[story.email], history=not empty)
