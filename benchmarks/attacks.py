"""`make attack`: what a visitor and WeCom notice while one stranger attacks, beside a quiet moment just before.

    .venv/bin/python -m benchmarks.attacks [search cases uploads sign-ups pictures resets] [--sqlite]

Each attack meets a server, a database and a worker of its own (benchmarks/attacked.py), on loopback, and ends by
itself: a quarter of an hour in all, longer on a product that has no limits. On PostgreSQL if there is one (at
TEST_POSTGRES_URL or on this machine), else, or with --sqlite, on SQLite. A stranger's request that a limit refuses is
as good as one that is taken quickly: both are counted.

The aim: pages at most twice as slow at p99 as in the quiet; WeCom always answered, within a second at p99. If WeCom's
part is missed, the command ends with 1. Others who use the machine disturb this: the load average is printed.
"""

import argparse
import json
import subprocess
import sys

from benchmarks import figures
from benchmarks.__main__ import postgres
from scripts.processes import ROOT

ATTACKS = ("search", "cases", "uploads", "sign-ups", "pictures", "resets")
TIMEOUT = 1200.0  # seconds for one attack
WITHIN = 1000.0  # ms at p99, for a callback
HEAD = (  # as in docs/performance.md
    "p50 / p99",
    "sign-in ms, quiet → attacked",
    "callback ms, quiet → attacked",
    "not answered: pages, callbacks",
    "taken / refused / left / errors",
    "alert s, quiet → attacked",
    "peak MB",
    "p99 ×: sign-in, callback",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"{', '.join(ATTACKS)} (all)")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite, although there is PostgreSQL")
    options = parser.parse_args()
    if unknown := set(options.attacks) - set(ATTACKS):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}")
    url = "" if options.sqlite else postgres()
    print(f"{figures.machine()}\n{'PostgreSQL' if url else 'SQLite'}\n")
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}", flush=True)
    missed = []
    for attack in options.attacks or ATTACKS:
        table = _table(attack, url)
        print(f"| {' | '.join([f'`{attack}`', *_cells(**table)])} |", flush=True)
        if table["attacked"]["callback p99 ms"] > WITHIN or table["attacked"]["callbacks unanswered"]:
            missed.append(attack)
    print(f"\nWeCom had to wait: {', '.join(missed) or 'never'}.")
    return 1 if missed else 0


def _table(attack: str, url: str) -> figures.Table:
    command = [sys.executable, "-m", "benchmarks.attacked", attack, "--json", "--database-url", url]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=TIMEOUT)
    if done.returncode:
        raise SystemExit(f"{attack} failed; what it said stands above")
    (table,) = json.loads(done.stdout).values()
    return dict(table)


def _cells(quiet: dict[str, float], attacked: dict[str, float], ratio: dict[str, float]) -> list[str]:
    def both(one: dict[str, float], probe: str) -> str:
        return f"{one[f'{probe} p50 ms']:,.0f} / {one[f'{probe} p99 ms']:,.0f}"

    became = (f"{attacked[name]:.0f}" for name in ("taken", "refused", "unanswered", "errors"))
    return [
        *(f"{both(quiet, probe)} → {both(attacked, probe)}" for probe in ("sign-in", "callback")),
        f"{attacked['pages unanswered']:.0f}, {attacked['callbacks unanswered']:.0f}",
        " / ".join(became),
        f"{quiet['alert s']:.1f} → {attacked['alert s']:.0f}",
        f"{attacked['peak MB']:,.0f}",
        ", ".join(f"{ratio[f'{probe} p99 ms']:.1f}" for probe in ("sign-in", "callback")),
    ]


if __name__ == "__main__":
    sys.exit(main())
