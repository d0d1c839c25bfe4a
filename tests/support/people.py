"""The named cast that tests share: two members with a case each, and advisors in every state."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from advisors.actions import apply_as_advisor, approve_advisor, suspend_advisor
from advisors.models import Advisor
from cases.actions import open_case, post_message
from cases.models import Case, Message
from members.actions import register_member
from members.models import Member, User

PASSWORD = "a-long-test-password"


@dataclass
class World:
    admin: User
    wang: Member  # has `case`, followed by li
    lin: Member  # has `other_case`, followed by li
    li: Advisor  # approved
    zhang: Advisor  # approved, follows nothing
    chen: Advisor  # pending
    gone: Advisor  # was approved, suspended since
    case: Case
    other_case: Case


def make_world() -> World:
    admin = User.objects.create_superuser("admin@example.com", PASSWORD, name="管理员")
    wang = register_member(email="wang@example.com", name="王小明", password=PASSWORD)
    lin = register_member(email="lin@example.com", name="林芳", password=PASSWORD)
    li, zhang, chen, gone = (make_advisor(n) for n in range(4))
    for advisor in (li, zhang, gone):
        approve_advisor(advisor, by=admin)
    suspend_advisor(gone, by=admin)
    for advisor in (li, zhang, chen, gone):
        advisor.refresh_from_db()
    return World(
        admin=admin,
        wang=wang,
        lin=lin,
        li=li,
        zhang=zhang,
        chen=chen,
        gone=gone,
        case=open_case(wang, "学签续签", advisor=li),
        other_case=open_case(lin, "配偶团聚移民", advisor=li),
    )


def some_members(count: int) -> list[Member]:
    """Have so many people sign up, each called 会员 and a number."""
    begin = Member.objects.count()
    return [
        register_member(email=f"m{number}@example.com", name=f"会员{number}", password=PASSWORD)
        for number in range(begin, begin + count)
    ]


def make_advisor(number: int) -> Advisor:
    names = ("李明", "张伟", "陈静", "高远")
    return apply_as_advisor(
        email=f"advisor{number}@example.com",
        name=names[number % 4],
        password=PASSWORD,
        licence_number=f"R5{number:05d}",
    )


def signed_in(who: Member | Advisor | User) -> Client:
    """Return a browser in which this person is signed in; it checks CSRF as the real one does not need to."""
    client = Client()
    client.force_login(who if isinstance(who, User) else who.user)
    return client


def send(client: Client, path: str, data: object, **headers: str) -> Any:
    """Send `data` as JSON, as the message page does, and return the response."""
    return client.post(path, data, content_type="application/json", headers=headers)


def deactivate(who: Member | Advisor) -> None:
    """Switch somebody's account off."""
    who.user.is_active = False
    who.user.save(update_fields=["is_active"])


def says(case: Case, who: Member | Advisor, text: str, client_id: str = "") -> Message:
    """Have somebody write into a case as on the website."""
    return post_message(case, who.user, text, client_id=client_id or uuid4().hex)[0]


def look(advisor: Advisor, ago: timedelta = timedelta()) -> None:
    """Have an advisor be seen active on the website, `ago` before now."""
    Advisor.objects.filter(pk=advisor.pk).update(last_active_at=timezone.now() - ago)
