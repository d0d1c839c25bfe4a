"""Settings come from the environment; what is wrong stops the start and names its variable."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from jiayi.env import env_bool, env_int, env_list, env_secret, env_str

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r"""env_(?:str|bool|int|choice|list|parsed|secret)\(\s*["']([A-Z0-9_]+)["']""")
# gunicorn reads these two itself, before there are settings.
BY_GUNICORN = {"PORT", "WEB_CONCURRENCY"}


def read_by_the_product() -> set[str]:
    return set(READ.findall((ROOT / "jiayi" / "settings.py").read_text(encoding="utf-8"))) | BY_GUNICORN


def test_env_example_has_every_variable_once_and_no_other_each_with_its_line() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = [line.partition("=")[0] for line in lines if re.match("[A-Z0-9_]+=", line)]
    assert sorted(named) == sorted(read_by_the_product())
    # A second name may share the line above when the two belong together.
    explained = {"WECHAT_ROBOT_SECONDS", "FILES_S3_SECRET_KEY"}
    for at, line in enumerate(lines):
        if re.match("[A-Z0-9_]+=", line) and line.partition("=")[0] not in explained:
            assert lines[at - 1].startswith("# "), line


def test_the_settings_document_has_every_variable_once_in_its_table_and_says_which_are_secret() -> None:
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").split("\n## ")[0]
    assert sorted(re.findall(r"^\| `([A-Z0-9_]+)` \|", table, re.MULTILINE)) == sorted(read_by_the_product())
    source = (ROOT / "jiayi" / "settings.py").read_text(encoding="utf-8")
    secrets = set(re.findall(r"""env_secret\(\s*["']([A-Z0-9_]+)["']""", source))
    assert set(re.findall(r"^\| `([A-Z0-9_]+)` \|.*\| yes \|$", table, re.MULTILINE)) == secrets


def started(**env: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a process of its own, with nothing in the environment but this."""
    clean = {"PATH": os.environ["PATH"], "JIAYI_ENV_FILE": os.devnull, **env}
    command = [sys.executable, "-c", "import jiayi.settings as s; print('wecom.sandbox' in s.INSTALLED_APPS)"]
    return subprocess.run(command, env=clean, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


PRODUCTION = {"SECRET_KEY": "x" * 50, "SITE_URL": "https://jiayi.example"}


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"SITE_URL": "https://jiayi.example"}, "SECRET_KEY"),
        ({"SECRET_KEY": "x"}, "SITE_URL"),
        ({**PRODUCTION, "WECHAT_REPLY_ROUTING": "sometimes"}, "WECHAT_REPLY_ROUTING"),
        ({**PRODUCTION, "CONTACT_EMAIL": "office"}, "CONTACT_EMAIL"),
        ({**PRODUCTION, "CONTACT_PHONE": "call us"}, "CONTACT_PHONE"),
        ({**PRODUCTION, "PRIVACY_URL": "javascript:alert(1)"}, "PRIVACY_URL"),
        ({**PRODUCTION, "TERMS_URL": "https://jiayi.example@evil.example/"}, "TERMS_URL"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_missing_or_wrong_stops_the_start_and_is_named(env: dict[str, str], named: str) -> None:
    ended = started(**env)
    assert ended.returncode != 0
    assert named in ended.stderr.splitlines()[-1]


def test_the_sandbox_is_never_there_without_debug() -> None:
    assert started(**PRODUCTION, WECOM_SANDBOX="true").stdout.strip() == "False"


@pytest.mark.parametrize("value", ["maybe", "2", "１", "truee", "\x00"])
def test_a_switch_is_true_or_false_and_nothing_else(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr("jiayi.env.os.environ", {"SWITCH": value})
    with pytest.raises(ImproperlyConfigured, match="SWITCH"):
        env_bool("SWITCH", False)


@pytest.mark.parametrize("value", ["-1", "1.5", "abc", "１２", "99999999999", "9" * 5000])
def test_a_number_is_a_whole_one_within_its_bounds(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr("jiayi.env.os.environ", {"NUMBER": value})
    with pytest.raises(ImproperlyConfigured, match="NUMBER"):
        env_int("NUMBER", 1)


def test_a_secret_comes_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("geheim\n")
    monkeypatch.setattr("jiayi.env.os.environ", {"KEY_FILE": str(tmp_path / "key"), "KEY": "other", "LIST": " a,,b "})
    assert env_secret("KEY") == "geheim"
    assert env_list("LIST") == ["a", "b"]
    monkeypatch.setattr("jiayi.env.os.environ", {"KEY_FILE": str(tmp_path / "gone")})
    with pytest.raises(ImproperlyConfigured, match="KEY_FILE"):
        env_secret("KEY")
    with pytest.raises(ImproperlyConfigured, match="NAME is not set"):
        env_str("NAME")
