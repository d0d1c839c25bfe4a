"""The version stands in one place, and is shown where somebody who runs the site looks for it."""

import re
from pathlib import Path

import pytest
from django.test import Client

from jiayi import __version__
from tests.support.people import World, signed_in

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_is_the_newest_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(r"^## (\d+\.\d+\.\d+) - (unreleased|\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    assert found is not None
    assert found[1] == __version__


@pytest.mark.django_db
def test_the_foot_of_the_admin_names_it_and_no_other_page_does(world: World) -> None:
    footer = re.compile(rf'<footer id="footer"><p class="version">.*佳忆.* {re.escape(__version__)}</p></footer>')
    staff = signed_in(world.admin)
    for path in ("/admin/", "/admin/cases/case/", "/admin/password_change/"):
        assert len(footer.findall(staff.get(path).content.decode())) == 1, path
    assert __version__ not in staff.get("/admin/cases/case/add/?_popup=1").content.decode()
    assert __version__ not in Client().get("/").content.decode()
    assert __version__ not in signed_in(world.wang).get("/messages/").content.decode()
