"""Program that reads one picture under limits: `python -I decoder.py PNG <picture >answer`.

Started by cases/files/images.py for each picture, so that what a hostile one costs, or breaks, is not the website's. It
imports Pillow and nothing of ours. The answer is a line of JSON, and the thumbnail behind it.
"""

import json
import re
import resource
import signal
import sys
from collections.abc import Callable
from io import BytesIO
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

MEMORY = 512 * 1024 * 1024  # bytes of address space; Python and Pillow alone take about 60 MB of it
CPU_SECONDS = 5  # the largest picture that is taken needs about one
MAX_ANSWER = 1024 * 1024  # bytes

# Pixels, such that no picture takes more than about 200 MB while it is read: PNG needs four bytes for each pixel, a
# progressive JPEG up to seven, WebP sixteen. An ordinary JPEG is read small.
MAX_PIXELS = 40_000_000
MAX_PIXELS_PROGRESSIVE = 24_000_000
MAX_PIXELS_WEBP = 12_000_000
MAX_FRAMES = 500
# Of a JPEG. Cameras and editors write about ten scans, each a pass over all pixels: a large picture may have fewer.
MAX_SCANS = 100
MAX_PIXELS_SCANNED = 400_000_000
MAX_CHUNKS = 20_000  # of a PNG; encoders write them 8 KB and larger
MAX_EXTRA_CHUNKS = 1_000  # those that hold no pixels
MAX_EXTENSIONS = 4 * MAX_FRAMES  # of a GIF: timing, comments …
MAX_EXTENSION_BYTES = 1024 * 1024
MAX_GARBAGE = 1_000  # bytes between a GIF's blocks, over which Pillow steps one by one
THUMBNAIL = 480  # pixels, the longer side
ROUGH = 4 * THUMBNAIL
LARGE = 8_000_000  # pixels, from which on a picture is made small roughly first
ORIENTATION = 0x0112  # EXIF; 5 to 8 lie on their side

# What follows another marker of a JPEG's compressed data: neither a stuffed zero, nor a restart, nor filling.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Refused(Exception):
    """Too much of something: what (a key of cases.files.images) and how much is allowed."""

    def __init__(self, what: str, most: int = 0) -> None:
        super().__init__(what)
        self.what, self.most = what, most


def jpeg_scans(jpeg: bytes) -> int:
    """Count the scans of the picture, up to one more than allowed; what lies behind its end is not looked at."""
    scans, at = 0, 2
    while scans <= MAX_SCANS and (found := _JPEG_MARKER.search(jpeg, at)):
        marker, at = found[0][1], found.end()
        if marker == 0xD9:  # the end; a telephone may put a film behind it
            break
        if marker not in {0x01, 0xD8}:  # the others have a length
            at += max(int.from_bytes(jpeg[at : at + 2]), 2)
        scans += marker == 0xDA
    return scans


def check_jpeg(jpeg: bytes) -> None:
    if jpeg_scans(jpeg) > MAX_SCANS:
        raise Refused("unreadable")


def check_png(png: bytes) -> None:
    chunks, extra, at = 0, 0, 8
    while at + 8 <= len(png):
        size, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        chunks, extra, at = chunks + 1, extra + (kind not in {b"IDAT", b"fdAT"}), at + 12 + size
        # An animation has one chunk of its own for each picture.
        if chunks > MAX_CHUNKS or extra > MAX_EXTRA_CHUNKS + MAX_FRAMES:
            raise Refused("unreadable")
        if kind == b"IEND":
            return


def check_gif(gif: bytes) -> None:
    """Step over the blocks as Pillow does, which would go on to the last frame, and keeps every comment in pieces."""
    frames = extensions = extension_bytes = garbage = 0
    try:
        at = _after_table(gif, 13, gif[10])
        while (block := gif[at]) != 0x3B:
            start = at
            if block == 0x21:
                at = _after_blocks(gif, at + 2, MAX_EXTENSION_BYTES)
                extensions, extension_bytes = extensions + 1, extension_bytes + at - start
            elif block == 0x2C:
                at = _after_blocks(gif, _after_table(gif, at + 10, gif[at + 9]) + 1, len(gif))
                frames += 1
            else:
                at, garbage = at + 1, garbage + 1
            if frames > MAX_FRAMES:
                raise Refused("frames", MAX_FRAMES)
            if extensions > MAX_EXTENSIONS or extension_bytes > MAX_EXTENSION_BYTES or garbage > MAX_GARBAGE:
                raise Refused("unreadable")
    except IndexError:
        pass  # cut off; whether the first frame is whole is seen when it is decoded


