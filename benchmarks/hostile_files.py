"""Files as a stranger would make them: small to send, or within the limit, and dear to read."""

import io

from PIL import Image

SIDE = 4896  # pixels; just under 24 million
SCANS = 96  # a copy of the last scan each; 100 in all
MEGABYTE = 1024 * 1024


def progressive_jpeg() -> bytes:
    """Give a JPEG of about 145 KB whose last scan, 42 bytes that refine nothing, is there a hundred times.

    For each of them a decoder goes through the coefficients of the whole picture.
    """
    out = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(out, "JPEG", progressive=True, quality=90)
    jpeg = out.getvalue()
    scans = jpeg.count(b"\xff\xda")
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * (SCANS + 4 - scans) + b"\xff\xd9"


def gif_of_comments(size: int = 20 * MEGABYTE - 4096) -> bytes:
    """Give a GIF of one pixel with a comment in pieces of one byte: Pillow takes fifty bytes for each."""
    head = b"GIF89a" + b"\1\0\1\0\x80\0\0" + b"\0\0\0\xff\xff\xff" + b"\x21\xfe"
    tail = b"\0" + b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\0;"
    return head + b"\x01a" * ((size - len(head) - len(tail)) // 2) + tail


def large_pdf(size: int = 20 * MEGABYTE - 4096) -> bytes:
    """Give what passes for a PDF of that many bytes."""
    head, tail = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", b"\n%%EOF\n"
    return head + b"0" * (size - len(head) - len(tail)) + tail
