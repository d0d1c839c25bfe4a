"""Pictures are read in a process of its own: what a hostile one costs, or breaks, is not the website's."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from cases.files import images
from cases.models import Attachment
from tests.support import files
from tests.support.people import World, signed_in
from tests.support.processes import eventually

pytestmark = pytest.mark.django_db


def send(world: World, name: str, data: bytes, client_id: str = "f1") -> Any:
    file = SimpleUploadedFile(name, data)
    path = f"/api/cases/{world.case.number}/messages/"
    return signed_in(world.wang).post(path, {"file": file, "client_id": client_id})


def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Have another program read pictures."""
    script = tmp_path / "another.py"
    script.write_text(source)
    monkeypatch.setattr(images, "DECODER", script)


def runs(pid: int) -> bool:
    """Whether a process is there, and more of it than that nobody has asked yet how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def test_the_website_itself_loads_no_decoder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    def never(*_args: object, **_options: object) -> None:
        raise AssertionError("Pillow was asked in the website's process")

    monkeypatch.setattr(Image, "open", never)
    answer = send(world, "护照.png", files.PNG)
    assert (answer.status_code, answer.json()["attachment"]["width"]) == (201, 40)


@pytest.mark.parametrize(
    "source",
    [
        "x = bytearray(3 * 1024 ** 3)",
        "import os; os.abort()",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
        "print('no json')",
    ],
)
def test_a_decoder_that_breaks_harms_nothing_and_leaves_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    limits = f"import sys; sys.path.append({str(Path(images.__file__).parent)!r})\n"
    limits += "from decoder import limit_this_process; limit_this_process(5)\n"
    decoder(tmp_path, monkeypatch, limits + source)
    answer = send(world, "护照.png", files.PNG)
    assert answer.status_code in {400, 503}
    assert answer.json()["detail"] in {"图片无法读取，可能已损坏。", "图片暂时无法处理，请稍后再试。"}
    assert not Attachment.objects.exists()
    monkeypatch.undo()
    assert send(world, "护照.png", files.PNG).status_code == 201


def test_a_decoder_that_hangs_is_ended_and_the_person_told_to_try_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.PICTURE_SECONDS = 1
    began = tmp_path / "began"
    decoder(
        tmp_path,
        monkeypatch,
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(began)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)",
    )
    answer = send(world, "护照.png", files.PNG)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert "请过几秒再发送" in answer.json()["detail"]
    child = int(began.read_text())
    eventually(lambda: not runs(child), lambda: "what it began was not ended with it")


def test_the_decoder_gets_nothing_of_ours(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "canary")
    said = tmp_path / "said"
    decoder(
        tmp_path,
        monkeypatch,
        "import os, sys\n"
        "seen = (dict(os.environ), os.listdir('/proc/self/fd'), sys.flags.isolated)\n"
        f"open({str(said)!r}, 'w').write(repr(seen))",
    )
    send(world, "护照.png", files.PNG)
    assert "canary" not in said.read_text()
    assert said.read_text().endswith(", 1)")
    environ, descriptors, _isolated = ast.literal_eval(said.read_text())
    assert set(environ) <= {"LC_CTYPE"}
    assert len(descriptors) <= 5, "its three, and what it opened itself"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("扫描.jpg", files.jpeg_of(5_000)),
        ("注释.gif", files.gif_of_comments(2 * 1024 * 1024)),
        ("块.png", files.png_with_many(b"tEXt", 2_000)),
    ],
)
def test_what_costs_much_and_shows_little_is_refused_before_it_is_decoded(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, data: bytes
) -> None:
    blind = tmp_path / "blind.py"
    source = Path(images.__file__).with_name("decoder.py").read_text()
    opened = "with Image.open(BytesIO(content)"
    assert opened in source
    blind.write_text(source.replace(opened, "raise SystemExit(7)\n    with Image.open(BytesIO(content)"))
    monkeypatch.setattr(images, "DECODER", blind)
    answer = send(world, name, data)
    assert (answer.status_code, answer.json()) == (400, {"detail": "图片无法读取，可能已损坏。"})
