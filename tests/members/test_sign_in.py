"""Signing in and out, and passwords, by allauth at /accounts/."""

import re

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from cases.models import Message
from members.account_mail import send_account_mail
from tests.support.people import PASSWORD, World, deactivate, signed_in

pytestmark = pytest.mark.django_db


def sign_in(login: str, password: str = PASSWORD, client: Client | None = None, **fields: str) -> Client:
    client = client or Client()
    client.post("/accounts/login/", {"login": login, "password": password, **fields})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/api/cases/").status_code == 200


@pytest.mark.without_wecom
@pytest.mark.parametrize("login", ["wang@example.com", "Wang@EXAMPLE.com", " wang@example.com "])
def test_a_member_signs_in_with_address_and_password(world: World, login: str) -> None:
    client = Client()
    response = client.post("/accounts/login/", {"login": login, "password": PASSWORD})
    assert (response.status_code, response.headers["Location"]) == (302, "/messages/")
    assert response.wsgi_request.user == world.wang.user
    assert is_signed_in(client)


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(world: World) -> None:
    def answer(login: str) -> tuple[int, str]:
        response = Client().post("/accounts/login/", {"login": login, "password": "not-the-password"})
        text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
        return response.status_code, text.replace(login, "…")

    assert answer("wang@example.com") == answer("nobody@example.com")
    assert answer("wang@example.com")[0] < 500


WORDS = [
    ({"login": "", "password": ""}, {"login": ["请填写邮箱。"], "password": ["请填写密码。"]}),
    ({"login": "wang@", "password": "x"}, {"login": ["邮箱好像不完整，例如 name@qq.com。"]}),
    ({"login": "wang@example.com", "password": "not-the-password"}, {"password": ["邮箱或密码不对。"]}),
]


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(world: World) -> None:
    for form, said in WORDS:
        shown = Client().post("/accounts/login/", form)
        assert shown.context["form"].errors == said
        assert f'value="{form["login"]}"' in shown.content.decode() or not form["login"]


def test_too_many_wrong_passwords_are_told_so(world: World) -> None:
    for _ in range(6):
        last = Client().post("/accounts/login/", {"login": "wang@example.com", "password": "not-the-password"})
    assert last.context["form"].errors == {"password": ["登录失败的次数太多，请过几分钟再试。"]}


def test_passwords_are_reset_and_changed_in_the_same_words(world: World, settings: Settings) -> None:
    for email, said in (("", "请填写邮箱。"), ("wang", "邮箱好像不完整，例如 name@qq.com。")):
        assert said in Client().post("/accounts/password/reset/", {"email": email}).content.decode()
    ask_for_reset("wang@example.com")
    client = Client()
    page = client.get(re.sub(r"^https?://[^/]+", "", reset_link(settings)), follow=True)
    shown = client.post(page.request["PATH_INFO"], {"password1": "short", "password2": "other"})
    assert shown.context["form"].errors["password1"] == ["密码太短了，至少要 10 个字符。"]
    form = {"oldpassword": "wrong", "password1": "a-brand-new-password", "password2": "another"}
    shown = signed_in(world.wang).post("/accounts/password/change/", form)
    assert shown.context["form"].errors == {
        "oldpassword": ["当前密码不对。"],
        "password2": ["两次输入的密码不一样，请再输入一次。"],
    }


PAGES = ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/change/", "/accounts/reauthenticate/"]
PAGES += ["/accounts/2fa/", "/accounts/2fa/totp/activate/", "/register/", "/profile/", "/"]


def test_there_is_one_word_for_e_mail(world: World) -> None:
    for client in (Client(), signed_in(world.wang)):
        for path in PAGES:
            shown = client.get(path, follow=True).content.decode()
            assert not re.search("电子邮|邮件地址|电邮", shown), path
            english = client.get(path, follow=True, headers={"Accept-Language": "en"}).content.decode()
            assert not re.search("e-mail", english, re.IGNORECASE), path


def test_nobody_is_signed_in_after_a_wrong_password(world: World) -> None:
    assert not is_signed_in(sign_in("wang@example.com", "not-the-password"))