def _after_table(gif: bytes, at: int, flags: int) -> int:
    return at + (3 << (flags & 7) + 1) if flags & 0x80 else at


def _after_blocks(gif: bytes, at: int, most: int) -> int:
    end = at + most
    while gif[at]:
        at += gif[at] + 1
        if at > end:
            raise Refused("unreadable")
    return at + 1


# Before Pillow sees a byte.
CHECKS: dict[str, Callable[[bytes], None]] = {"JPEG": check_jpeg, "PNG": check_png, "GIF": check_gif}


def decode(content: bytes, pillow_format: str) -> tuple[int, int, bytes]:
    """Return width and height as a person sees them, and the thumbnail (WebP, without metadata). Raises Refused."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # our own limits are per format; Pillow would only warn up to twice this
    if check := CHECKS.get(pillow_format):
        check(content)
    with Image.open(BytesIO(content), formats=(pillow_format,)) as image:
        _check_size(image, content, pillow_format)
        width, height = image.size
        if image.getexif().get(ORIENTATION) in {5, 6, 7, 8}:
            width, height = height, width
        return width, height, _thumbnail(image)


def _check_size(image: "PillowImage", content: bytes, pillow_format: str) -> None:
    """Decided before anything is decoded."""
    pixels = image.width * image.height
    most = MAX_PIXELS_WEBP if pillow_format == "WEBP" else MAX_PIXELS
    if image.info.get("progressive"):
        most = MAX_PIXELS_PROGRESSIVE
    if pixels > most:
        raise Refused("pixels", most)
    if pillow_format == "JPEG" and pixels * jpeg_scans(content) > MAX_PIXELS_SCANNED:
        raise Refused("unreadable")
    if pillow_format != "GIF" and getattr(image, "n_frames", 1) > MAX_FRAMES:
        raise Refused("frames", MAX_FRAMES)


def _thumbnail(image: "PillowImage") -> bytes:
    from PIL import Image, ImageOps

    image.draft("RGB", (ROUGH, ROUGH))  # a JPEG is read at a fraction of its size
    image.load()
    if image.width * image.height > LARGE:  # in its own mode, so that it is never copied whole
        image.thumbnail((ROUGH, ROUGH), Image.Resampling.NEAREST)
    small = ImageOps.exif_transpose(image)
    small = small.convert("RGBA" if small.has_transparency_data else "RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    out = BytesIO()  # without metadata: where a picture was taken stays in the original
    small.save(out, "WEBP", quality=78)
    return out.getvalue()


def limit_this_process(seconds: int) -> None:
    """Have the kernel end this process when it takes too much; `seconds` by the clock, in case its parent has ended."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_ANSWER, MAX_ANSWER))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(seconds)


def answer(picture: IO[bytes], pillow_format: str) -> tuple[dict[str, object], bytes]:
    """Return what is said of the picture, and its thumbnail."""
    try:
        picture.seek(0)
        width, height, thumbnail = decode(picture.read(), pillow_format)
    except Refused as refused:
        return {"refused": refused.what, "most": refused.most}, b""
    except Exception:
        # Whatever a decoder makes of hostile bytes: OSError, SyntaxError, ValueError, struct.error, MemoryError …
        return {"refused": "unreadable", "most": 0}, b""
    return {"width": width, "height": height}, thumbnail


if __name__ == "__main__":
    limit_this_process(int(sys.argv[2]))
    # What fails here is not the picture's fault. Named, WebP does not have Pillow load all that it could write.
    import PIL.Image
    import PIL.WebPImagePlugin  # noqa: F401

    said, small = answer(sys.stdin.buffer, sys.argv[1])
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + small)
