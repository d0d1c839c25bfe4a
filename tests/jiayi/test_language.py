"""Which language a page speaks: the browser's, until the person chooses; the choice stays."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.support.people import PASSWORD, World

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]


def language_of(client: Client, path: str = "/", accepted: str = "") -> str:
    found = re.search(r'<html lang="([^"]+)"', client.get(path, headers={"Accept-Language": accepted}).content.decode())
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh-Hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh-TW,zh;q=0.9,en-US;q=0.8", "zh-Hans"),
        ("zh-HK", "zh-Hans"),
        ("en-CA,en;q=0.9,zh-CN;q=0.8", "en"),
        ("fr-CA,en;q=0.5", "en"),
        ("fr", "zh-Hans"),
        ("*;q=zz,\x00,\xff" * 50, "zh-Hans"),
    ],
)
def test_a_page_speaks_the_browsers_language_and_chinese_when_it_has_none_of_ours(accepted: str, language: str) -> None:
    assert language_of(Client(), accepted=accepted) == language


def test_the_choice_stays_after_signing_in_and_out(world: World) -> None:
    client = Client()
    answer = client.post("/i18n/setlang/", {"language": "en", "next": "/register/"})
    assert answer["Location"] == "/register/"
    assert language_of(client, "/accounts/login/", "zh-CN") == "en"
    client.post("/accounts/login/", {"login": "wang@example.com", "password": PASSWORD})
    assert language_of(client, "/messages/1001/", "zh-CN") == "en"
    client.post("/accounts/logout/")
    assert language_of(client, "/", "zh-CN") == "en"
    client.post("/i18n/setlang/", {"language": "zh-hans"})
    assert language_of(client, "/", "en") == "zh-Hans"


def test_the_choice_is_kept_for_a_year_and_read_by_no_script() -> None:
    answer = Client().post("/i18n/setlang/", {"language": "en"})
    kept = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (kept["max-age"], kept["httponly"], kept["samesite"], kept["path"]) == (365 * 24 * 3600, True, "Lax", "/")
    assert settings.LANGUAGE_COOKIE_SECURE is settings.SESSION_COOKIE_SECURE


def test_the_switch_leads_to_no_other_site_and_knows_no_other_language() -> None:
    client = Client()
    for target in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        assert client.post("/i18n/setlang/", {"language": "en", "next": target})["Location"] == "/"
    client.post("/i18n/setlang/", {"language": "xx"})
    assert language_of(client) == "en"


def test_every_word_that_the_scripts_say_is_on_the_page() -> None:
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "static/js").rglob("*.js")]
    said = {word for script in scripts for word in re.findall(r"\bwords\.(\w+)", script)}
    names = re.findall(r"\bdata-([a-z-]+)=", (ROOT / "templates/cases/_words.html").read_text(encoding="utf-8"))
    given = {re.sub(r"-(\w)", lambda found: found[1].upper(), name) for name in names}
    assert len(said) > 30
    assert said <= given


def test_no_script_has_words_of_its_own() -> None:
    for path in (ROOT / "static/js").rglob("*.js"):
        code = re.sub(r"//.*", "", path.read_text(encoding="utf-8"))
        assert not re.findall(r"[㐀-鿿]+", code), path.name
