"""RCIC 顾问审核 in the admin: the list, the detail, approve, reject, suspend, 企业微信账号."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from advisors.actions import bind_wecom_account, suspend_advisor
from advisors.models import Advisor
from members.models import User
from tests.support.people import World, make_advisor, signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/advisors/advisor/"


def detail(advisor: Advisor) -> str:
    return f"{LIST}{advisor.pk}/change/"


def status(advisor: Advisor) -> str:
    return Advisor.objects.get(pk=advisor.pk).status


def userid(advisor: Advisor) -> str:
    return Advisor.objects.get(pk=advisor.pk).wecom_userid


@pytest.fixture
def admin(world: World) -> Client:
    return signed_in(world.admin)


@pytest.fixture
def viewer(world: World) -> Client:
    """Staff who may look at advisors and change nothing."""
    staff = User.objects.create_user("viewer@example.com", name="前台", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_advisor"))
    return signed_in(staff)


def press(client: Client, advisor: Advisor, button: str, follow: bool = True) -> str:
    """Press one of the buttons on the detail page and return the page that follows."""
    response = client.post(f"{LIST}{advisor.pk}/review/", {"review": button}, follow=follow)
    assert response.status_code == 200
    return response.content.decode()


def bind(client: Client, advisor: Advisor, account: str) -> object:
    return client.post(detail(advisor), {"wecom_userid": account}, follow=True)


def choose(client: Client, action: str, *advisors: Advisor) -> str:
    """Choose an action for some rows of the list and return the page that follows."""
    form = {"action": action, "_selected_action": [str(advisor.pk) for advisor in advisors]}
    response = client.post(LIST, form, follow=True)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.without_wecom
def test_the_review_screen_lists_every_advisor_with_a_way_to_the_details(world: World, admin: Client) -> None:
    page = admin.get(LIST).content.decode()
    assert "RCIC 顾问审核" in page
    for advisor in (world.li, world.zhang, world.chen, world.gone):
        assert advisor.user.name in page
        assert advisor.licence_number in page
        assert f'<a href="{detail(advisor)}">查看详情</a>' in page
    assert "待审核" in page


def test_the_list_is_filtered_by_state_and_searched(world: World, admin: Client) -> None:
    pending = admin.get(f"{LIST}?status__exact=pending").content.decode()
    assert world.chen.licence_number in pending
    assert world.li.licence_number not in pending
    for word in ("陈静", "advisor2@example.com", world.chen.licence_number):
        found = admin.get(LIST, {"q": word}).content.decode()
        assert world.chen.licence_number in found
        assert world.li.licence_number not in found


def test_the_detail_shows_the_application_and_the_fitting_buttons(world: World, admin: Client) -> None:
    def buttons(advisor: Advisor) -> set[str]:
        page = admin.get(detail(advisor)).content.decode()
        assert advisor.user.email in page
        assert advisor.licence_number in page
        assert "企业微信账号" in page
        return {value for value in ("approve", "reject", "suspend") if f'name="review" value="{value}"' in page}

    assert buttons(world.chen) == {"approve", "reject"}
    assert buttons(world.li) == {"suspend"}
    assert buttons(world.gone) == {"approve"}


@pytest.mark.without_wecom
def test_the_buttons_approve_suspend_and_reject(world: World, admin: Client) -> None:
    assert "陈静 现在的状态：已通过" in press(admin, world.chen, "approve")
    assert status(world.chen) == "approved"
    assert Advisor.objects.get(pk=world.chen.pk).reviewed_by == world.admin
    assert "陈静 现在的状态：已停用" in press(admin, world.chen, "suspend")
    assert status(world.chen) == "suspended"
    other = make_advisor(50)
    assert "现在的状态：未通过" in press(admin, other, "reject")
    assert status(other) == "rejected"


def test_a_button_of_an_old_page_says_why_it_does_nothing(world: World, admin: Client) -> None:
    page = press(admin, world.gone, "reject")
    assert "这位顾问当前的状态是「已停用」，不能这样操作。" in page
    assert status(world.gone) == "suspended"


def test_an_administrator_who_is_an_advisor_cannot_approve_himself(world: World) -> None:
    User.objects.filter(pk=world.chen.user_id).update(is_staff=True, is_superuser=True)
    client = signed_in(User.objects.get(pk=world.chen.user_id))
    assert "不能审核自己" in press(client, world.chen, "approve")
    assert "不能审核自己" in choose(client, "approve_selected", world.chen)
    assert status(world.chen) == "pending"


def test_a_review_stands_in_the_history_with_its_administrator(world: World, admin: Client) -> None:
    press(admin, world.chen, "approve")
    entry = LogEntry.objects.latest("pk")
    assert (entry.user, entry.object_id) == (world.admin, str(world.chen.pk))
    assert "已通过" in entry.get_change_message()
    assert "已通过" in admin.get(f"{LIST}{world.chen.pk}/history/").content.decode()


def test_the_actions_of_the_list_do_what_can_be_done_and_say_what_not(world: World, admin: Client) -> None:
    page = choose(admin, "approve_selected", world.chen, world.li, world.gone)
    assert "已处理 2 项" in page
    assert "李明: 这位顾问当前的状态是「已通过」" in page
    assert [status(a) for a in (world.chen, world.li, world.gone)] == ["approved"] * 3
    other = make_advisor(50)
    assert "已处理 1 项" in choose(admin, "reject_selected", other)
    assert status(other) == "rejected"


def test_actions_of_the_list_stand_in_the_history_too(world: World, admin: Client) -> None:
    choose(admin, "approve_selected", world.chen)
    assert LogEntry.objects.filter(object_id=str(world.chen.pk), user=world.admin).exists()


def test_an_account_is_bound_changed_and_unbound(world: World, admin: Client) -> None:
    bind(admin, world.li, "LiMing")
    assert userid(world.li) == "LiMing"
    assert 'value="LiMing"' in admin.get(detail(world.li)).content.decode()
    bind(admin, world.li, " Li.Ming2 ")
    assert userid(world.li) == "Li.Ming2"
    bind(admin, world.li, "")
    assert userid(world.li) == ""


def test_an_account_of_another_advisor_is_an_error_of_the_form(world: World, admin: Client) -> None:
    bind_wecom_account(world.li, "LiMing")
    for account in ("LiMing", "LIMING"):
        response = admin.post(detail(world.zhang), {"wecom_userid": account})
        assert response.status_code == 200
        assert "这个企业微信账号已绑定给另一位顾问（不区分大小写）。" in response.content.decode()
    assert (userid(world.li), userid(world.zhang)) == ("LiMing", "")


def test_a_malformed_account_is_an_error_of_its_field(world: World, admin: Client) -> None:
    for account in ("李明", "li ming", "_li", "L" * 65, "li\x00ming"):
        response = admin.post(detail(world.zhang), {"wecom_userid": account})
        assert response.status_code == 200
        assert response.context["adminform"].form.errors["wecom_userid"]
    assert userid(world.zhang) == ""


def test_the_form_changes_nothing_but_the_account(world: World, admin: Client) -> None:
    before = Advisor.objects.values().get(pk=world.chen.pk)
    further = {"status": "approved", "licence_number": "R599999", "user": world.li.user_id, "reviewed_by": "1"}
    admin.post(detail(world.chen), {"wecom_userid": "ChenJing", **further})
    assert Advisor.objects.values().get(pk=world.chen.pk) == {**before, "wecom_userid": "ChenJing"}


def test_saving_an_old_page_does_not_undo_a_suspension(world: World, admin: Client) -> None:
    admin.get(detail(world.li))
    suspend_advisor(world.li, by=world.admin)
    bind(admin, world.li, "LiMing")
    assert status(world.li) == "suspended"


def test_advisors_are_neither_added_nor_deleted_by_hand(world: World, admin: Client) -> None:
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}add/", {"wecom_userid": "x"}).status_code == 403
    assert admin.post(f"{LIST}{world.chen.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin.get(LIST).content.decode()
    choose(admin, "delete_selected", world.chen)
    assert Advisor.objects.filter(pk=world.chen.pk).exists()


def test_an_advisor_that_does_not_exist_is_not_found(world: World, admin: Client) -> None:
    for object_id in ("999999", "abc", "9" * 30, "9" * 5000, "1_2F", "%00"):
        assert admin.post(f"{LIST}{object_id}/review/", {"review": "approve"}).status_code == 404
        # Django's own pages send one back to the list and say so there.
        assert admin.get(f"{LIST}{object_id}/change/").status_code == 302


def test_a_review_takes_only_its_buttons(world: World, admin: Client) -> None:
    path = f"{LIST}{world.chen.pk}/review/"
    assert admin.get(path).status_code == 404
    assert admin.get(path, {"review": "approve"}).status_code == 404
    assert admin.post(path).status_code == 404
    assert admin.post(path, {"review": "delete"}).status_code == 404
    assert status(world.chen) == "pending"


def test_a_review_needs_its_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.admin)
    assert client.post(f"{LIST}{world.chen.pk}/review/", {"review": "approve"}).status_code == 403
    assert status(world.chen) == "pending"


def test_staff_who_may_only_look_changes_nothing(world: World, viewer: Client) -> None:
    page = viewer.get(detail(world.chen)).content.decode()
    assert world.chen.licence_number in page
    assert 'name="review"' not in page
    assert viewer.post(f"{LIST}{world.chen.pk}/review/", {"review": "approve"}).status_code == 403
    assert viewer.post(detail(world.chen), {"wecom_userid": "Viewer"}).status_code == 403
    assert "approve_selected" not in viewer.get(LIST).content.decode()
    choose(viewer, "approve_selected", world.chen)
    assert (status(world.chen), userid(world.chen)) == ("pending", "")


def test_staff_without_permission_is_refused_everywhere(world: World) -> None:
    staff = signed_in(User.objects.create_user("staff@example.com", name="前台", is_staff=True))
    for path in (LIST, detail(world.chen), f"{LIST}add/", f"{LIST}{world.chen.pk}/delete/"):
        assert staff.get(path).status_code == 403
    assert staff.post(f"{LIST}{world.chen.pk}/review/", {"review": "approve"}).status_code == 403
    assert staff.post(detail(world.chen), {"wecom_userid": "x"}).status_code == 403
    assert status(world.chen) == "pending"


def test_who_is_not_staff_is_sent_to_sign_in(world: World) -> None:
    for client in (Client(), signed_in(world.wang), signed_in(world.li), signed_in(world.chen)):
        for path in ("/admin/", LIST, detail(world.chen)):
            response = client.get(path)
            assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={path}")
        assert client.post(f"{LIST}{world.chen.pk}/review/", {"review": "approve"}).status_code == 302
    assert status(world.chen) == "pending"
