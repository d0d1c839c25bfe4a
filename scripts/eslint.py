"""ESLint, installed by npm into node_modules as package-lock.json says. The product runs without it."""

import shutil
import subprocess
from functools import cache

from scripts.processes import ROOT

LOCK = ROOT / "package-lock.json"
MODULES = ROOT / "node_modules"
STAMP = MODULES / ".installed"  # holds the lock by which they were installed
COMMAND = ("node", "node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "static", "eslint.config.mjs")


@cache
def missing() -> str:
    """Have ESLint installed; give "", or why there is none."""
    for name, what in (("node", "Node.js"), ("npm", "npm")):
        if shutil.which(name) is None:
            return f"no {what}"
    lock = LOCK.read_text(encoding="utf-8")
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == lock:
        return ""
    done = subprocess.run(["npm", "ci", "--silent"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"npm ci could not install ESLint: {done.stderr.strip()[-300:] or done.returncode}"
    STAMP.write_text(lock, encoding="utf-8")
    return ""
