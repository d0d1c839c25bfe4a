"""The rooms of static/js import one way only, as its README's table says, and only what there is."""

import re
from pathlib import Path

import pytest
from django.conf import settings

SCRIPTS = Path(settings.BASE_DIR) / "static" / "js"
# `import … from "…"`, `export … from "…"`, `import "…"` and `import("…")`.
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]+)["'`]""")

# `import { a, b as c } from "…"`, `{ a } = await import("…")` and `import("…").then(({ a }) => …`.
NAMED = (
    r'\{(?P<names>[^{}]*)\} (?:from|= await import\()\s*"(?P<path>[^"]+)"',
    r'import\("(?P<path>[^"]+)"\)\.then\(\(\{(?P<names>[^{}]*)\}',
)


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


def strangers(scripts: Path) -> list[str]:
    """Name what is imported and not there. The linter sees one file at a time, and the browser only at run time."""
    found = []
    for path in sorted(scripts.rglob("*.js")):
        text = path.read_text(encoding="utf-8")
        for match in (match for pattern in NAMED for match in re.finditer(pattern, text)):
            names, target = match["names"], path.parent / match["path"]
            source = target.read_text(encoding="utf-8") if target.is_file() else ""
            exported = set(re.findall(r"^export (?:async )?(?:function|class|const|let) (\w+)", source, re.M))
            wanted = {name.split(" as ")[0].split(":")[0].strip() for name in names.split(",")} - {""}
            found += [f"{path.relative_to(scripts)}: {name}" for name in sorted(wanted - exported)]
    return found


def test_every_name_that_is_imported_is_exported_there() -> None:
    assert strangers(SCRIPTS) == []


def test_a_name_that_is_not_exported_is_seen(tmp_path: Path) -> None:
    (tmp_path / "dom.js").write_text("export function el() {}\n", encoding="utf-8")
    lines = 'import { el, gone } from "./dom.js";\nimport("./dom.js").then(({ lost }) => lost);\n'
    (tmp_path / "page.js").write_text(lines, encoding="utf-8")
    assert strangers(tmp_path) == ["page.js: gone", "page.js: lost"]
