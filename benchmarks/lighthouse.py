"""Lighthouse on the landing page, the sign-in and a conversation: the scores of its mobile profile.

    .venv/bin/python -m benchmarks.lighthouse [--database-url postgres://…/postgres] [--reports var/lighthouse]

A real server as in production (DEBUG off, hashed and compressed static files), Debian's Chromium, Lighthouse from npm
in var/lighthouse-npm (installed at the first run; needs Node.js 18 or newer). The conversation is a member's, signed
in, with twenty messages. The aim is 98 / 100 / 100 / 100; prints what costs points. Loopback only, about two minutes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.servers import VAR, empty_database, environment, serving, set_up_django

CHROMIUM = "/usr/bin/chromium"
VERSION = "12.8.2"  # 13 wants a newer Node.js than Debian 12 has
NPM = VAR / "lighthouse-npm"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
RUNS = 3  # of each page; the median counts, as Lighthouse advises
MESSAGES = 20


def install() -> str:
    """Have Lighthouse from npm; give "", or why there is none."""
    if not Path(CHROMIUM).exists():
        return f"there is no {CHROMIUM}"
    if shutil.which("npm") is None:
        return "there is no npm"
    if not (NPM / "node_modules" / ".bin" / "lighthouse").exists():
        NPM.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(NPM), "--no-audit", "--no-fund", f"lighthouse@{VERSION}"]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            return "npm could not install Lighthouse"
    return ""


def measure(options: argparse.Namespace) -> figures.Tables:
    """Give the scores of each page; say on stderr what costs points."""
    if why := install():
        print(f"LIGHTHOUSE WAS NOT RUN: {why}.", file=sys.stderr)
        return {}
    node = os.environ["PATH"]
    with empty_database(options.database_url) as url:
        env = environment(url)
        set_up_django(env)
        from django.core.management import call_command

        from benchmarks.long_case import fill
        from benchmarks.world import make_advisors, make_clients

        call_command("collectstatic", interactive=False, verbosity=0)
        (client,) = make_clients(1, make_advisors(1))
        fill(client.case, MESSAGES)
        pages = {
            "landing": ("/", {}),
            "sign-in": ("/accounts/login/", {}),
            "conversation": (f"/messages/{client.case}/", {"session": client.session, "csrftoken": client.csrf}),
        }
        with serving("jiayi.asgi:application", env, options.port) as server:
            table = {
                name: _scores(name, f"http://127.0.0.1:{server.port}{path}", cookies, node, options)
                for name, (path, cookies) in pages.items()
            }
    return {"Lighthouse, mobile": table}


def _scores(name: str, url: str, cookies: dict[str, str], path: str, options: argparse.Namespace) -> dict[str, float]:
    runs = sorted(
        (_run(f"{name}-{n}", url, cookies, path, options) for n in range(RUNS)),
        key=lambda report: report["categories"]["performance"]["score"] or 0,
    )
    report = runs[RUNS // 2]
    for category in CATEGORIES:
        for lost in _lost(report, category):
            print(f"{name}, {category}: {lost}", file=sys.stderr)
    return {category: round(100 * (report["categories"][category]["score"] or 0)) for category in CATEGORIES}


def _run(run: str, url: str, cookies: dict[str, str], path: str, options: argparse.Namespace) -> dict[str, Any]:
    """Give one report, of a browser that is new and has these cookies; it stays in --reports, as JSON."""
    from playwright.sync_api import sync_playwright

    file = options.reports / f"{run}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    debugging = options.port + 3
    arguments = [f"--remote-debugging-port={debugging}", "--no-sandbox", "--disable-gpu"]
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=arguments)
        try:
            for name, value in cookies.items():
                browser.add_cookies([{"name": name, "value": value, "domain": "127.0.0.1", "path": "/"}])
            subprocess.run(_command(url, file, debugging), env={**os.environ, "PATH": path}, check=True, timeout=180)
        finally:
            browser.close()
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def _command(url: str, file: Path, debugging: int) -> list[str]:
    return [
        str(NPM / "node_modules" / ".bin" / "lighthouse"),
        url,
        "--quiet",
        "--output=json",
        f"--output-path={file}",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--port={debugging}",
        "--disable-storage-reset",  # it would take the cookies
    ]


def _lost(report: dict[str, Any], category: str) -> list[str]:
    """Name the audits of a category that cost it points, with what was measured."""
    audits = report["audits"]
    counted = [audits[one["id"]] for one in report["categories"][category]["auditRefs"] if one["weight"]]
    bad = [audit for audit in counted if audit["score"] is not None and audit["score"] < 1]
    return [f"{audit['id']} {audit.get('displayValue', '')}".strip() for audit in bad]


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--reports", type=Path, default=VAR / "lighthouse", metavar="DIR", help="(var/lighthouse)")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
