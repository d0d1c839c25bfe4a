"""Names, titles and file names lose what would change how they are read, at every door through which they come."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client

from advisors.models import Advisor
from cases.actions import open_case
from cases.desk.actions import save_reply
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Attachment, CannedReply, Case, Message
from jiayi.errors import InvalidInput
from jiayi.fields import BARRED
from members.actions import register_member
from members.models import Member, User
from tests.support.files import PDF
from tests.support.people import PASSWORD, World, signed_in

pytestmark = pytest.mark.django_db

TURNED, UPRIGHT = "\u2067甲\u200b\u202e乙\u2028 丙\ufeff", "甲乙 丙"
UNSEEN = ["\u3164", "\u202e\u200b", "\u2800 \u115f", "\u00ad\ufe0f"]
ACCOUNT = {"name": TURNED, "email": "new@example.com", "password": PASSWORD}
NEW_CASE = {"title": TURNED, "body": "您好\u202e", "client_id": "first"}


def test_the_name_of_a_member_who_signs_up() -> None:
    Client().post("/register/", ACCOUNT)
    assert Member.objects.get().user.name == UPRIGHT


def test_the_name_of_an_advisor_who_applies() -> None:
    Client().post("/register/advisor/", {**ACCOUNT, "licence_number": "\u200bR598765\u202e"})
    advisor = Advisor.objects.get()
    assert (advisor.user.name, advisor.licence_number) == (UPRIGHT, "R598765")


def test_the_title_of_a_new_case_and_not_what_is_said_in_it(world: World) -> None:
    signed_in(world.wang).post("/messages/new/", NEW_CASE)
    case = Case.objects.get(number=1003)
    assert case.title == UPRIGHT
    assert case.messages.get().body == "您好\u202e", "people write in Hebrew and Arabic, with its marks"


@pytest.mark.parametrize("unseen", UNSEEN)
def test_a_name_or_title_in_which_nothing_is_seen_is_refused_in_words(world: World, unseen: str) -> None:
    people = User.objects.count()
    said = Client().post("/register/", {**ACCOUNT, "name": unseen})
    assert (said.status_code, "请填写姓名。" in said.content.decode()) == (400, True)
    said = signed_in(world.wang).post("/messages/new/", {**NEW_CASE, "title": unseen})
    assert (said.status_code, "请用几个字写下您想咨询什么。" in said.content.decode()) == (400, True)
    with pytest.raises(InvalidInput, match="请填写标题"):
        open_case(world.wang, unseen)
    assert (User.objects.count(), Case.objects.count()) == (people, 2)


def admin_form(client: Client, path: str, **fields: str) -> Any:
    """Send an admin form as its page shows it, with some fields changed."""
    form = client.get(path).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    return client.post(path, {name: value for name, value in {**shown, **fields}.items() if value is not None})


def test_what_administrators_write(world: World) -> None:
    admin = signed_in(world.admin)
    account = {"email": "a@example.com", "name": TURNED, "password1": PASSWORD, "password2": PASSWORD}
    admin.post("/admin/members/user/add/", {**account, "usable_password": "true"})
    assert User.objects.get(email="a@example.com").name == UPRIGHT
    admin.post("/admin/cases/case/add/", {"title": TURNED, "kind": "other", "member": world.wang.pk})
    assert Case.objects.get(number=1003).title == UPRIGHT
    world.case.refresh_from_db()
    assert admin_form(admin, f"/admin/cases/case/{world.case.pk}/change/", title=f"新{TURNED}").status_code == 302
    world.case.refresh_from_db()
    assert world.case.title == f"新{UPRIGHT}"
    assert admin_form(admin, f"/admin/cases/case/{world.case.pk}/change/", title="\u3164").status_code == 200
    admin.post("/admin/cases/cannedreply/add/", {"shortcut": "您\u200b好", "body": "您好"})
    assert CannedReply.objects.get().shortcut == "您好"


def test_the_names_of_files_by_the_api_the_page_and_an_action(world: World) -> None:
    """An ending that is drawn backwards makes a program look like a picture."""
    client = signed_in(world.wang)
    name, shown = "护照\u202efdp\u2066\u200b\u3164.pdf", "护照fdp.pdf"
    for number, path in enumerate(("/api/cases/1001/messages/", "/messages/1001/")):
        client.post(path, {"file": SimpleUploadedFile(name, PDF), "client_id": f"file-{number}", "body": ""})
    post_file(world.case, world.wang.user, read_upload(BytesIO(PDF), name), client_id="third")
    assert [(a.name, a.message.body) for a in Attachment.objects.all()] == [(shown, shown)] * 3


def test_a_canned_replys_word(world: World) -> None:
    assert save_reply(world.li, shortcut="您\u200b\u202e好", body="您好").shortcut == "您好"


def test_by_commands_and_whatever_else_saves_a_row(world: World) -> None:
    call_command("createsuperuser", "--noinput", email="root@example.com", name=TURNED)
    assert User.objects.get(email="root@example.com").name == UPRIGHT
    assert register_member(email="b@example.com", name=TURNED, password=PASSWORD).user.name == UPRIGHT
    Case.objects.filter(pk=world.case.pk).update(title=TURNED)
    Case.objects.bulk_create([Case(number=1003, title=TURNED, member=world.wang)])
    assert set(Case.objects.exclude(pk=world.other_case.pk).values_list("title", flat=True)) == {UPRIGHT}
    world.case.title = TURNED
    world.case.save()
    assert world.case.title == UPRIGHT, "who goes on with the row has what is kept"


def test_the_advisors_name_in_what_the_site_says(world: World) -> None:
    User.objects.filter(pk=world.li.user_id).update(name=TURNED)
    case = open_case(world.lin, "工签", advisor=Advisor.objects.get(pk=world.li.pk))
    assert Message.objects.get(case=case).about == UPRIGHT


@pytest.mark.parametrize("barred", BARRED)
def test_the_database_itself_refuses_what_turns_or_breaks_a_line(world: World, barred: str) -> None:
    for table, column in (("cases_case", "title"), ("members_user", "name")):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {column} = %s", [f"a{barred}b"])
