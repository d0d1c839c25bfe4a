"""`python -m scripts.sizes`: the median and the 90th percentile of lines per file and function, for each part.

Without migrations. For an older state, run it in a worktree of that commit.
"""

import ast
from collections.abc import Iterable
from pathlib import Path
from statistics import quantiles

from scripts.processes import ROOT

PARTS = ("jiayi", "members", "advisors", "cases", "wecom", "scripts", "tests")


def files_of(part: str, suffix: str) -> list[Path]:
    """Return the part's own files of this kind."""
    found = sorted((ROOT / part).rglob(f"*{suffix}"))
    return [path for path in found if "migrations" not in path.parts and path.stat().st_size]


def function_lines(path: Path) -> list[int]:
    """Return how many lines each function of a Python file has."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def summary(numbers: Iterable[int]) -> str:
    """Return 「median / p90 / most」 of some numbers."""
    some = sorted(numbers)
    if len(some) < 2:
        return " / ".join(map(str, some * 3))
    tenths = quantiles(some, n=10, method="inclusive")
    return f"{tenths[4]:.0f} / {tenths[8]:.0f} / {some[-1]}"


def main() -> None:
    """Print a line for each part."""
    print("lines: median / p90 / most")
    print(f"{'part':12} {'files':>5}  {'of a file':>15}  {'functions':>9}  {'of a function':>16}")
    for part in PARTS:
        paths = files_of(part, ".py")
        functions = [lines for path in paths for lines in function_lines(path)]
        lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in paths]
        print(f"{part:12} {len(paths):5}  {summary(lines):>15}  {len(functions):9}  {summary(functions):>16}")
    scripts = files_of("static/js", ".js")
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in scripts]
    print(f"{'static/js':12} {len(scripts):5}  {summary(lines):>15}")


if __name__ == "__main__":
    main()
