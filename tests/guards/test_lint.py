"""`make lint` never passes over the JavaScript in silence."""

import shutil
from collections.abc import Iterator

import pytest

from scripts import eslint, lint


@pytest.fixture(autouse=True)
def no_other_check(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lint, "checks", lambda: iter(()))
    eslint.missing.cache_clear()
    yield
    eslint.missing.cache_clear()


@pytest.mark.parametrize(("name", "said"), [("node", "no Node.js"), ("npm", "no npm")])
def test_without_node_lint_says_so_and_fails_where_it_is_required(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda one: None if one == name else f"/usr/bin/{one}")
    assert lint.main([]) == 0
    assert f"NOT CHECKED: JavaScript ({said})" in capsys.readouterr().out
    assert lint.main(["--require-node"]) == 1
    out = capsys.readouterr().out
    assert f"NOT CHECKED: JavaScript ({said})" in out
    assert "clean" not in out
