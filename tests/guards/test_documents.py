"""The documents: whatever they or the code refer to is there, and what they say of the code is so.

A document that is named exists, with the anchor of a link; nothing names one outside the repository. docs/api.md has
every route, method and event, and its examples have the shape of real answers. docs/settings.md is compared with the
settings in tests/jiayi/test_settings.py.
"""

import ast
import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from cases.live.shows import shows
from cases.models import Attachment, Note
from tests.guards.access import ACCESS, METHODS
from tests.guards.routes import all_routes
from tests.guards.stage import JSON, Stage
from tests.support.recording import undone

ROOT = Path(settings.BASE_DIR)
NOT_OURS = {".git", ".venv", "var", "__pycache__", "node_modules"}
READ = {".md", ".py", ".html", ".js", ".css", ".txt", ".toml", ".sh", ".conf", ".service", ".yaml", ".po", ".example"}
NAMED = {"Makefile", "run"}
THIS = Path(__file__).resolve()

LINK = re.compile(r"\]\(([^)\s]+)\)")
IN_DOCS = re.compile(r"(?<![\w/.-])docs/[\w./-]*\w")
DOCUMENT = re.compile(r"(?<![\w*])(?:[\w.-]+/)*[\w-]+\.md\b")
DECISION = re.compile(r"\bdecisions? (0\d{3})(?: and (0\d{3}))?")
# Notes and sheets of people who work on the product, which a reader of the repository does not have.
OUTSIDE = re.compile(
    r"\.\./shared|/work/\w|\bdesign\.md|\blessons\.md|\bhouse.style|\bprotocol sheet|\b(?:AC|CB|UP|XS)-\d\d\b"
)
LICENCE = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"  # SHA-256 of the FSF's agpl-3.0.txt


@cache
def files() -> tuple[tuple[Path, str], ...]:
    """Every text of ours, with what is in it."""
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        found += [Path(folder, name) for name in names if name not in NOT_OURS]
    ours = [path for path in found if (path.suffix in READ or path.name in NAMED) and path != THIS and path.is_file()]
    return tuple((path, path.read_text(encoding="utf-8")) for path in sorted(ours))


def documents() -> list[Path]:
    return [path for path, _text in files() if path.suffix == ".md"]


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)


@cache
def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(text)):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def lacks(folder: Path, link: str) -> bool:
    """Whether a link of a document in this folder leads nowhere, or out of the repository."""
    name, _, anchor = link.partition("#")
    path = (folder / name).resolve()
    if ROOT not in {path, *path.parents} or not path.exists():
        return True
    return bool(anchor) and anchor not in anchors(path.read_text(encoding="utf-8"))


def test_every_link_of_a_document_leads_somewhere_in_the_repository() -> None:
    wrong, followed = [], 0
    for path in documents():
        for link in LINK.findall(prose(path.read_text(encoding="utf-8"))):
            if not re.match("[a-z]+:", link):
                followed += 1
                if lacks(path.parent, path.name + link if link.startswith("#") else link):
                    wrong.append(f"{path.relative_to(ROOT)}: {link}")
    assert not wrong
    assert followed > 60


def test_every_document_that_is_named_is_there() -> None:
    wrong, numbers = [], {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
    for path, text in files():
        known = [name for name in IN_DOCS.findall(text) if (ROOT / name).exists() or _is_a_decision(name)]
        named = [name for name in IN_DOCS.findall(text) if name not in known]
        named += [name for name in DOCUMENT.findall(text) if not _stands_somewhere(path, name)]
        named += [number for found in DECISION.findall(text) for number in found if number and number not in numbers]
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in named]
    assert not wrong


@cache
def _is_a_decision(name: str) -> bool:
    """`docs/decisions/0002` is short for the one file that begins so."""
    return re.fullmatch(r"docs/decisions/\d{4}", name) is not None and len(list(ROOT.glob(f"{name}-*.md"))) == 1


def _stands_somewhere(path: Path, name: str) -> bool:
    folders = (path.parent, ROOT, ROOT / "docs", ROOT / "docs" / "decisions")
    return any(_exists(folder, name) for folder in folders)


@cache
def _exists(folder: Path, name: str) -> bool:
    return (folder / name).exists()


def test_nothing_names_what_only_its_makers_have() -> None:
    wrong = [f"{path.relative_to(ROOT)}: {found}" for path, text in files() for found in OUTSIDE.findall(text)]
    assert not wrong


