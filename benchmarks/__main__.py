"""`make bench`: all benchmarks on SQLite and on PostgreSQL, printed as the tables of docs/performance.md.

    .venv/bin/python -m benchmarks [--runs 3]

PostgreSQL is the server of TEST_POSTGRES_URL, or the local one; without either it says so. One run takes about seven
minutes; with more runs each figure is the median of its runs. Other programs on the machine disturb all of this: the
load average before each run is printed with it.
"""

import argparse
import json
import os
import subprocess
import sys

import psycopg2

from benchmarks import figures
from scripts.processes import ROOT

SCRIPTS = (
    "callback_to_stream",
    "post_to_stream",
    "core_path",
    "callbacks_per_second",
    "post_while_wecom_hangs",
    "long_conversations",
    "message_page",
    "many_sessions",
)
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
TIMEOUT = 300.0  # seconds for one script


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, choices=range(1, 10), metavar="N")
    runs = parser.parse_args().runs
    server = postgres()
    print(f"{figures.machine()}\n", flush=True)
    for script in SCRIPTS:
        print(f"## {script}\n", flush=True)
        for url in ["", server] if server else [""]:
            _several(script, url, runs)
    if not server:
        print("PostgreSQL WAS NOT MEASURED: no server answers at TEST_POSTGRES_URL or 127.0.0.1:5432.")
    return 0


def postgres() -> str:
    url = os.environ.get("TEST_POSTGRES_URL", "").strip()
    url = url.rsplit("/", 1)[0] + "/postgres" if url else LOCAL_POSTGRES
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.Error:
        return ""
    return url


def _several(script: str, url: str, runs: int) -> None:
    loads, results = [], []
    for _ in range(runs):
        loads.append(f"{os.getloadavg()[0]:.1f}")
        command = [sys.executable, "-m", f"benchmarks.{script}", "--json", "--database-url", url]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=TIMEOUT)
        if done.returncode:
            raise SystemExit(f"{script} failed; what it said stands above")
        results.append(json.loads(done.stdout))
    for title, table in figures.median(results).items():
        print(f"{figures.markdown(title, table)}\n")
    print(f"(load average before: {', '.join(loads)})\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
