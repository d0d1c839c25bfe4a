"""Cases in the admin, and what is true of every page there."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib import admin as django_admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from advisors.actions import suspend_advisor
from cases.actions import assign_advisor, close_case
from cases.models import Case
from members.account_mail import send_account_mail
from members.actions import register_member
from members.models import Member, User
from tests.support.people import PASSWORD, World, deactivate, make_advisor, says, signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/cases/case/"


@pytest.fixture
def admin(world: World) -> Client:
    return signed_in(world.admin)


def detail(case: Case) -> str:
    return f"{LIST}{case.pk}/change/"


def fresh(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


def form_of(case: Case) -> dict[str, object]:
    """What the change form sends when nothing is changed."""
    case = fresh(case)
    shown = {"advisor": case.advisor_id or "", "status": case.status}
    return {"title": case.title, **shown, **{f"initial-{name}": value for name, value in shown.items()}}


def save(client: Client, case: Case, **changes: object) -> str:
    response = client.post(detail(case), {**form_of(case), **changes}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def system_messages(case: Case) -> list[str]:
    return list(case.messages.filter(kind="system").values_list("body", flat=True))


def test_the_list_shows_number_member_and_follow_up_advisor_and_no_conversation(world: World, admin: Client) -> None:
    says(world.case, world.wang, "我的护照号是 G12345678")
    page = admin.get(LIST).content.decode() + admin.get(detail(world.case)).content.decode()
    for word in (str(world.case.number), "学签续签", "王小明", "李明"):
        assert word in page
    assert "G12345678" not in page


@pytest.mark.parametrize(
    ("language", "shown"), [("zh-hans", "2026年11月23日 11:30"), ("en", "Nov. 23, 2026, 11:30 a.m.")]
)
def test_since_when_a_member_waits_is_told_in_the_practices_time_and_the_readers_language(
    world: World, admin: Client, language: str, shown: str
) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 16, 30, tzinfo=UTC), tick=False):
        says(world.case, world.wang, "您好")
        for path in (LIST, detail(world.case)):
            page = admin.get(path, headers={"Accept-Language": language}).content.decode()
            assert page.count(shown) >= 2  # of the newest message too
            assert "16:30" not in page


def test_where_nobody_waits_there_is_no_time(world: World, admin: Client) -> None:
    for path in (LIST, detail(world.case), f"{LIST}add/"):
        assert "None" not in admin.get(path).content.decode()


def test_a_case_is_found_by_number_title_and_member(world: World, admin: Client) -> None:
    for word in ("1001", "学签", "王小明", "wang@example.com"):
        page = admin.get(LIST, {"q": word}).content.decode()
        assert "学签续签" in page
        assert "配偶团聚移民" not in page


def test_any_search_is_answered(world: World, admin: Client) -> None:
    for word in ("abc", "9" * 40, "9" * 5000, "\x00", "'\"<>%_", "🙂"):
        for path in (LIST, "/admin/advisors/advisor/", "/admin/members/user/"):
            assert admin.get(path, {"q": word}).status_code < 500


def test_cases_without_an_advisor_or_waiting_are_filtered(world: World, admin: Client) -> None:
    says(world.case, world.wang, "您好")
    assert "学签续签" not in admin.get(f"{LIST}?advisor__isempty=1").content.decode()
    waiting = admin.get(f"{LIST}?waiting_since__isempty=0").content.decode()
    assert "学签续签" in waiting
    assert "配偶团聚移民" not in waiting


def offered(client: Client, path: str) -> set[str]:
    choices = client.get(path).context["adminform"].form.fields["advisor"].choices
    return {str(label) for value, label in choices if value}


def test_only_approved_and_active_advisors_are_offered(world: World, admin: Client) -> None:
    assert offered(admin, f"{LIST}add/") == offered(admin, detail(world.case)) == {"李明", "张伟"}
    deactivate(world.zhang)
    assert offered(admin, detail(world.case)) == {"李明"}


def test_a_suspended_advisor_still_stands_in_the_form_of_his_own_case(world: World, admin: Client) -> None:
    suspend_advisor(world.li, by=world.admin)
    assert offered(admin, detail(world.case)) == {"李明", "张伟"}
    save(admin, world.case, title="新标题")
    assert (fresh(world.case).title, fresh(world.case).advisor) == ("新标题", world.li)


@pytest.mark.parametrize("who", ["chen", "gone"])
def test_an_advisor_who_may_not_work_is_not_accepted(world: World, admin: Client, who: str) -> None:
    response = admin.post(detail(world.case), {**form_of(world.case), "advisor": getattr(world, who).pk})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["advisor"]
    assert fresh(world.case).advisor == world.li


@pytest.mark.without_wecom
def test_assigning_hands_the_case_over_and_says_so_in_the_conversation(world: World, admin: Client) -> None:
    before = len(system_messages(world.case))
    save(admin, world.case, advisor=world.zhang.pk)
    assert fresh(world.case).advisor == world.zhang
    assert system_messages(world.case)[before:] == ["本案件的跟进人现在是 张伟。"]


def test_everything_of_a_case_is_changed_at_once(world: World, admin: Client) -> None:
    before = len(system_messages(world.case))
    save(admin, world.case, title="改名", advisor=world.zhang.pk, status="closed")
    case = fresh(world.case)
    assert (case.title, case.advisor, case.status) == ("改名", world.zhang, "closed")
    assert system_messages(world.case)[before:] == ["本案件的跟进人现在是 张伟。", "案件已结案。"]


def test_a_page_left_open_does_not_undo_a_hand_over(world: World, admin: Client) -> None:
    shown = admin.get(detail(world.case)).content.decode()
    assert f'name="initial-advisor" value="{world.li.pk}"' in shown
    assign_advisor(world.case, world.zhang, by=world.admin)
    as_it_was_shown = {"initial-advisor": world.li.pk, "advisor": world.li.pk, "initial-status": "open"}
    save(admin, world.case, title="改名", **as_it_was_shown)
    assert (fresh(world.case).title, fresh(world.case).advisor) == ("改名", world.zhang)


def test_unassigning_leaves_the_case_with_nobody(world: World, admin: Client) -> None:
    before = len(system_messages(world.case))
    save(admin, world.case, advisor="")
    assert fresh(world.case).advisor is None
    assert len(system_messages(world.case)) == before + 1


def test_saving_without_a_change_writes_nothing_into_the_conversation(world: World, admin: Client) -> None:
    before = Case.objects.values().get(pk=world.case.pk)
    save(admin, world.case)
    assert Case.objects.values().get(pk=world.case.pk) == before


def test_an_old_page_does_not_undo_what_was_said_since(world: World, admin: Client) -> None:
    form = form_of(world.case)
    says(world.case, world.wang, "刚写的")
    before = fresh(world.case)
    admin.post(detail(world.case), {**form, "title": "改名"})
    after = fresh(world.case)
    assert (after.title, after.last_seq, after.waiting_since) == ("改名", before.last_seq, before.waiting_since)


def test_a_case_is_closed_and_opened_again(world: World, admin: Client) -> None:
    before = len(system_messages(world.case))
    save(admin, world.case, status="closed")
    assert fresh(world.case).status == "closed"
    save(admin, world.case, status="open")
    assert fresh(world.case).status == "open"
    assert system_messages(world.case)[before:] == ["案件已结案。", "案件已重新打开。"]


def test_a_closed_case_is_handed_over_too(world: World, admin: Client) -> None:
    close_case(world.case)
    save(admin, world.case, advisor=world.zhang.pk)
    assert (fresh(world.case).advisor, fresh(world.case).status) == (world.zhang, "closed")


def test_a_case_never_changes_its_member_number_or_history(world: World, admin: Client) -> None:
    before = Case.objects.values().get(pk=world.case.pk)
    further = {"member": world.lin.pk, "number": 4711, "last_seq": 0, "waiting_since_0": "2020-01-01", "id": 99}
    save(admin, world.case, **further)
    assert Case.objects.values().get(pk=world.case.pk) == before


def test_a_case_is_opened_with_the_next_number_and_its_advisor(world: World, admin: Client) -> None:
    form = {"title": "工签", "member": world.lin.pk, "advisor": world.zhang.pk, "status": "closed", "number": "7"}
    assert admin.post(f"{LIST}add/", form).status_code == 302
    case = Case.objects.latest("pk")
    assert (case.number, case.title, case.member, case.advisor) == (1003, "工签", world.lin, world.zhang)
    assert case.status == "open"
    assert system_messages(case) == ["本案件的跟进人现在是 张伟。"]


def test_a_case_is_opened_without_an_advisor(world: World, admin: Client) -> None:
    assert admin.post(f"{LIST}add/", {"title": "工签", "member": world.lin.pk, "advisor": ""}).status_code == 302
    case = Case.objects.latest("pk")
    assert (case.number, case.advisor, system_messages(case)) == (1003, None, [])


MISTAKES = [("title", ["", "   ", "字" * 121, "a\x00b"]), ("member", ["999999", ""]), ("advisor", ["999999", "x"])]


def test_a_case_with_a_mistake_is_not_opened(world: World, admin: Client) -> None:
    for field, values in MISTAKES:
        for value in values:
            form = {"title": "工签", "member": world.lin.pk, "advisor": "", field: value}
            response = admin.post(f"{LIST}add/", form)
            assert (value, response.status_code) == (value, 200)
            assert list(response.context["adminform"].form.errors) == [field]
    assert Case.objects.count() == 2


def test_cases_are_not_deleted(world: World, admin: Client) -> None:
    assert admin.post(f"{LIST}{world.case.pk}/delete/", {"post": "yes"}).status_code == 403
    admin.post(LIST, {"action": "delete_selected", "_selected_action": [world.case.pk], "post": "yes"})
    assert Case.objects.count() == 2


def staff_with(*codenames: str) -> Client:
    staff = User.objects.create_user("staff@example.com", name="前台", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return signed_in(staff)


def test_staff_who_may_only_look_at_cases_changes_nothing(world: World) -> None:
    staff = staff_with("view_case")
    assert staff.get(LIST).status_code == staff.get(detail(world.case)).status_code == 200
    form = {**form_of(world.case), "title": "x", "advisor": world.zhang.pk}
    assert staff.post(detail(world.case), form).status_code == 403
    assert staff.get(f"{LIST}add/").status_code == 403
    assert (fresh(world.case).title, fresh(world.case).advisor) == ("学签续签", world.li)


# Every page of the admin ------------------------------------------------------------------------------


def registered() -> list[str]:
    return [f"/admin/{m._meta.app_label}/{m._meta.model_name}/" for m in django_admin.site._registry]


def crowd(world: World, start: int, count: int) -> None:
    """More of everything that the lists show."""
    for n in range(start, start + count):
        advisor = make_advisor(n)
        member = register_member(email=f"member{n}@example.com", name=f"会员{n}", password=PASSWORD)
        form = {"title": f"案件{n}", "member": member.pk, "advisor": world.zhang.pk}
        assert signed_in(world.admin).post(f"{LIST}add/", form).status_code == 302
        says(Case.objects.latest("pk"), member, "您好")
        assert advisor.status == "pending"


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_no_list_needs_more_queries_for_more_rows(world: World, admin: Client) -> None:
    crowd(world, 100, 2)
    few = {path: queries_of(admin, path) for path in registered()}
    crowd(world, 200, 8)
    many = {path: queries_of(admin, path) for path in registered()}
    assert many == few
    assert max(many.values()) <= 16


def test_no_detail_needs_more_queries_for_more_advisors(world: World, admin: Client) -> None:
    few = queries_of(admin, detail(world.case)), queries_of(admin, f"{LIST}add/")
    for n in range(200, 206):
        advisor = make_advisor(n)
        advisor.status, advisor.reviewed_at = "approved", advisor.applied_at
        advisor.save()
    assert (queries_of(admin, detail(world.case)), queries_of(admin, f"{LIST}add/")) == few


@pytest.mark.without_wecom
def test_every_page_of_the_admin_opens(world: World, admin: Client) -> None:
    crowd(world, 100, 1)
    opened = 0
    for model, model_admin in django_admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert admin.get(base).status_code == 200, base
        assert admin.get(base, {"q": "x"}).status_code == 200, base
        assert admin.get(f"{base}add/").status_code in {200, 403, 404}, base
        row: Any = model_admin.get_queryset(admin.get(base).wsgi_request).first()
        for page in ("change/", "history/", "delete/") if row else ():
            assert admin.get(f"{base}{row.pk}/{page}").status_code in {200, 403}, (base, page)
            opened += 1
    assert opened >= 12
    assert admin.get("/admin/").status_code == admin.get("/admin/password_change/").status_code == 200


def test_no_page_of_the_admin_opens_without_permission(world: World) -> None:
    staff = staff_with()
    for path in registered():
        assert staff.get(path).status_code == 403, path
        assert staff.get(f"{path}add/").status_code in {403, 404}, path
        assert staff.get(f"{path}1/change/").status_code in {302, 403, 404}, path
    for client in (Client(), signed_in(world.wang), signed_in(world.li)):
        for path in registered():
            assert client.get(path).status_code == 302, path


def test_no_page_of_the_admin_shows_a_password_or_a_second_factor(world: World, admin: Client) -> None:
    digest = world.wang.user.password.split("$")[-1]
    assert digest not in admin.get(f"/admin/members/user/{world.wang.user_id}/change/").content.decode()
    factor = Authenticator.objects.create(user=world.li.user, type="totp", data={"secret": "CANARY"})
    path = f"/admin/members/secondfactor/{factor.pk}/"
    page = admin.get(f"{path}change/").content.decode()
    assert "advisor0@example.com" in page
    assert "CANARY" not in page
    assert admin.post(f"{path}change/", {"type": "totp"}).status_code == 403
    # Somebody who lost the device is let in again.
    assert admin.post(f"{path}delete/", {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.exists()


# Accounts ---------------------------------------------------------------------------------------------


def account(user: User) -> dict[str, object]:
    """What the change form of an account sends when nothing is changed."""
    user.refresh_from_db()
    form: dict[str, object] = {"email": user.email, "name": user.name}
    return form | {flag: "on" for flag in ("is_active", "is_staff", "is_superuser") if getattr(user, flag)}


def test_an_administrator_adds_an_account_in_the_one_spelling(world: World, admin: Client) -> None:
    form = {"email": "Front.Desk@Example.com", "name": "前台", "password1": PASSWORD, "password2": PASSWORD}
    assert admin.post("/admin/members/user/add/", form).status_code == 302
    assert User.objects.get(name="前台").email == "front.desk@example.com"
    again = admin.post("/admin/members/user/add/", {**form, "email": "FRONT.desk@example.com"})
    assert again.status_code == 200
    assert again.context["adminform"].form.errors


def test_a_deactivated_account_is_signed_out_for_good(world: World, admin: Client) -> None:
    client, path = signed_in(world.wang), f"/admin/members/user/{world.wang.user_id}/change/"
    form = account(world.wang.user)
    without = {key: value for key, value in form.items() if key != "is_active"}
    assert admin.post(path, without).status_code == 302
    assert client.get("/api/cases/").status_code == 401
    assert admin.post(path, form).status_code == 302
    assert User.objects.get(pk=world.wang.user_id).is_active
    assert client.get("/api/cases/").status_code == 401
    assert signed_in(world.lin).get("/api/cases/").status_code == 200


def test_an_address_that_an_administrator_changed_resets_no_password_any_more(
    world: World, admin: Client, mailoutbox: list[object]
) -> None:
    Client().post("/accounts/password/reset/", {"email": "wang@example.com"})
    assert send_account_mail() == 1
    Client().post("/accounts/password/reset/", {"email": "wang@example.com"})  # still under way at the change
    form = {**account(world.wang.user), "email": "wang.new@example.com"}
    assert admin.post(f"/admin/members/user/{world.wang.user_id}/change/", form).status_code == 302
    mailoutbox.clear()
    assert send_account_mail() == 1
    assert mailoutbox == []
    Client().post("/accounts/password/reset/", {"email": "wang@example.com"})
    send_account_mail()
    assert not any("/reset/key/" in str(mail.body) for mail in mailoutbox)  # type: ignore[attr-defined]
    Client().post("/accounts/password/reset/", {"email": "wang.new@example.com"})
    send_account_mail()
    assert "/reset/key/" in str(mailoutbox[-1].body)  # type: ignore[attr-defined]


def test_accounts_and_members_are_not_deleted_by_hand(world: World, admin: Client) -> None:
    for path in (f"/admin/members/user/{world.wang.user_id}/", f"/admin/members/member/{world.wang.pk}/"):
        assert admin.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert Member.objects.filter(pk=world.wang.pk).exists()
