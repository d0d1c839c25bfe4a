"""`make test`: every test on PostgreSQL, what asks the engine on SQLite too, and the pages in a browser.

`make prove` (--prove): in full size the tests that are small in `make test`, and those that it leaves out. CI runs both
(--then-prove).

Two runs at a time; each prints its whole report when it is its turn. What could not be run is said loudly, or is
a failure with --require-postgres and --require-chromium (.ci/run). The last line sums everything up.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from scripts.processes import ROOT, install, start, stop

REPORTS = ROOT / "var" / "test"
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/jiayi"
# Debian's Chromium without a window, in which a page costs a sixth; or the whole one.
CHROMIUMS = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
CHINESE_FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
AT_A_TIME = 2  # runs, on two cores: a third takes from the other two what it gains
RUN_TIMEOUT = 40 * 60  # seconds for one run; a hanging test fails by itself long before (pytest-timeout)
DOMAIN = ("tests/members", "tests/advisors", "tests/cases")  # what must work without wecom
SLOWEST = 10  # are named
# Half of the browser's tests by their time; every other file of tests/browser is in the other half.
ONE_HALF = tuple(
    f"tests/browser/test_{name}.py" for name in ("guards", "case_list", "files", "search", "rendering", "desk")
)


@dataclass(frozen=True)
class Run:
    """One pytest process: its name, what it runs, and on what (a choice of --only)."""

    name: str
    on: str
    title: str
    arguments: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    at_least: int = 1  # tests: a choice of tests that has become smaller than it can be is a failure


@dataclass
class Result:
    """What came of it; `skips` are the names of skipped tests with their reasons, `times` how long each test took."""

    run: Run
    passed: int = 0
    failed: int = 0
    skips: list[str] = field(default_factory=list)
    times: list[tuple[float, str]] = field(default_factory=list)


def postgres_url() -> tuple[str, str]:
    """Give the URL of a PostgreSQL server that answers and "", or "" and why there is none."""
    url = os.environ.get("TEST_POSTGRES_URL", "").strip() or LOCAL_POSTGRES
    try:
        psycopg2.connect(_with_database(url, "postgres"), connect_timeout=5).close()
    except psycopg2.Error as error:
        where = "TEST_POSTGRES_URL" if url != LOCAL_POSTGRES else "127.0.0.1:5432 (TEST_POSTGRES_URL is not set)"
        return "", f"no PostgreSQL at {where}: {str(error).splitlines()[0]}"
    return url, ""


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def own_database(url: str, part: str) -> str:
    """Give the URL with a database name of this run's own: two test runs on one machine do not meet.

    Django makes the database itself and calls it test_<name>.
    """
    return _with_database(url, f"jiayi_{os.getpid()}_{part}")


def drop_own_databases(url: str) -> None:
    """Drop what a broken-off run left of the databases that own_database named."""
    with suppress(psycopg2.Error):
        connection = psycopg2.connect(_with_database(url, "postgres"), connect_timeout=5)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [rf"test\_jiayi\_{os.getpid()}\_%"])
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.close()


def install_chromium() -> str:
    """Install Chromium and a Chinese font where they are missing and we may. Give "", or why there is no Chromium."""
    install([] if CHINESE_FONT.exists() else ["fonts-noto-cjk"])
    for chromium in CHROMIUMS:
        install([] if chromium.exists() else [chromium.name])
        if chromium.exists():
            return ""
    return f"no {CHROMIUMS[0]}; as root on Debian this script installs it with apt-get"


def begin(run: Run) -> subprocess.Popen[bytes]:
    """Start pytest with its output and its report in files of the run's own."""
    log, report = REPORTS / f"{run.name}.log", REPORTS / f"{run.name}.xml"
    log.unlink(missing_ok=True)
    report.unlink(missing_ok=True)
    options = (f"--junitxml={report}", "-o", f"cache_dir=.pytest_cache/{run.name}", "--color=no", "-rs")
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | run.env
    env["JIAYI_ENV_FILE"] = os.devnull  # what a developer has in .env changes no test
    env["PYTHONDONTWRITEBYTECODE"] = ""  # else each run, and each server of a test, compiles all modules anew: 4 s
    return start([sys.executable, "-m", "pytest", *options, *run.arguments], env, log)