def test_guessing_a_password_is_stopped_for_that_address_only(world: World) -> None:
    for n in range(6):
        client = Client(REMOTE_ADDR=f"192.0.2.{n}", headers={"X-Forwarded-For": f"203.0.113.{n}"})
        sign_in("wang@example.com", f"guess-number-{n}", client)
    assert not is_signed_in(sign_in("wang@example.com"))
    assert is_signed_in(sign_in("lin@example.com"))


def test_a_deactivated_account_cannot_sign_in_and_is_signed_out_everywhere(world: World) -> None:
    client = signed_in(world.wang)
    deactivate(world.wang)
    assert client.get("/api/cases/").status_code == 401
    assert not is_signed_in(sign_in("wang@example.com"))


def test_nonsense_in_the_form_is_refused(world: World) -> None:
    client = Client()
    for field in ("login", "password"):
        for value in ("", "\x00", "a\x00b@example.com", "x" * 5_000, "\u202e"):
            form = {"login": "wang@example.com", "password": PASSWORD, field: value}
            assert client.post("/accounts/login/", form).status_code < 500
    assert not is_signed_in(client)


def test_signing_in_takes_a_new_session(world: World) -> None:
    client = Client()
    session = client.session
    session["planted"] = 1
    session.save()
    client.cookies["session"] = planted = str(session.session_key)
    sign_in("wang@example.com", client=client)
    assert client.cookies["session"].value != planted
    assert Client(headers={"Cookie": f"session={planted}"}).get("/api/cases/").status_code == 401


ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)"]


def test_signing_in_never_leaves_the_site(world: World) -> None:
    for target in ELSEWHERE:
        form = {"login": "wang@example.com", "password": PASSWORD, "next": target}
        assert Client().post(f"/accounts/login/?next={target}", form).headers["Location"] == "/messages/"


def test_after_signing_in_one_stands_where_one_wanted_to_go(world: World) -> None:
    path = f"/messages/{world.case.number}/"
    asked = Client().get(path)
    assert asked.headers["Location"] == f"/accounts/login/?next={path}"
    form = {"login": "wang@example.com", "password": PASSWORD, "next": path}
    assert Client().post("/accounts/login/", form).headers["Location"] == path


def test_signing_out_ends_the_session_for_good(world: World) -> None:
    client = sign_in("wang@example.com")
    cookie = client.cookies["session"].value
    assert client.post("/accounts/logout/").headers["Location"] == "/"
    assert not is_signed_in(client)
    assert Client(headers={"Cookie": f"session={cookie}"}).get("/api/cases/").status_code == 401


def test_looking_at_the_sign_out_page_signs_nobody_out(world: World) -> None:
    client = signed_in(world.wang)
    assert client.get("/accounts/logout/").status_code == 200
    assert is_signed_in(client)


