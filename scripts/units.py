"""What a systemd unit of docs/deploy/ starts, for whoever does what it says without systemd. Standard library only."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from scripts.processes import ROOT

UNITS = ROOT / "docs" / "deploy"
FOLDER = "/srv/jiayi"  # where the guide puts the site


@dataclass(frozen=True)
class Unit:
    """The variables a unit sets, the command it starts, and the commands that reload it."""

    environment: dict[str, str]
    start: list[str]
    reload: list[list[str]]


def read_unit(name: str, folder: Path = UNITS) -> Unit:
    """Read the unit `name` (jiayi-web, jiayi-deliver)."""
    lines = (folder / f"{name}.service").read_text(encoding="utf-8").splitlines()
    said = [(key, value) for key, equals, value in (line.partition("=") for line in lines) if equals]
    environment = [value.partition("=") for key, value in said if key == "Environment"]
    return Unit(
        environment={variable: value for variable, _, value in environment},
        start=next(shlex.split(value) for key, value in said if key == "ExecStart"),
        reload=[shlex.split(value) for key, value in said if key == "ExecReload"],
    )