def finish(run: Run, code: int) -> Result:
    """Print the whole report of a run that has ended with that exit code, and read its counts."""
    print(f"\n######## {run.title} ########", flush=True)
    sys.stdout.buffer.write((REPORTS / f"{run.name}.log").read_bytes())
    sys.stdout.flush()
    result = Result(run)
    cases: list[ElementTree.Element] = []
    with suppress(OSError, ElementTree.ParseError):
        cases = list(ElementTree.parse(REPORTS / f"{run.name}.xml").iter("testcase"))  # noqa: S314 - our own file
    for case in cases:
        _count(result, case)
    ran = result.passed + len(result.skips)
    # A run that broke off, or ran too few, is a failure even though no test of it failed.
    if (code or not result.passed or ran < run.at_least) and not result.failed:
        print(
            f"######## {run.title}: pytest ended with exit code {code}, {ran} of at least {run.at_least} tests",
            flush=True,
        )
        result.failed = 1
    return result


def _count(result: Result, case: ElementTree.Element) -> None:
    name = f"{case.get('classname')}::{case.get('name')}"
    result.times.append((float(case.get("time", "0")), f"{name} ({result.run.on})"))
    if case.find("failure") is not None or case.find("error") is not None:
        result.failed += 1
    elif (skip := case.find("skipped")) is not None:
        result.skips.append(f"{name}: {skip.get('message')}")
    else:
        result.passed += 1


def planned(extra: Sequence[str], postgres: str) -> list[Run]:
    """Give the runs of `make test`, the longest first. `postgres` is a server's URL, or "": SQLite has all."""
    pages, other_pages = (*ONE_HALF, *extra), ("tests/browser", *(f"--ignore={one}" for one in ONE_HALF), *extra)
    wecom, rest = ("tests/wecom", *extra), ("--ignore=tests/browser", "--ignore=tests/wecom", *extra)
    engine, domain = ("-m", "engine", "--ignore=tests/browser", *extra), ("-m", "without_wecom", *DOMAIN, *extra)
    few, fewer = (0, 0) if extra else (250, 50)
    if postgres:
        urls = [{"DATABASE_URL": own_database(postgres, part)} for part in ("wecom", "rest")]
        on_databases = [
            Run("postgres-wecom", "postgres", "PostgreSQL, wecom", wecom, urls[0]),
            Run("postgres-rest", "postgres", "PostgreSQL, all but wecom", rest, urls[1]),
            Run("sqlite", "sqlite", "SQLite, what asks the engine", engine, at_least=few),
        ]
    else:
        on_databases = [
            Run("sqlite-wecom", "sqlite", "SQLite, wecom", wecom),
            Run("sqlite-rest", "sqlite", "SQLite, all but wecom", rest),
        ]
    alone = {"DJANGO_SETTINGS_MODULE": "tests.settings_without_wecom"}
    return [
        *on_databases,
        Run("browser-too", "browser", "Chromium, the other half", other_pages),
        Run("browser", "browser", "Chromium, one half", pages),
        Run("without-wecom", "without-wecom", "the domain without wecom", domain, alone, at_least=fewer),
    ]


def proving(extra: Sequence[str], postgres: str) -> list[Run]:
    """Give the runs of `make prove`: the tests that have two sizes, in the full one."""
    full, rest = {"TEST_SIZE": "full"}, ("--ignore=tests/browser", *extra)
    on_postgres = full | {"DATABASE_URL": own_database(postgres, "prove")}
    return [
        Run("prove-postgres", "postgres", "PostgreSQL, full size", ("-m", "sized", *rest), on_postgres),
        Run("prove-sqlite", "sqlite", "SQLite, full size", ("-m", "sized and engine", *rest), full),
        Run("prove-browser", "browser", "Chromium, full size", ("tests/browser", "-m", "sized", *extra), full),
    ]


