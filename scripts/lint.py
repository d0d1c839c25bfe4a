"""`make lint`: everything that can be said about the code without running it. All checks run; any finding fails."""

import argparse
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts import eslint
from scripts.processes import ROOT

BIN = Path(sys.executable).parent

# What puts text into a page without escaping it. A file that needs one is named here, with the reason.
RAW_HTML = re.compile(
    r"mark_safe|SafeString|innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment"
    r"|\|\s*safe\b|autoescape\s+off|format_html\(\s*f[\"']"
)
RAW_HTML_ALLOWED: dict[str, str] = {}
RAW_HTML_WHERE = ("jiayi", "members", "advisors", "cases", "wecom", "templates", "static")

# As in production, so that `check --deploy` sees what a production system would.
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "scripts.settings_for_lint",
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "jiayi.example",
    "SITE_URL": "https://jiayi.example",
    "DATABASE_URL": "postgresql://jiayi@127.0.0.1:5432/jiayi",
    "EMAIL_URL": "smtp+tls://jiayi:secret@mail.example:587",
    "DEFAULT_FROM_EMAIL": "Jiayi <no-reply@jiayi.example>",
    "WECHAT_WEBHOOK_URL": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=00000000-0000-4000-8000-000000000000",
    "WECHAT_CORP_ID": "wwexample00000000",
    "WECHAT_CALLBACK_TOKEN": secrets.token_hex(12),
    "WECHAT_ENCODING_AES_KEY": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPA",
    "WECHAT_AGENT_ID": "1000002",
}
DEVELOPMENT = {"DEBUG": "true", "DATABASE_URL": "sqlite://:memory:"}

Checks = Iterator[tuple[str, str]]


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Give what a command says when it fails, or "" when it passes. `env` replaces the project's own variables."""
    # Nothing of a developer's own settings: neither .env nor the shell's.
    clean = {name: value for name, value in os.environ.items() if name not in PRODUCTION}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=clean | {"JIAYI_ENV_FILE": os.devnull, "WECOM_SANDBOX": "false"} | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return (result.stdout + result.stderr).strip() or f"exit code {result.returncode}" if result.returncode else ""


def raw_html() -> str:
    """Find the places that put text into a page unescaped, outside the allowed files."""
    found = []
    for folder in RAW_HTML_WHERE:
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix not in {".py", ".html", ".txt", ".js"} or name in RAW_HTML_ALLOWED:
                continue
            lines = path.read_text(encoding="utf-8").split("\n")
            found += [f"{name}:{i}: {line.strip()[:100]}" for i, line in enumerate(lines, 1) if RAW_HTML.search(line)]
    return "\n".join(found)


def checks() -> Checks:
    """Run the checks one after another; each yields its name and what it found."""
    yield "ruff check", run(BIN / "ruff", "check", ".")
    yield "ruff format", run(BIN / "ruff", "format", "--check", ".")
    yield "mypy", run(BIN / "mypy")
    yield "import contract", run(BIN / "lint-imports", "--no-logo")
    django = (sys.executable, "manage.py")
    yield "missing migrations", run(*django, "makemigrations", "--check", "--dry-run", env=DEVELOPMENT)
    yield "check --deploy", run(*django, "check", "--deploy", "--fail-level", "WARNING", env=PRODUCTION)
    yield "text put into pages unescaped", raw_html()
    if not eslint.missing():
        yield "JavaScript (ESLint)", run(*eslint.COMMAND)


def main(arguments: list[str]) -> int:
    """Print every check with its findings; 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require-node", action="store_true", help="fail where the JavaScript cannot be checked")
    options = parser.parse_args(arguments)
    failed = 0
    for name, findings in checks():
        print(f"{'FAILED' if findings else 'ok    '} {name}", flush=True)
        if findings:
            failed += 1
            print(findings, flush=True)
    if why := eslint.missing():
        print(f"!!!!!!!! NOT CHECKED: JavaScript ({why})", flush=True)
        failed += options.require_node
    clean = "all clean" if not why else "clean, but the JavaScript was NOT checked"
    print(f"lint: {failed} failed" if failed else f"lint: {clean}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
