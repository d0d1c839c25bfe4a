"""An advisor applies at /register/advisor/ and waits for an administrator's review."""

import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from advisors.models import Advisor
from members.models import Member, User
from tests.support.people import PASSWORD, World, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

FORM = {"name": "周律", "email": "zhou@example.com", "password": PASSWORD, "licence_number": "R598765"}


@pytest.mark.without_wecom
def test_an_applicant_is_pending_and_signed_in() -> None:
    client = Client()
    response = client.post("/register/advisor/", FORM, follow=True)
    assert response.redirect_chain == [("/messages/", 302)]
    assert response.status_code == 200
    advisor = Advisor.objects.get()
    assert response.wsgi_request.user == advisor.user
    assert (advisor.status, advisor.licence_number, advisor.wecom_userid) == ("pending", "R598765", "")
    assert (advisor.reviewed_at, advisor.reviewed_by, advisor.last_active_at) == (None, None, None)
    assert (advisor.user.is_staff, advisor.user.is_superuser) == (False, False)
    assert not Member.objects.exists()


def test_an_applicant_cannot_approve_or_bind_himself_by_further_fields() -> None:
    further = {
        "status": "approved",
        "wecom_userid": "LiMing",
        "reviewed_at": "2020-01-01",
        "is_staff": "1",
        "user": "1",
    }
    Client().post("/register/advisor/", {**FORM, **further})
    advisor = Advisor.objects.get()
    assert (advisor.status, advisor.wecom_userid, advisor.reviewed_at) == ("pending", "", None)
    assert not advisor.user.is_staff


def test_a_pending_advisor_is_told_to_wait_and_sees_no_case(world: World) -> None:
    client = signed_in(world.chen)
    page = client.get("/messages/").content.decode()
    assert "正在审核" in page
    assert world.chen.licence_number in page
    for secret in ("学签续签", "王小明", f"#{world.case.number}"):
        assert secret not in page
    assert client.get("/api/cases/").json() == []
    assert client.get(f"/messages/{world.case.number}/").status_code == 404


@pytest.mark.parametrize("licence", ["r598765", " R598765 "])
def test_a_licence_is_stored_in_one_spelling(licence: str) -> None:
    Client().post("/register/advisor/", {**FORM, "licence_number": licence})
    assert Advisor.objects.get().licence_number == "R598765"


NO_LICENCES = ["", "598765", "R59876", "R5987654", "R59876X", "X598765", "R５９８７６５", "R598765\x00", "R598765\nR1"]


def test_a_malformed_licence_is_refused_beside_its_field() -> None:
    for licence in NO_LICENCES:
        response = Client().post("/register/advisor/", {**FORM, "licence_number": licence})
        assert (licence, response.status_code) == (licence, 400)
        assert list(response.context["form"].errors) == ["licence_number"]
    assert User.objects.count() == 0


@pytest.mark.parametrize("licence", ["R598765", "r598765"])
def test_a_licence_applies_once_and_a_refused_application_leaves_no_account(licence: str) -> None:
    Client().post("/register/advisor/", FORM)
    again = {**FORM, "email": "other@example.com", "licence_number": licence}
    response = Client().post("/register/advisor/", again)
    assert response.status_code == 400
    assert "这个执照号已有人申请。" in response.content.decode()
    assert User.objects.count() == Advisor.objects.count() == 1


def test_an_address_of_a_member_cannot_apply_as_an_advisor(world: World) -> None:
    response = Client().post("/register/advisor/", {**FORM, "email": "WANG@example.com"})
    assert response.status_code == 400
    assert response.context["form"].errors["email"]


def test_a_weak_password_is_refused() -> None:
    response = Client().post("/register/advisor/", {**FORM, "password": "1234567890"})
    assert response.status_code == 400
    assert list(response.context["form"].errors) == ["password"]
    assert User.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_applications_at_once_with_one_licence_are_one() -> None:
    def apply(number: int) -> int:
        form = {**FORM, "email": f"zhou{number}@example.com"}
        return Client().post("/register/advisor/", form).status_code

    assert sorted(at_once(*[lambda n=n: apply(n) for n in range(6)])) == [302] + [400] * 5
    assert Advisor.objects.count() == User.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"licence_number": "r500000"},
        {"wecom_userid": "LIMING"},
        {"status": "boss"},
        {"status": "approved"},
        {"status": "suspended"},
    ],
    ids=["licence taken", "account taken", "unknown status", "approved by nobody", "suspended by nobody"],
)
def test_the_database_itself_holds_the_rules_of_an_advisor(world: World, fields: dict[str, str]) -> None:
    Advisor.objects.filter(pk=world.li.pk).update(wecom_userid="LiMing")
    user = User.objects.create_user("new@example.com", name="新")
    with pytest.raises(IntegrityError):
        Advisor.objects.bulk_create([Advisor(**{"user": user, "licence_number": "R599999", **fields})])


def test_the_database_lets_many_advisors_be_unbound(world: World) -> None:
    user = User.objects.create_user("new@example.com", name="新")
    new = Advisor(user=user, licence_number="R599999", status="approved", reviewed_at=timezone.now())
    Advisor.objects.bulk_create([new])
    assert Advisor.objects.filter(wecom_userid="").count() == 5