def test_the_gate_sees_what_it_is_for(tmp_path: Path) -> None:
    assert lacks(ROOT, "docs/nothing.md")
    assert lacks(ROOT, "README.md#nothing")
    assert lacks(ROOT, "../README.md")
    assert not lacks(ROOT / "docs", "../README.md#two-commands")
    assert not lacks(ROOT, "docs/wecom-setup.md#1-群机器人--group-robot")
    assert IN_DOCS.findall("see docs/nothing.md, docs/decisions/0002 and (docs/deploy/)") == [
        "docs/nothing.md",
        "docs/decisions/0002",
        "docs/deploy",
    ]
    assert _is_a_decision("docs/decisions/0002")
    assert not _is_a_decision("docs/decisions/0999")
    assert DOCUMENT.findall("design.md, [x](docs/api.md), README.md") == ["design.md", "docs/api.md", "README.md"]
    assert all(OUTSIDE.search(one) for one in ("../shared/x", "/work/main", "see design.md", "(AC-01)"))


def test_the_readme_is_short_and_leads_to_every_document() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    top = [path for path in documents() if path.parent in (ROOT, ROOT / "docs")]
    led_to = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(text)}
    assert not set(top) - led_to - {ROOT / "README.md"}


def test_the_licence_is_the_whole_text_of_the_fsf() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == LICENCE


# docs/api.md --------------------------------------------------------------------------------------------