def run_all(runs: list[Run]) -> list[Result]:
    """Make the runs, AT_A_TIME of them at once; each prints its whole report when it has ended."""
    waiting, results = list(runs), []
    running: dict[str, tuple[Run, subprocess.Popen[bytes], float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < AT_A_TIME:
                run = waiting.pop(0)
                running[run.name] = (run, begin(run), time.monotonic() + RUN_TIMEOUT)
            for run, child, deadline in list(running.values()):
                if child.poll() is not None or time.monotonic() > deadline:
                    stop([child], 5)
                    del running[run.name]
                    results.append(finish(run, child.returncode))
            time.sleep(0.1)
    finally:
        stop([child for _, child, _ in running.values()], 5)
    return results


def summary(results: list[Result], absent: dict[str, str], required: set[str], seconds: float) -> int:
    """Print what was skipped, what could not be run, and the sum as the last line. Give the exit code."""
    print(f"\n######## all runs, {seconds:.0f} s ########")
    for result in results:
        for skip in result.skips:
            print(f"SKIPPED ({result.run.title}) {skip}")
    for what, why in absent.items():
        print(f"!!!!!!!! NOT TESTED on {what}: {why}")
    times = sorted((time for result in results for time in result.times), reverse=True)[:SLOWEST]
    print(f"The {len(times)} slowest: {'; '.join(f'{name} {seconds:.1f} s' for seconds, name in times)}")
    failed = sum(result.failed for result in results) + len(required & set(absent))
    passed, skipped = sum(result.passed for result in results), sum(len(result.skips) for result in results)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--require-postgres", action="store_true", help="no PostgreSQL is a failure")
    parser.add_argument("--require-chromium", action="store_true", help="no Chromium is a failure")
    parser.add_argument("--prove", action="store_true", help="instead, the tests that have a full size, in full size")
    parser.add_argument("--then-prove", action="store_true", help="these afterwards")
    parser.add_argument(
        "--only", action="append", default=[], choices=["sqlite", "postgres", "browser", "without-wecom"]
    )
    parser.add_argument("extra", nargs="*", help="further arguments for pytest, after --")
    return parser.parse_args()


def chosen(arguments: argparse.Namespace, postgres: str, absent: Iterable[str]) -> list[Run]:
    """Give the runs that were asked for and can be made here, in their order."""
    runs = [] if arguments.prove else planned(arguments.extra, postgres)
    runs += proving(arguments.extra, postgres) if arguments.prove or arguments.then_prove else []
    lacking = {{"PostgreSQL": "postgres", "Chromium": "browser"}[what] for what in absent}
    return [run for run in runs if run.on not in lacking and (not arguments.only or run.on in arguments.only)]


def main() -> int:
    """Run what can be run here; 0 when nothing failed."""
    arguments = _arguments()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # tidy up, as after Ctrl-C
    REPORTS.mkdir(parents=True, exist_ok=True)
    url, no_postgres = postgres_url()
    no_chromium = install_chromium()
    absent = {what: why for what, why in (("PostgreSQL", no_postgres), ("Chromium", no_chromium)) if why}
    required = {"PostgreSQL"} if arguments.require_postgres else set()
    required |= {"Chromium"} if arguments.require_chromium else set()
    for what, why in absent.items():
        print(f"!!!!!!!! {what} will not be tested: {why}", flush=True)
    runs = chosen(arguments, url, absent)
    print(f"Running: {'; '.join(run.title for run in runs)}. Live output: var/test/*.log", flush=True)
    try:
        results = run_all(runs)
    finally:
        drop_own_databases(url)
    return summary(results, absent, required, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
