"""The page of one's own account, and the link that switches e-mail reminders off."""

import pytest
from django.test import Client

from members.models import Member
from members.reminders import switch_off_url
from tests.support.people import World, signed_in

pytestmark = pytest.mark.django_db


def off(member: Member) -> str:
    return switch_off_url(member).removeprefix("http://testserver")


def reminded(member: Member) -> bool:
    return Member.objects.get(pk=member.pk).email_reminders


@pytest.mark.without_wecom
def test_a_member_sees_name_and_address_and_sets_language_and_reminders(world: World) -> None:
    client = signed_in(world.wang)
    page = client.get("/profile/").content.decode()
    assert "王小明" in page
    assert "wang@example.com" in page
    assert client.post("/profile/", {"language": "en"}).headers["Location"] == "/profile/"
    member = Member.objects.get(pk=world.wang.pk)
    assert (member.language, member.email_reminders) == ("en", False)
    assert 'lang="en"' in client.get("/profile/").content.decode(), "the site speaks it too"
    client.post("/profile/", {"language": "zh-hans", "email_reminders": "on"})
    member.refresh_from_db()
    assert (member.language, member.email_reminders) == ("zh-hans", True)
    assert Member.objects.get(pk=world.lin.pk).language == ""


@pytest.mark.parametrize("language", ["", "fr", "a\x00", "zh" * 5000])
def test_an_unknown_language_changes_nothing(world: World, language: str) -> None:
    assert signed_in(world.wang).post("/profile/", {"language": language}).status_code == 400
    assert Member.objects.get(pk=world.wang.pk).language == ""
    assert reminded(world.wang)


def test_an_advisor_has_no_reminders_to_switch_and_a_stranger_no_profile(world: World) -> None:
    client = signed_in(world.li)
    assert "email_reminders" not in client.get("/profile/").content.decode()
    assert client.post("/profile/", {"language": "en"}).status_code == 302
    assert Client().get("/profile/").status_code == 302


@pytest.mark.without_wecom
def test_the_link_in_an_e_mail_asks_and_a_post_switches_off(world: World) -> None:
    stranger = Client(enforce_csrf_checks=True)
    path = off(world.wang)
    assert stranger.get(path).status_code == 200
    assert reminded(world.wang), "programs that look at links switch nothing off"
    assert stranger.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not reminded(world.wang)
    assert reminded(world.lin)


def test_a_link_that_is_not_ours_is_not_found(world: World) -> None:
    path = off(world.wang)
    for wrong in (path[:-2] + "x/", path.replace("off/1:", "off/2:"), "/profile/reminders-off/1/", f"{path[:-1]}%00/"):
        if wrong != path:
            assert Client().post(wrong).status_code == 404, wrong
    assert reminded(world.wang)


def test_what_a_member_does_tells_the_language_they_use(world: World) -> None:
    client = signed_in(world.wang)
    for language in ("en", "zh-hans"):
        client.post("/api/active/", headers={"Accept-Language": language})
        member = Member.objects.get(pk=world.wang.pk)
        assert (member.language, member.last_active_at is not None) == (language, True)
    before = Member.objects.get(pk=world.wang.pk).last_active_at
    client.post("/api/active/", headers={"Accept-Language": "zh-hans"})
    assert Member.objects.get(pk=world.wang.pk).last_active_at == before, "not written at every sign of life"
