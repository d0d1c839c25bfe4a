"""Figures: how they are summed up, written down and printed."""

import argparse
import json
import math
import os
import platform
import signal
import sqlite3
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# Row -> column (a figure with its unit) -> number; and such tables by their titles.
Table = dict[str, dict[str, float]]
Tables = dict[str, Table]


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the smallest of the values that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def milliseconds(seconds: Sequence[float], *percents: int) -> dict[str, float]:
    """Give percentiles of durations, named like `p50 ms`."""
    return {f"p{percent} ms": percentile(seconds, percent) * 1000 for percent in percents}


def median(runs: Sequence[Tables]) -> Tables:
    """Give the median of each figure over several runs."""
    return {
        title: {
            row: {name: statistics.median(run[title][row][name] for run in runs) for name in figures}
            for row, figures in table.items()
        }
        for title, table in runs[0].items()
    }


def markdown(title: str, table: Table) -> str:
    """Give the table with one column for each figure that occurs."""
    columns = list(dict.fromkeys(name for figures in table.values() for name in figures))
    lines = [f"| {title} | {' | '.join(columns)} |", "|" + " --- |" * (len(columns) + 1)]
    for row, figures in table.items():
        cells = (_number(figures[name]) if name in figures else "" for name in columns)
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    """Three digits are what a benchmark on a shared machine is worth."""
    digits = 0 if value == int(value) else max(0, 2 - math.floor(math.log10(abs(value)))) if abs(value) < 100 else 0
    return f"{value:,.{min(digits, 2)}f}"


def machine() -> str:
    """Say on what this runs, and how busy it was before we began."""
    one, five, _fifteen = os.getloadavg()
    models = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    cores = f"{os.cpu_count()} × {models[0] if models else platform.machine()}"
    versions = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{cores}, {versions}, SQLite {sqlite3.sqlite_version}; load {one:.1f} (1 min), {five:.1f} (5 min)"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Give what all the benchmarks are told on the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", default="", help="a PostgreSQL server on which to create a database (SQLite)")
    parser.add_argument("--port", type=int, default=8750, help="the first of four ports (8750)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def engine(options: argparse.Namespace) -> str:
    """Name the database."""
    return "PostgreSQL" if options.database_url else "SQLite"


def report(options: argparse.Namespace, measure: Callable[[argparse.Namespace], Tables]) -> None:
    """Measure and print. SIGTERM ends it as Ctrl-C does: servers stopped, database gone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    before = machine()
    tables = measure(options)
    if options.json:
        print(json.dumps(tables))
    else:
        print("\n\n".join([before, *(markdown(title, table) for title, table in tables.items())]))
