"""The rooms of static/js import one way only, as its README's table says."""

import re
from pathlib import Path

import pytest
from django.conf import settings

SCRIPTS = Path(settings.BASE_DIR) / "static" / "js"
# `import … from "…"`, `export … from "…"`, `import "…"` and `import("…")`.
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]+)["'`]""")


def allowed() -> dict[str, set[str]]:
    """Read which room may import which; each may import its own modules."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", (SCRIPTS / "README.md").read_text(encoding="utf-8"), re.M)
    return {room: {room, *re.findall(r"`(\w+)`", others)} for room, others in rows}


def offences(scripts: Path) -> list[str]:
    """Name the imports that lead into a room, or out of static/js, where they may not."""
    rooms, found = allowed(), []
    for path in sorted(scripts.rglob("*.js")):
        room = path.relative_to(scripts).parts[0]
        for name in IMPORT.findall(path.read_text(encoding="utf-8")):
            target = (path.parent / name).resolve()
            where = target.relative_to(scripts).parts[0] if target.is_relative_to(scripts) else ""
            if where not in rooms.get(room, set()):
                found.append(f"{path.relative_to(scripts)} -> {name}")
    return found


def test_no_script_imports_what_its_room_may_not() -> None:
    assert offences(SCRIPTS) == []


def test_every_room_is_named_and_none_is_empty() -> None:
    assert {path.name for path in SCRIPTS.iterdir() if path.is_dir()} == set(allowed())
    assert not list(SCRIPTS.glob("*.js")), "a script lives in a room"
    assert all(any((SCRIPTS / room).glob("*.js")) for room in allowed())


def test_no_two_rooms_import_each_other() -> None:
    rooms = allowed()
    assert not [(one, other) for one in rooms for other in rooms[one] - {one} if one in rooms[other]]


@pytest.mark.parametrize(
    "line",
    [
        'import { Room } from "../conversation/room.js";',
        'import {\n  Room,\n} from "../conversation/room.js";',
        'export { Room } from "../conversation/room.js";',
        'import "../pages/check.js";',
        'const open = () => import("../desk/desk.js");',
        'import { cardOf } from "../../sandbox/lines.js";',
    ],
)
def test_an_import_that_is_turned_round_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "dom.js").write_text(f"// from below\n{line}\n", encoding="utf-8")
    assert len(offences(tmp_path)) == 1
