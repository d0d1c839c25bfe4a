from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from advisors.actions import apply_as_advisor, approve_advisor, bind_wecom_account
from advisors.models import Advisor
from cases.actions import open_case
from cases.models import Case
from jiayi.announcing import unannounced
from members.actions import register_member
from members.models import Member, User

PASSWORD = "jiayi-demo-2026"  # noqa: S105  printed for everybody to read


class Command(BaseCommand):
    help = "Make the demo accounts and cases of the README. Run again, it changes nothing."

    @transaction.atomic
    @unannounced()
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo accounts have a public password: they are only made when DEBUG is on.")
        admin = User.objects.filter(email="admin@example.com").first() or User.objects.create_superuser(
            "admin@example.com", PASSWORD, name="管理员"
        )
        advisor = self._advisor("advisor@example.com", "李明", "R512345", "LiMing", admin)
        self._advisor("advisor2@example.com", "张伟", "R523456", "ZhangWei", admin)
        self._advisor("pending@example.com", "陈静", "R534567", "", None)
        self._case("member@example.com", "王小明", "学签续签", advisor)
        self._case("member2@example.com", "林芳", "配偶团聚移民", advisor)
        self.stdout.write(f"Demo accounts are ready, password {PASSWORD}")

    def _advisor(self, email: str, name: str, licence: str, userid: str, approved_by: User | None) -> Advisor:
        existing = Advisor.objects.filter(user__email=email).first()
        if existing is not None:
            return existing
        advisor = apply_as_advisor(email=email, name=name, password=PASSWORD, licence_number=licence)
        if approved_by is None:
            return advisor
        approve_advisor(advisor, by=approved_by)
        return bind_wecom_account(advisor, userid)

    def _case(self, email: str, name: str, title: str, advisor: Advisor) -> None:
        member = Member.objects.filter(user__email=email).first() or register_member(
            email=email, name=name, password=PASSWORD
        )
        if not Case.objects.filter(member=member).exists():
            open_case(member, title, advisor=advisor)
