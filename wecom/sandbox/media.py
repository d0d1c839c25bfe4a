"""Sample files that media/get gives (DOC 90254): small, and real enough to be opened."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

_SIDE = 96  # pixels
# Two seconds of a blue square that moves, H.264 like what phones send. Too much to write here by hand; Debian's
# ffmpeg made it: -f lavfi -i "color=0xE8F1FF:s=160x120:r=10:d=2[b];color=0x267EF0:s=40x40:r=10:d=2[s];
# [b][s]overlay=x=20+40*t:y=40" -c:v libx264 -preset veryslow -profile:v main -pix_fmt yuv420p -movflags +faststart
# -fflags +bitexact -flags:v +bitexact video.mp4
_VIDEO = Path(__file__).with_name("video.mp4")


@dataclass(frozen=True)
class Medium:
    """A file with what WeCom says about it."""

    content: bytes
    content_type: str
    filename: str


def make_medium(kind: str) -> Medium:
    """Give the sample file of an image, voice, video or file message."""
    if kind == "image":
        return Medium(_png(), "image/png", "image.png")
    if kind == "voice":
        # AMR-NB: the magic and 50 frames of 20 ms without speech. WeCom names voices without an ending.
        return Medium(b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50, "audio/amr", "voice")
    if kind == "video":
        return Medium(_VIDEO.read_bytes(), "video/mp4", _VIDEO.name)
    return Medium("佳忆沙箱的示例文件。\n".encode(), "text/plain", "example.txt")


def _png() -> bytes:
    """Give a picture with a blue square in it."""
    edge, inside = bytes([0xE8, 0xF1, 0xFF]), bytes([0x26, 0x7E, 0xF0])
    rows = []
    for y in range(_SIDE):
        row = [inside if 24 <= x < 72 and 24 <= y < 72 else edge for x in range(_SIDE)]
        rows.append(b"\x00" + b"".join(row))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
