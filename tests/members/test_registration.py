"""A client signs up at /register/."""

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from members.models import Member, User
from tests.support.people import PASSWORD, World, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

FORM = {"name": "赵敏", "email": "zhao@example.com", "password": PASSWORD}


def register(client: Client | None = None, **fields: str) -> None:
    (client or Client()).post("/register/", {**FORM, **fields})


@pytest.mark.without_wecom
def test_a_member_signs_up_and_stands_on_the_message_page_signed_in() -> None:
    client = Client()
    response = client.post("/register/", FORM, follow=True)
    assert response.redirect_chain == [("/messages/", 302)]
    assert response.status_code == 200
    assert response.wsgi_request.user == Member.objects.get().user
    assert client.get("/api/cases/").json() == []


def test_a_new_member_is_nothing_but_a_member() -> None:
    register()
    user = User.objects.get()
    assert (user.email, user.name) == ("zhao@example.com", "赵敏")
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    assert Member.objects.get().user == user
    assert not hasattr(user, "advisor")
    assert user.check_password(PASSWORD)
    assert PASSWORD not in user.password


def test_fields_that_the_form_does_not_ask_for_are_ignored() -> None:
    register(
        is_staff="on", is_superuser="true", is_active="", status="approved", licence_number="R512345", id="77",
        user_permissions="1", date_joined="2001-01-01", reviewed_by="1", wecom_userid="LiMing",
    )  # fmt: skip
    user = User.objects.get()
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    assert not hasattr(user, "advisor")
    assert user.date_joined.year > 2001


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Zhao@Example.COM", "zhao@example.com"),
        ("  zhao@example.com  ", "zhao@example.com"),
        ("zhao@ｅｘａｍｐｌｅ.com", "zhao@example.com"),
        ("zhao@bÜcher.example", "zhao@bücher.example"),
    ],
)
def test_an_address_is_stored_in_one_spelling(typed: str, stored: str) -> None:
    register(email=typed)
    assert User.objects.get().email == stored


@pytest.mark.parametrize(
    "again",
    ["zhao@example.com", "ZHAO@EXAMPLE.COM", " zhao@example.com", "zhao@ｅｘａｍｐｌｅ.com", "ｚｈａｏ@example.com"],
)
def test_an_address_has_one_account_however_it_is_spelled(again: str) -> None:
    register()
    response = Client().post("/register/", {**FORM, "email": again})
    assert response.status_code == 400
    assert response.context["form"].errors["email"]
    assert User.objects.count() == Member.objects.count() == 1


def test_a_taken_address_is_told_beside_its_field() -> None:
    register()
    response = Client().post("/register/", FORM)
    assert response.context["form"].errors == {"email": ["该邮箱已注册，请直接登录。"]}
    assert "该邮箱已注册，请直接登录。" in response.content.decode()
    assert PASSWORD not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_twelve_sign_ups_at_once_with_one_address_make_one_account() -> None:
    def sign_up() -> int:
        return Client().post("/register/", FORM).status_code

    assert sorted(at_once(*[sign_up] * 12)) == [302] + [400] * 11
    assert User.objects.count() == Member.objects.count() == 1


@pytest.mark.parametrize(
    "weak",
    ["short-pw", "1234567890", "password123", "zhao@example.com", "赵敏赵敏", "", "x" * 201, "long\x00enough-1234"],
)
def test_a_weak_password_is_refused_beside_its_field_and_nothing_is_written(weak: str) -> None:
    response = Client().post("/register/", {**FORM, "password": weak})
    assert response.status_code == 400
    assert list(response.context["form"].errors) == ["password"]
    assert User.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "名" * 61),
        ("name", "a\x00b"),
        ("email", ""),
        ("email", "no-address"),
        ("email", "a@b"),
        ("email", "a\x00@example.com"),
        ("email", "a@example.com\nBcc: b@example.com"),
        ("email", f"{'a' * 250}@example.com"),
        ("email", "ᏣᎳᎩ@ᏣᎳᎩ.com"),
    ],
)
def test_what_cannot_be_accepted_is_refused_beside_its_field(field: str, value: str) -> None:
    response = Client().post("/register/", {**FORM, field: value})
    assert response.status_code == 400
    assert field in response.context["form"].errors
    assert User.objects.count() == 0


def test_an_address_whose_lower_case_the_database_sees_otherwise_is_refused_not_a_500() -> None:
    # Cherokee letters fold to their capitals, which the database's constraint on the spelling then refuses.
    assert Client().post("/register/", {**FORM, "email": "a@ᏣᎳᎩ.com"}).status_code in {302, 400}


def test_everything_that_is_wrong_is_told_in_one_round_in_words(world: World) -> None:
    advisor = {"name": " ", "email": "wang@example.com", "password": "short", "licence_number": "r500000"}
    taken = Client().post("/register/advisor/", advisor)
    assert taken.context["form"].errors == {
        "name": ["请填写姓名。"],
        "email": ["该邮箱已注册，请直接登录。"],
        "password": ["密码太短了，至少要 10 个字符。"],
        "licence_number": ["这个执照号已有人申请。"],
    }
    wrong = Client().post(
        "/register/advisor/", {"name": "名" * 61, "email": "zhao@", "password": "", "licence_number": "5"}
    )
    assert wrong.context["form"].errors == {
        "name": ["姓名最长 60 个字，现在是 61 个字。"],
        "email": ["邮箱好像不完整，例如 name@qq.com。"],
        "password": ["请填写密码。"],
        "licence_number": ["RCIC 执照号是字母 R 加六位数字，例如 R512345。"],
    }
    shown = wrong.content.decode()
    assert ("名" * 61 in shown, 'value="zhao@"' in shown) == (True, True), "what was typed stays"
    assert shown.count('class="notice error summary" role="alert"') == 1
    assert 'href="#id_email"' in shown
    assert 'aria-describedby="id_password_helptext id_password_error"' in shown


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("password123", "这个密码太常见，容易被猜到，请换一个。"),
        ("zhao@example.com", "密码和您的姓名或邮箱太像了，容易被猜到，请换一个。"),
        ("zhaominmin1", "密码和您的姓名或邮箱太像了，容易被猜到，请换一个。"),
        ("x" * 201, "密码最长 200 个字符，现在是 201 个。"),
    ],
)
def test_what_is_wrong_with_a_password_is_said_as_people_say_it(password: str, said: str) -> None:
    form = {**FORM, "name": "Zhaominmin", "password": password}
    assert Client().post("/register/", form).context["form"].errors == {"password": [said]}