def test_signing_out_tells_the_browser_to_forget_cache_and_storage(world: World) -> None:
    client = signed_in(world.wang)
    assert "Clear-Site-Data" not in client.get("/accounts/logout/").headers
    assert client.post("/accounts/logout/").headers["Clear-Site-Data"] == '"cache", "storage"'
    # Whose session had ended finds again what they could not send, also after a sign-in that they broke off.
    assert "Clear-Site-Data" not in client.post("/accounts/logout/").headers
    assert not is_signed_in(client)


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    cookie = sign_in("wang@example.com").cookies["session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def reset_link(settings: Settings) -> str:
    found = re.search(r"https?://\S+", str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def ask_for_reset(email: str, host: str = "testserver") -> int:
    """Ask, and have the worker send what came of it."""
    status = Client(headers={"Host": host}).post("/accounts/password/reset/", {"email": email}).status_code
    send_account_mail()
    return status


@pytest.mark.parametrize("host", ["testserver", "127.0.0.1", "localhost:8000"])
def test_a_reset_mail_links_to_the_sites_own_address_whatever_host_was_asked(
    world: World, settings: Settings, host: str
) -> None:
    settings.SITE_URL = "https://jiayi.example"
    assert ask_for_reset("wang@example.com", host) == 302
    assert [m.to for m in mail.outbox] == [["wang@example.com"]]
    assert reset_link(settings).startswith("https://jiayi.example/accounts/password/reset/key/")
    assert host not in f"{mail.outbox[-1].subject} {mail.outbox[-1].body}"


def test_a_host_that_is_not_ours_gets_no_mail_sent(world: World) -> None:
    assert ask_for_reset("wang@example.com", "evil.example") == 400
    assert mail.outbox == []


def use(link: str, password: str, client: Client | None = None) -> Client:
    """Follow the link of a reset mail and choose a new password there."""
    client = client or Client()
    form = client.get(re.sub(r"^https?://[^/]+", "", link), follow=True)
    client.post(form.request["PATH_INFO"], {"password1": password, "password2": password})
    return client


@pytest.mark.without_wecom
def test_a_reset_link_sets_a_new_password_once_and_ends_every_session(world: World, settings: Settings) -> None:
    elsewhere = signed_in(world.wang)
    ask_for_reset("wang@example.com")
    link = reset_link(settings)
    use(link, "a-brand-new-password")
    assert not is_signed_in(elsewhere)
    assert not is_signed_in(sign_in("wang@example.com"))
    assert is_signed_in(sign_in("wang@example.com", "a-brand-new-password"))
    use(link, "another-new-password")
    assert not is_signed_in(sign_in("wang@example.com", "another-new-password"))


def test_a_reset_refuses_a_weak_password(world: World, settings: Settings) -> None:
    ask_for_reset("wang@example.com")
    use(reset_link(settings), "1234567890")
    assert is_signed_in(sign_in("wang@example.com"))


def test_a_reset_for_an_unknown_address_looks_the_same_and_writes_to_nobody_else(world: World) -> None:
    assert ask_for_reset("nobody@example.com") == ask_for_reset("wang@example.com") == 302
    assert {address for message in mail.outbox for address in message.to} <= {"nobody@example.com", "wang@example.com"}
    to_nobody = [message for message in mail.outbox if message.to == ["nobody@example.com"]]
    assert not any("/reset/key/" in str(message.body) for message in to_nobody)


def test_a_made_up_reset_link_is_refused(world: World) -> None:
    for key in ("1-x", "zzzz-set-password", "0-0", "99999999999999999999-abc", "a-b-c/d"):
        assert Client().get(f"/accounts/password/reset/key/{key}/", follow=True).status_code in {200, 404}
    assert is_signed_in(sign_in("wang@example.com"))


def test_changing_the_password_ends_the_other_sessions_and_keeps_this_one(world: World) -> None:
    here, elsewhere = signed_in(world.wang), signed_in(world.wang)
    new = "a-brand-new-password"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_nobody_has_a_second_address(world: World) -> None:
    client = signed_in(world.wang)
    assert client.get("/accounts/email/").status_code == 404
    for action in ("action_add", "action_primary", "action_send", "action_remove"):
        assert client.post("/accounts/email/", {action: "", "email": "lin@example.com"}).status_code == 404
    assert not is_signed_in(sign_in("lin@example.com", "not-lins-password"))
    assert sign_in("lin@example.com").get("/api/cases/").json()[0]["number"] == world.other_case.number


def test_a_page_of_one_account_does_nothing_in_the_name_of_another(world: World) -> None:
    client, path = signed_in(world.li), "/api/cases/1001/messages/"
    own, others = str(world.li.user_id), str(world.wang.user_id)
    for page_of in (others, "", "0", "x", "9" * 5000):
        for answer in (
            client.get(path, headers={"X-Page-Of": page_of}),
            client.post(path, {"body": "您好", "client_id": "a"}, "application/json", headers={"X-Page-Of": page_of}),
        ):
            assert (answer.status_code, answer.json()["other_account"]) == (401, "true")
    assert client.get(path, headers={"X-Page-Of": own}).status_code == 200
    assert Message.objects.filter(kind="text").count() == 0
    # A page that says nothing (the API used by hand) is as before; somebody signed out learns no more than that.
    assert client.get(path).status_code == 200
    assert "other_account" not in Client().get(path, headers={"X-Page-Of": own}).json()
