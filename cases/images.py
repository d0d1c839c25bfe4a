"""Pictures: read by Pillow within limits, and made small for the conversation."""

import threading
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from jiayi.errors import InvalidInput

# Pixels, such that no picture takes more than about 200 MB while it is read: PNG needs four bytes for each pixel, a
# progressive JPEG up to seven, WebP sixteen. An ordinary JPEG is read small.
MAX_PIXELS = 40_000_000
MAX_PIXELS_PROGRESSIVE = 24_000_000
MAX_PIXELS_WEBP = 12_000_000
MAX_FRAMES = 500
MAX_SCANS = 100  # of a progressive JPEG; cameras and editors write about ten
THUMBNAIL = 480  # pixels, the longer side
ROUGH = 4 * THUMBNAIL
LARGE = 8_000_000  # pixels, from which on a picture is made small roughly first
ORIENTATION = 0x0112  # EXIF; 5 to 8 lie on their side

# Our own limits are below, per format; Pillow would only warn up to twice this.
Image.MAX_IMAGE_PIXELS = None
# One picture at a time in each process: it bounds the memory that decoding may take.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """Width and height as a person sees it (pixels), and a small WebP of it without metadata."""

    width: int
    height: int
    thumbnail: bytes


def read_picture(file: IO[bytes], pillow_format: str) -> Picture:
    """Decode a picture and make its thumbnail, of the first frame if it has several.

    `pillow_format` is PNG, JPEG, GIF or WEBP. Raises InvalidInput when it has too many pixels or frames, decided
    before anything is decoded, or cannot be read to its end.
    """
    file.seek(0)
    try:
        with _one_at_a_time, Image.open(file, formats=(pillow_format,)) as image:
            _check_limits(image, file, pillow_format)
            width, height = image.size
            if image.getexif().get(ORIENTATION) in {5, 6, 7, 8}:
                width, height = height, width
            return Picture(width, height, _thumbnail(image))
    except InvalidInput:
        raise
    except Exception as error:
        # Whatever a decoder makes of hostile bytes: OSError, SyntaxError, ValueError, struct.error, MemoryError …
        raise InvalidInput(unreadable()) from error


def _check_limits(image: Image.Image, file: IO[bytes], pillow_format: str) -> None:
    limit = MAX_PIXELS_WEBP if pillow_format == "WEBP" else MAX_PIXELS
    if image.info.get("progressive"):
        limit = MAX_PIXELS_PROGRESSIVE
    if image.width * image.height > limit:
        raise InvalidInput(_("图片太大：最多 %d 百万像素，请缩小后再发送。") % (limit // 1_000_000))
    frames = _gif_frames(_all(file)) if pillow_format == "GIF" else getattr(image, "n_frames", 1)
    if frames > MAX_FRAMES:
        raise InvalidInput(_("动图最多 %d 帧。") % MAX_FRAMES)
    if pillow_format == "JPEG" and _all(file).count(b"\xff\xda") > MAX_SCANS:
        raise InvalidInput(unreadable())


def unreadable() -> str:
    return _("图片无法读取，可能已损坏。")


def _all(file: IO[bytes]) -> bytes:
    at = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(at)  # Pillow reads on from where it was
    return content


def _gif_frames(gif: bytes) -> int:
    """Count frames up to one more than allowed, by stepping over the blocks; Pillow would go on to the last."""

    def after_table(at: int, flags: int) -> int:
        return at + (3 << (flags & 7) + 1) if flags & 0x80 else at

    def after_blocks(at: int) -> int:
        while gif[at]:
            at += gif[at] + 1
        return at + 1

    frames = 0
    try:
        at = after_table(13, gif[10])
        while frames <= MAX_FRAMES:
            if gif[at] == 0x21:
                at = after_blocks(at + 2)
            elif gif[at] == 0x2C:
                frames += 1
                at = after_blocks(after_table(at + 10, gif[at + 9]) + 1)
            else:
                break
    except IndexError:
        pass  # cut off; whether the first frame is whole is seen when it is decoded
    return frames


def _thumbnail(image: Image.Image) -> bytes:
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
