"""The page of messages names all modules of its script, so that the browser need not find them one after the other."""

import gzip
import posixpath
import re
from pathlib import Path

import pytest
from django.test import Client

from jiayi.templatetags.modules import imported
from tests.support.people import World, says, signed_in

STATIC = Path(__file__).resolve().parents[2] / "static"
MOST = 80_000  # bytes of the message page on a cold cache, all together
# As benchmarks/message_page.py counted them: the headers of one answer, and the API's answers all together.
HEADERS = 475  # bytes
API = 5_800


def test_every_module_that_is_imported_is_named_once() -> None:
    """Independent of how the list is made: whatever stands in quotes and is no import()."""
    reached, new = set[str](), {"js/pages/messages.js"}
    while new:
        reached |= new
        named = {one: re.findall(r'(?<!import\()"(\.\.?/[^"]+)"', (STATIC / one).read_text("utf-8")) for one in new}
        new = {posixpath.normpath(f"{posixpath.dirname(one)}/{path}") for one in named for path in named[one]} - reached
    listed = imported("js/pages/messages.js")
    assert sorted(listed) == sorted(reached - {"js/pages/messages.js"})


@pytest.mark.django_db
def test_the_page_of_messages_preloads_its_modules(world: World) -> None:
    page = signed_in(world.wang).get("/messages/1001/").content.decode()
    links = re.findall(r'<link rel="modulepreload" href="/static/(js/\w+/\w+\.js)">', page)
    assert links == imported("js/pages/messages.js")
    assert "modulepreload" not in Client().get("/accounts/login/").content.decode()


@pytest.mark.django_db
def test_the_page_of_messages_stays_light(world: World) -> None:
    """benchmarks/message_page.py measures it in a browser; this is to be noticed earlier."""
    for n in range(49):
        says(world.case, world.wang, f"请问我的工签延期材料还缺什么？{n}")
    scripts = ["js/pages/messages.js", "js/pages/site.js"]
    files = [*imported("js/pages/messages.js"), *scripts, "css/jiayi.css", "img/favicon.svg"]
    parts = [(STATIC / name).read_bytes() for name in files]
    parts.append(signed_in(world.wang).get("/messages/1001/").content)
    assert sum(len(gzip.compress(part)) + HEADERS for part in parts) + API <= MOST
