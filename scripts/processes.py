"""Start programs that cannot outlive us, and end them. For run.py, test.py and production.py; standard library only."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PR_SET_PDEATHSIG = 1


def _prctl() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return ctypes.CDLL(None).prctl


_PRCTL = _prctl()  # looked up before any fork


def die_with(parent: int) -> None:
    """Have the kernel send this process SIGTERM when the process `parent`, which started it, ends. Linux only."""
    if _PRCTL is None:
        return
    _PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def start(command: Sequence[str], env: Mapping[str, str], log: Path, folder: Path = ROOT) -> subprocess.Popen[bytes]:
    """Start a program in a folder, in a process group of its own, with all its output appended to `log`.

    The terminal's Ctrl-C does not reach it, we end it; and it is told to end when we are killed.
    """
    me = os.getpid()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with(me),
        )


def stop(children: Iterable[subprocess.Popen[bytes]], patience: float) -> None:
    """Ask the programs to end, wait up to `patience` seconds in all, then kill what is left of their groups."""
    children = list(children)
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + patience
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def tail(log: Path, lines: int = 30) -> str:
    """Give the last lines of a program's output, indented."""
    with contextlib.suppress(OSError):
        text = log.read_bytes()[-20_000:].decode(errors="replace").rstrip()
        return "\n".join(f"    {line}" for line in text.split("\n")[-lines:])
    return "    (no output)"


def install(packages: Sequence[str]) -> None:
    """Install Debian's packages, if there are any and we may. Whether they are there then, the caller looks."""
    if not packages or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"Installing {' and '.join(packages)} with apt-get…", flush=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes", *packages]):
        subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
