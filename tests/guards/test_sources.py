"""What must not stand in our sources: ways to run what somebody wrote, and text without a translation."""

import ast
import gettext
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation.template import templatize

from tests.guards.access import METHODS, is_admin, row_of
from tests.guards.routes import all_routes
from tests.guards.stage import JSON, Stage
from tests.support.recording import undone
from tests.support.size import part, sized

ROOT = Path(settings.BASE_DIR)
APPS = ("jiayi", "members", "advisors", "cases", "wecom")
CHINESE = re.compile(r"[\u3400-\u9fff]+")


def sources(*patterns: str) -> list[Path]:
    found = [path for pattern in patterns for path in ROOT.glob(pattern) if "migrations" not in path.parts]
    assert found, patterns
    return sorted(found)


TEMPLATES = ("templates/**/*.*", *(f"{app}/templates/**/*.*" for app in APPS))
SCRIPTS = ("static/**/*.js",)
PYTHON = tuple(f"{app}/**/*.py" for app in APPS)
FORBIDDEN = {
    TEMPLATES: {
        "text that is not escaped": r"\|\s*safe\b|safeseq|autoescape\s+off",
        "an inline handler": r"<[^>]*\son\w+\s*=",
        "an inline style": r"<[^>]*\sstyle\s*=|<style\b",
        "an inline script": r"<script\b(?![^>]*\ssrc=)",
        "a script address": r"javascript:",
    },
    SCRIPTS: {
        "HTML from a string": r"(?:inner|outer|insertAdjacent)HTML|document\.write|ContextualFragment|DOMParser|srcdoc",
        "code from a string": r"\beval\s*\(|new\s+Function|set(?:Timeout|Interval)\s*\(\s*[\"'`]",
        "a handler as attribute": r"setAttribute\(\s*[\"']on|[\"']on\w+[\"']\s*:",
        "a style from a string": r"cssText|setAttribute\(\s*[\"']style|\bel\([^)]*\bstyle:",
        "a script address": r"javascript:",
    },
    PYTHON: {
        "text that is not escaped": r"mark_safe|SafeString|SafeText|html_safe|__html__|autoescape",
        "format_html of a text made before": r"format_html\(\s*f[\"']|format_html\([^\"'\s]",
        "code from a string": r"\b(?:eval|exec)\(|pickle|yaml\.load\(",
    },
}
# Path and the whole line, with the reason why it does no harm.
ALLOWED: dict[tuple[str, str], str] = {}


@pytest.mark.parametrize("patterns", FORBIDDEN, ids=["templates", "scripts", "python"])
def test_nothing_in_our_sources_makes_code_or_markup_of_a_text(patterns: tuple[str, ...]) -> None:
    found = {}
    for path in sources(*patterns):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            for what, pattern in FORBIDDEN[patterns].items():
                where = (str(path.relative_to(ROOT)), line.strip())
                if re.search(pattern, line) and where not in ALLOWED:
                    found[where] = what
    assert not found, "use el() of dom.js, classes, format_html; or say in ALLOWED why it does no harm"


def test_the_gate_sees_what_it_is_for() -> None:
    templates, scripts, python = FORBIDDEN.values()
    for pattern, line in (
        (templates["text that is not escaped"], "{{ message.body|safe }}"),
        (templates["an inline handler"], '<a href="x" onclick="y()">'),
        (templates["an inline script"], "<script>"),
        (scripts["HTML from a string"], "element.innerHTML = text"),
        (scripts["code from a string"], 'setTimeout("x()", 5)'),
        (python["text that is not escaped"], "return mark_safe(text)"),
        (python["format_html of a text made before"], 'format_html(f"<b>{name}</b>")'),
    ):
        assert re.search(pattern, line), line
    assert not re.search(
        templates["an inline script"], '<script type="module" src="{% static \'js/pages/site.js\' %}"></script>'
    )


# Translations -----------------------------------------------------------------------------------------

# The brand, and the names that are Chinese in every language.
STAYS_CHINESE = ("佳忆", "中文")
_TRANSLATED = re.compile(
    r"{%\s*(?:translate|trans)\b.*?%}|{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}|{%\s*comment\s*%}.*?{%\s*endcomment\s*%}|{#.*?#}",
    re.DOTALL,
)


