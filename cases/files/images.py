"""Reading pictures and making their thumbnails, in a process of its own (docs/decisions/0014-pictures.md)."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _

from jiayi.errors import InvalidInput, Unavailable

DECODER = Path(__file__).with_name("decoder.py")
PATIENCE = 3.0  # seconds an upload waits while another person's picture is read
AGAIN_AFTER = 3  # seconds
# What the kernel ends a process by when a picture makes it take too much, or breaks the decoder.
BY_THE_PICTURE = {-signal.SIGXCPU, -signal.SIGXFSZ, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE}

# One picture at a time in each process bounds memory and processors; and those who wait for it never hold more than
# half of the threads that everybody's pages need.
_one_at_a_time = threading.Lock()
_places = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))

logger = logging.getLogger("jiayi.files")


@dataclass(frozen=True)
class Picture:
    """Width and height as a person sees it (pixels), and a small WebP of it without metadata."""

    width: int
    height: int
    thumbnail: bytes


def read_picture(file: IO[bytes], pillow_format: str) -> Picture:
    """Decode a picture and make its thumbnail, of the first frame if it has several.

    `pillow_format` is PNG, JPEG, GIF or WEBP. Raises InvalidInput when it has too many pixels or frames, decided
    before anything is decoded, cannot be read to its end, or takes more than the limits of decoder.py; Unavailable
    when others' pictures are being read, or it is not done after PICTURE_SECONDS.
    """
    with _turn(), _on_disk(file) as picture:
        said, thumbnail = _decode(picture, pillow_format)
    if "refused" not in said:
        return Picture(said["width"], said["height"], thumbnail)
    if said["refused"] == "pixels":
        raise InvalidInput(_("图片太大：最多 %d 百万像素，请缩小后再发送。") % (said["most"] // 1_000_000))
    if said["refused"] == "frames":
        raise InvalidInput(_("动图最多 %d 帧。") % said["most"])
    raise InvalidInput(unreadable())


def unreadable() -> str:
    return _("图片无法读取，可能已损坏。")


@contextmanager
def _turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise _busy()
    try:
        if not _one_at_a_time.acquire(timeout=PATIENCE):
            raise _busy()
        try:
            yield
        finally:
            _one_at_a_time.release()
    finally:
        _places.release()


def _busy() -> Unavailable:
    return Unavailable(_("网站正在处理别的图片，请过几秒再发送。"), retry_after=AGAIN_AFTER)


@contextmanager
def _on_disk(file: IO[bytes]) -> Iterator[int]:
    """Give a descriptor of the file; what is in memory is written to a file without a name first.

    It is opened anew: a place to read at that another process moves would have us store other bytes than were sent.
    """
    file.seek(0)  # writes what is still to be written
    with TemporaryFile() as copy:
        try:
            descriptor = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
        except OSError:  # io.UnsupportedOperation: it is in memory
            shutil.copyfileobj(file, copy)
            copy.flush()
            descriptor = os.dup(copy.fileno())
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _decode(picture: int, pillow_format: str) -> tuple[dict[str, Any], bytes]:
    """Have another process read it, and return its answer, which has a limit."""
    with TemporaryFile() as out:
        ended = _run_decoder(picture, pillow_format, out)
        if ended in BY_THE_PICTURE:
            logger.warning("a picture was refused: its decoder ended with %s", signal.Signals(-ended).name)
            return {"refused": "unreadable"}, b""
        out.seek(0)
        said, _newline, thumbnail = out.read().partition(b"\n")
    if ended != 0:
        raise _failed(f"ended with {ended}")
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError as error:
        raise _failed("said nothing that can be read") from error
    return answer, thumbnail


def _run_decoder(picture: int, pillow_format: str, out: IO[bytes]) -> int:
    """Run the decoder, with nothing of ours in its environment, and return its exit code. Raises Unavailable."""
    seconds = settings.PICTURE_SECONDS
    # -I: imports the standard library and installed packages, nothing from the current folder.
    command = [sys.executable, "-I", str(DECODER), pillow_format, str(seconds + 1)]
    apart: dict[str, Any] = {"stderr": subprocess.DEVNULL, "env": {}, "cwd": "/", "start_new_session": True}
    try:
        child = subprocess.Popen(command, stdin=picture, stdout=out, **apart)  # noqa: S603
    except OSError as error:
        raise _failed(f"cannot be started: {error.strerror}") from error
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        # It took less than its share of the processor, which is told apart: the machine is busy.
        logger.warning("a picture was not read within %d s", seconds)
        raise _busy() from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _failed(how: str) -> Unavailable:
    logger.error("the process that reads pictures %s", how)
    return Unavailable(_("图片暂时无法处理，请稍后再试。"), retry_after=AGAIN_AFTER)
