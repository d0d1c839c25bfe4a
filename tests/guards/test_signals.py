"""docs/signals.md lists every signal of ours and every receiver of ours there is, and nothing that is not there."""

import gc
import re
import sys
from pathlib import Path
from weakref import ReferenceType

from django.apps import apps
from django.conf import settings
from django.dispatch import Signal

ROOT = Path(settings.BASE_DIR)
APPS = ("jiayi", "members", "advisors", "cases", "wecom")
ROW = re.compile(r"(?m)^\| `.*\|$")
CODE = re.compile(r"`([\w.]+)`")
A_RECEIVER = re.compile(r"`((?:\w+\.){2,}\w+)`")

# A signal, the model that sends it ("" for a signal of our own, which only one function sends), and who listens.
Row = tuple[str, str, str]


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in APPS


def name_of(signal: Signal) -> str:
    """The dotted name of a signal of ours, the bare one of a library's."""
    names = {
        (module, name)
        for module, found in list(sys.modules.items())
        for name, value in list(getattr(found, "__dict__", {}).items())
        if value is signal
    }
    ours = [f"{module}.{name}" for module, name in names if is_ours(module) and module.endswith(".signals")]
    return ours[0] if ours else min(name for _module, name in names)


def in_the_code() -> set[Row]:
    """Every receiver of ours, whatever it listens to; and our signals that have none."""
    labels = {id(model): model._meta.label for model in apps.get_models()}
    found = set()
    # type(), not isinstance(): what is lazy would be made for the question.
    for signal in (one for one in gc.get_objects() if issubclass(type(one), Signal)):
        heard = set()
        for key, receiver, *_rest in signal.receivers:
            function = receiver() if isinstance(receiver, ReferenceType) else receiver
            if function is not None and is_ours(function.__module__):
                heard.add((labels.get(key[1], ""), f"{function.__module__}.{function.__qualname__}"))
        if heard:
            found |= {(name_of(signal), sender, receiver) for sender, receiver in heard}
    for module in [module for name, module in sys.modules.items() if is_ours(name) and name.endswith(".signals")]:
        names = {f"{module.__name__}.{name}" for name, value in vars(module).items() if isinstance(value, Signal)}
        found |= {(name, "", "") for name in names - {row[0] for row in found}}
    return found


def in_the_document() -> set[Row]:
    found = set()
    for line in ROW.findall((ROOT / "docs/signals.md").read_text(encoding="utf-8")):
        cells = line.strip("|").split("|")
        signal, *rest = CODE.findall(cells[0])
        sender = next((word for word in rest if "." in word), "")
        found |= {(signal, sender, receiver) for receiver in A_RECEIVER.findall(cells[-1]) or [""]}
    return found


def test_the_document_has_every_signal_and_receiver_and_no_other() -> None:
    assert in_the_document() == in_the_code()


def test_every_signal_of_ours_is_made_where_the_apps_keep_them() -> None:
    made = {
        str(path.relative_to(ROOT))
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"\bSignal\(", path.read_text(encoding="utf-8"))
    }
    assert made == {"advisors/signals.py", "cases/signals.py"}, "in <app>/signals.py, and in docs/signals.md"


def test_the_comparison_sees_receivers() -> None:
    assert ("post_save", "cases.Message", "wecom.outbound.receivers.on_message") in in_the_code()