API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
ENDPOINT = re.compile(r"^### `([A-Z]+) (/\S+)`$", re.MULTILINE)
PAGE = re.compile(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", re.MULTILINE)
EVENT = re.compile(r"^\| `([a-z]+)` \| `(\{.*?\})` \|", re.MULTILINE)


def as_documented(pattern: str) -> str:
    """A route's pattern without the kinds of its holes: /api/cases/<number>/read/."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", pattern)


def is_api(pattern: str) -> bool:
    return pattern.startswith("/api/") or pattern == "/healthz"


def test_the_api_document_has_every_endpoint_and_page_and_no_other() -> None:
    endpoints, pages = set(), {}
    for pattern, row in ACCESS.items():
        methods = [method for method in METHODS if row.who(method) is not None]
        if is_api(pattern):
            endpoints |= {(method, as_documented(pattern)) for method in methods}
        elif not pattern.startswith(("/accounts/", "/sandbox/")):
            pages[as_documented(pattern)] = ", ".join(methods)
    assert set(ENDPOINT.findall(API)) == endpoints
    told = dict(PAGE.findall(API))
    assert {path: methods for path, methods in told.items() if not path.startswith("/sandbox/")} == pages
    sandbox = {route.pattern for route in all_routes() if route.pattern.startswith("/sandbox/")}
    assert {path for path in told if path.startswith("/sandbox/")} == (
        sandbox or {pattern for pattern in ACCESS if pattern.startswith("/sandbox/")}
    )


def example(heading: str) -> Any:
    """The example under a heading of the document; None when there is none."""
    section = API.partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    block = section.partition("\n```json\n")[2].partition("\n```\n")[0]
    return json.loads(block) if block else None


def shape(value: Any) -> Any:
    """What is compared of JSON: names, and of a value its type; of a list its first item."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


def alike(told: Any, real: Any) -> bool:
    """Whether two shapes are the same; null may stand for anything, as it does in the answers."""
    if "NoneType" in (told, real):
        return True
    if isinstance(told, dict) and isinstance(real, dict):
        return told.keys() == real.keys() and all(alike(told[name], real[name]) for name in told)
    if isinstance(told, list) and isinstance(real, list):
        return len(told) == len(real) and all(map(alike, told, real))
    return bool(told == real)


def ask(stage: Stage, actor: str, method: str, url: str, sends: dict[str, Any]) -> Any:
    with undone():
        answer = stage.ask(actor, method, url, json.dumps(sends) if method == "POST" else "", JSON)
        assert answer.status_code in {200, 201}, (method, url, answer.content)
        return answer.json()


@pytest.mark.django_db
def test_the_examples_of_the_api_document_have_the_shape_of_real_answers(stage: Stage) -> None:
    compared, values = 0, stage.values()
    for method, path in ENDPOINT.findall(API):
        told = example(f"`{method} {path}`")
        if told is None:
            continue
        (row,) = [row for pattern, row in ACCESS.items() if as_documented(pattern) == path]
        sends = {name: str(value).format_map(values) for name, value in (row.sends or {}).items()}
        url = re.sub(r"<(\w+)>", lambda hole: values[hole[1]], path)
        actor = "wang" if path.endswith("/recall/") else "li"
        real = ask(stage, actor, method, f"{url}?q=everywhere" if path == "/api/search/" else url, sends)
        # Whoever has a text and a title that match finds both; here it is the text.
        real = real | {"cases": told["cases"]} if path == "/api/search/" else real
        assert alike(shape(told), shape(real)), (method, path, shape(real))
        compared += 1
    assert compared == API.count("\n```json\n") - 2  # without the two shapes


@pytest.mark.django_db
def test_the_shapes_of_the_api_document_are_those_of_real_messages_and_cases(stage: Stage) -> None:
    url = f"/api/cases/{stage.cases['wang'].number}/messages/"
    image = next(
        message
        for message in ask(stage, "li", "GET", url, {})["messages"]
        if message["attachment"] and message["attachment"]["thumbnail"]
    )
    assert shape(example("Message")) == shape(image)
    case = ask(stage, "li", "GET", "/api/cases/", {})[0]
    assert alike(shape(example("Case")), shape(case))
    for field, values in (("kind", Attachment.Kind.values), ("state", Attachment.State.values)):
        row = next(line for line in API.splitlines() if line.startswith(f"| `attachment.{field}` |"))
        assert set(values) <= set(re.findall(r"`(\w+)`", row))


def shown_by_the_server() -> set[str]:
    """The names of events: in frames, and in the second place of what functions that return `list[Show]` build."""
    found: set[str] = set()
    for path in ROOT.glob("cases/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "frame" and node.args:
                found |= {str(node.args[0].value)} if isinstance(node.args[0], ast.Constant) else set()
            if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "list[Show]":
                tuples = [one for one in ast.walk(node) if isinstance(one, ast.Tuple) and len(one.elts) == 3]
                found |= {str(one.elts[1].value) for one in tuples if isinstance(one.elts[1], ast.Constant)}
    return found


def test_the_api_document_has_every_event_of_the_live_stream_and_no_other() -> None:
    told = dict(EVENT.findall(API.partition("\n## Live stream\n")[2].partition("\n## ")[0]))
    assert set(told) == shown_by_the_server()
    scripts = [text for path, text in files() if path.suffix == ".js" and "const EVENTS = [" in text]
    (listened_to,) = [text.partition("const EVENTS = [")[2].partition("]")[0] for text in scripts]
    assert set(told) == set(re.findall(r'"(\w+)"', listened_to))


@pytest.mark.django_db
def test_the_events_of_the_api_document_have_the_names_of_real_ones(stage: Stage) -> None:
    told = {name: set(json.loads(data.replace("{…}", "{}"))) for name, data in EVENT.findall(API)}
    case, people = stage.cases["wang"], stage.people
    note = Note.objects.filter(case=case).latest("pk")
    sent = {"case": case.pk, "seq": 1, "user": people["wang"].pk, "note": note.pk, "users": [people["li"].pk]}
    assert case.advisor is not None
    compared = set()
    for name in ("message", "read", "typing", "notified", "presence", "case", "note"):
        event = sent | {"type": name, "advisor": case.advisor.pk}
        if name == "presence":
            del event["users"]
        for _user, shown, data in shows(event, [user.pk for user in people.values()]):
            assert told[shown] == set(data), shown
            compared.add(shown)
    assert compared == set(told) - {"hello", "resync", "crowded"}


# The other documents ------------------------------------------------------------------------------------


def python() -> Iterator[str]:
    return (text for path, text in files() if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts)


def test_every_check_of_the_configuration_stands_in_troubleshooting() -> None:
    told = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    ids = {found for text in python() for found in re.findall(r'id="((?:jiayi|cases|wecom)\.[EW]\d{3})"', text)}
    assert len(ids) > 15
    assert ids == set(re.findall(r"`((?:jiayi|cases|wecom)\.[EW]\d{3})`", told))


def test_every_function_that_the_architecture_names_is_there() -> None:
    named = set(re.findall(r"`(\w+)\(\)`", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")))
    defined = {found for text in python() for found in re.findall(r"(?m)^\s*(?:async )?def (\w+)\(", text)}
    assert len(named) > 50
    assert not named - defined