def without_what_stays(text: str) -> str:
    """Without the brand, and without elements that say of themselves that they are Chinese."""
    text = re.sub(r'<(\w+)(?=[^>]*\slang="zh-Hans")[^>]*>.*?</\1>', "", text, flags=re.DOTALL)
    for word in STAYS_CHINESE:
        text = text.replace(word, "")
    return text


def test_no_text_in_a_template_or_a_script_is_outside_the_translations() -> None:
    found = {}
    for path in sources(*TEMPLATES):
        if path.suffix == ".html":
            text = without_what_stays(_TRANSLATED.sub("", path.read_text(encoding="utf-8")))
            if chinese := CHINESE.findall(text):
                found[str(path.relative_to(ROOT))] = chinese
    for path in sources(*SCRIPTS):
        code = re.sub(r"(?m)(?<!:)//.*$|/\*.*?\*/", "", path.read_text(encoding="utf-8"))
        if chinese := CHINESE.findall(code):
            found[str(path.relative_to(ROOT))] = chinese
    assert not found, "templates: {% translate %}; scripts: a word of templates/cases/_words.html"


ASKING = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}


def english() -> gettext.NullTranslations:
    with (ROOT / "locale/en/LC_MESSAGES/django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def msgids() -> dict[str, str]:
    """Every Chinese text that asks for a translation, and a file where it stands."""
    found = {}
    for path in sources(*TEMPLATES):
        if path.suffix in {".html", ".txt"}:
            asked = templatize(path.read_text(encoding="utf-8"), origin=str(path))
            for text in re.findall(r"gettext\(u?'((?:[^'\\]|\\.)*)'|gettext\(u?\"((?:[^\"\\]|\\.)*)\"", asked):
                found[(text[0] or text[1]).encode("latin-1", "backslashreplace").decode("unicode_escape")] = path.name
    for path in sources(*PYTHON):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ASKING and node.args:
                text = node.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[text.value] = path.name
    return {text: name for text, name in found.items() if CHINESE.search(text)}


def test_every_chinese_text_has_its_english() -> None:
    """scripts/messages.sh brings locale/en up to date; then translate what is new and compile."""
    known, texts = english(), msgids()
    assert len(texts) > 200
    missing = {
        text: name for text, name in texts.items() if known.gettext(text) == text and not known.ngettext(text, "", 2)
    }
    assert not missing


def said_in_english(response: Any) -> str:
    """What a reader of English is shown, without messages of people and of the system, which are as once written."""
    text = response.getvalue().decode(errors="replace")
    text = re.sub(r'<li class="message system".*?</li>', "", text, flags=re.DOTALL)
    text = re.sub(r'<span class="case-last[^>]*>.*?</span>', "", text, flags=re.DOTALL)
    return without_what_stays(text)


ENGLISH = ["anonymous", "wang", "li", "zhang", "pending", "staff"]


@sized
@pytest.mark.django_db
@pytest.mark.parametrize("actor", ENGLISH)
def test_in_english_no_chinese_is_left_on_any_page_or_in_any_error(stage: Stage, actor: str) -> None:
    left = {}
    for at, route in enumerate(route for route in all_routes() if not is_admin(route)):
        row = row_of(route)
        # WeCom's stand-in plays a Chinese program.
        if route.pattern.startswith(("/sandbox/", "/api/wechat/")):
            continue
        for method in (method for method in METHODS if row.who(method) is not None):
            bodies = ("{}", '{"client_id": "*", "seq": "x"}', "nonsense") if method != "GET" else ("",)
            for body in part(bodies, 3, at + ENGLISH.index(actor)):
                with undone():
                    kind = "application/x-www-form-urlencoded" if row.form else JSON
                    url = route.url(stage.values())
                    response = stage.ask(actor, method, url, body, kind, {"HTTP_ACCEPT_LANGUAGE": "en"})
                is_messages = response.status_code < 300 and url.startswith("/api/")
                if not is_messages and (chinese := CHINESE.findall(said_in_english(response))):
                    left[f"{method} {route.pattern}"] = chinese
    assert not left