def test_who_is_registered_already_goes_on_to_sign_in_with_the_address_typed(world: World) -> None:
    """The address goes by POST: it stands in no address line, history or log."""
    client = Client()
    shown = client.post("/register/", {**FORM, "email": "wang@example.com"}).content.decode()
    assert 'form="sign-in-instead"' in shown
    assert '<form id="sign-in-instead" method="post" action="/accounts/login/">' in shown
    assert '<input type="hidden" name="login" value="wang@example.com">' in shown
    there = client.post("/accounts/login/", {"login": "wang@example.com"})
    assert (there.status_code, there.context["form"].errors) == (200, {})
    assert 'value="wang@example.com"' in there.content.decode()


def test_whether_an_address_is_taken_is_told_no_oftener_than_one_may_sign_up(world: World, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register": "3/h/ip"}
    weak = {**FORM, "email": "wang@example.com", "password": "short"}
    told = ["email" in Client().post("/register/", weak).context["form"].errors for _ in range(5)]
    assert told == [True, True, True, False, False]
    assert Client().post("/register/", {**weak, "password": PASSWORD}).status_code == 429


def test_an_empty_form_names_every_missing_field() -> None:
    response = Client().post("/register/", {"name": ""})
    assert response.status_code == 400
    assert set(response.context["form"].errors) == {"name", "email", "password"}


def test_too_many_sign_ups_from_one_address_are_stopped(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register": "3/h/ip"}
    answers = [Client().post("/register/", {**FORM, "email": f"m{n}@example.com"}) for n in range(5)]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429, 429]
    assert "一小时后" in answers[-1].content.decode()
    assert User.objects.count() == 3
    # Somebody elsewhere is not held up.
    assert Client(REMOTE_ADDR="192.0.2.7").post("/register/", FORM).status_code == 302


def test_a_forged_forwarding_header_does_not_get_around_the_limit(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register": "2/h/ip"}
    for n in range(4):
        client = Client(headers={"X-Forwarded-For": f"203.0.113.{n}", "X-Real-IP": f"203.0.113.{n}"})
        client.post("/register/", {**FORM, "email": f"m{n}@example.com"})
    assert User.objects.count() == 2


def test_the_limit_counts_members_and_advisors_together(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register": "1/h/ip"}
    register()
    response = Client().post("/register/advisor/", {**FORM, "email": "b@example.com", "licence_number": "R512345"})
    assert response.status_code == 429
    assert User.objects.count() == 1


def test_somebody_signed_in_is_sent_to_the_message_page(world: World) -> None:
    before = User.objects.count()
    client = signed_in(world.wang)
    assert client.get("/register/").headers["Location"] == "/messages/"
    assert client.post("/register/", FORM).headers["Location"] == "/messages/"
    assert User.objects.count() == before


def test_the_form_needs_its_csrf_token() -> None:
    assert Client(enforce_csrf_checks=True).post("/register/", FORM).status_code == 403
    assert User.objects.count() == 0


def test_signing_up_takes_a_new_session() -> None:
    client = Client()
    session = client.session
    session["planted"] = 1
    session.save()
    client.cookies["session"] = planted = str(session.session_key)
    register(client)
    assert client.cookies["session"].value != planted


def test_allauths_own_sign_up_makes_no_account() -> None:
    client = Client()
    assert client.get("/accounts/signup/").status_code < 500
    fields = {**FORM, "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", fields).status_code < 500
    assert User.objects.count() == 0


def test_the_landing_page_shows_where_to_sign_up_and_in_without_a_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        page = Client().get("/").content.decode()
    assert 'href="/register/"' in page
    assert 'href="/accounts/login/"' in page


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "Zhao@example.com", "name": "a"},
        {"email": "zhao@example.com", "name": ""},
        {"email": "wang@example.com", "name": "another Wang"},
    ],
)
def test_the_database_itself_holds_the_rules_of_an_account(world: World, fields: dict[str, str]) -> None:
    with pytest.raises(IntegrityError):
        User.objects.bulk_create([User(**fields)])


def test_the_database_holds_one_member_for_an_account(world: World) -> None:
    with pytest.raises(IntegrityError):
        Member.objects.bulk_create([Member(user=world.wang.user)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/register/", "/register/advisor/"])
def test_no_transaction_waits_for_the_hashing_of_a_password(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes long by design, and on SQLite everybody else who writes would wait, WeCom's answers first of all."""
    waited = list[bool]()
    hashed = User.set_password

    def watched(user: User, password: str | None) -> None:
        waited.append(connection.in_atomic_block)
        hashed(user, password)

    monkeypatch.setattr(User, "set_password", watched)
    Client().post(path, {**FORM, "licence_number": "R512345"})
    assert User.objects.count() == 1
    assert waited == [False]
