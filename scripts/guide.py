"""The production guide, read as what it is: a list of commands. Standard library only."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.processes import ROOT

MANAGE = "manage()"  # how the function begins that later commands use
TIMEOUT = 600  # seconds for one command; the longest installs the requirements


class Failed(Exception):
    """Something did not go as the guide says; the text says what."""


def commands(document: str, heading: str) -> Iterator[str]:
    """Give the commands of the first block of shell under a heading of a document, without their comments."""
    text = "\n" + (ROOT / document).read_text(encoding="utf-8")
    text = text.partition(f"\n{heading}\n")[2]
    block = text.partition("\n```sh\n")[2].partition("\n```\n")[0]
    if not block:
        raise Failed(f"{document} has no commands under {heading!r}.")
    for line in block.splitlines():
        if command := re.sub(r"(^| +)# .*", "", line).strip():
            yield command


@dataclass
class Shell:
    """Runs the guide's commands in another folder than /srv/jiayi, as whoever we are, with another database.

    `instead` says what stands in place of which part of a command; the first that fits is taken first.
    """

    folder: Path
    env: dict[str, str]
    instead: dict[str, str]
    functions: list[str] = field(default_factory=list)

    def here(self, command: str) -> str:
        """Return a command as it has to be here."""
        for pattern, replacement in self.instead.items():
            command = re.sub(pattern, replacement.replace("\\", r"\\"), command)
        return command

    def run(self, command: str, **more: str) -> str:
        """Run a command of the guide and return what it says. Raises Failed when it fails."""
        ours = self.here(command)
        if ours.startswith(MANAGE):
            self.functions.append(ours)
            return ""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join([*self.functions, ours])],
            cwd=self.folder if self.folder.exists() else self.folder.parent,
            env=self.env | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise Failed(
                f"{command}\n  run as: {ours}\n  ended with exit code {done.returncode}:\n{done.stdout.strip()}"
            )
        return done.stdout


def bare_environment(**more: str) -> dict[str, str]:
    """Return our environment without a setting of the product, or anything that make or Python left in it."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    ours = {*re.findall("^([A-Z0-9_]+)=", example, re.MULTILINE), "JIAYI_ENV_FILE", "DJANGO_SETTINGS_MODULE"}
    ours |= {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in ours} | more


def fill_in(file: Path, **values: str) -> None:
    """Give variables of an `.env` their values, as a person would with an editor. Raises Failed if one is not in it."""
    text = file.read_text(encoding="utf-8")
    for name, value in values.items():
        line = f"{name}={value}".replace("\\", r"\\")
        text, found = re.subn(f"^{name}=.*$", line, text, flags=re.MULTILINE)
        if found != 1:
            raise Failed(f"{name} stands {found} times in .env.example, so nobody can fill it in.")
    file.write_text(text, encoding="utf-8")
