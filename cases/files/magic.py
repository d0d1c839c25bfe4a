"""Telling a file's kind from its bytes. Each check takes an open file and leaves its position anywhere."""

import codecs
import re
import struct
from collections.abc import Callable, Iterator
from typing import IO

Check = Callable[[IO[bytes]], bool]

CHUNK = 64 * 1024
SCANNED = 1024 * 1024  # bytes of an index (zip directory, mp4's moov) that are looked at; real ones are far smaller
MAX_ENTRIES = 5_000  # of a zip directory
MAX_BOXES = 1_000  # of an MP4, at the top

_MARKUP = re.compile(rb"<(?:!doctype|!--|html|head|body|script|svg|iframe|xsl|\?xml)|^mime-version:", re.I | re.M)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SNIFFED = 1445  # bytes; browsers that guess look no further for markup


def starts(*signatures: bytes) -> Check:
    """The file begins with one of these."""
    return lambda file: _head(file).startswith(signatures)


def riff(form: bytes) -> Check:
    """A RIFF container of this form (WEBP, WAVE)."""
    return lambda file: _head(file, 4) == b"RIFF" and _head(file, 12)[8:] == form


def mp3(file: IO[bytes]) -> bool:
    """An ID3 tag, or the header of an MPEG layer III frame with a bit rate and a sample rate that exist."""
    head = _head(file, 4)
    if head.startswith(b"ID3"):
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[2] >> 4 not in {0, 15} and head[2] >> 2 & 3 != 3


def brand(*brands: bytes) -> Check:
    """An ISO media file (MP4 and its relatives) of one of these major brands."""
    return lambda file: _head(file, 8)[4:] == b"ftyp" and _head(file, 12)[8:] in brands


def mp4(*, video: bool, quicktime: bool = False) -> Check:
    """An MP4 or QuickTime file with a picture track, or with sound only."""

    def check(file: IO[bytes]) -> bool:
        head = _head(file, 12)
        if head[4:8] != b"ftyp" or (head[8:] == b"qt  ") != quicktime:
            return False
        handlers = re.findall(rb"hdlr.{8}(vide|soun)", _box(file, b"moov"), re.DOTALL)
        return bool(handlers) and (b"vide" in handlers) == video

    return check


def _box(file: IO[bytes], wanted: bytes) -> bytes:
    """Return the beginning of the content of a top-level box, b"" when there is none."""
    at, size = 0, _size(file)
    for _number in range(MAX_BOXES):
        if at + 8 > size:
            break
        file.seek(at)
        length, kind, longer = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        length = {0: size - at, 1: longer}.get(length, length)
        if kind == wanted:
            file.seek(at + 8)
            return file.read(min(length, SCANNED))
        if length < 8:
            break
        at += length
    return b""


def webm(*, video: bool) -> Check:
    """A WebM file (Matroska with the document type webm) with a picture track, or with sound only."""

    def check(file: IO[bytes]) -> bool:
        head = _head(file, CHUNK)
        if not head.startswith(b"\x1a\x45\xdf\xa3") or b"\x42\x82\x84webm" not in head[:64]:
            return False
        has_video = any(codec in head for codec in (b"V_VP8", b"V_VP9", b"V_AV1"))
        has_sound = any(codec in head for codec in (b"A_OPUS", b"A_VORBIS"))
        return has_video if video else has_sound and not has_video

    return check


def ogg(file: IO[bytes]) -> bool:
    """Ogg with Opus or Vorbis sound in its first page."""
    head = _head(file, 64)
    return head.startswith(b"OggS") and (b"OpusHead" in head or b"\x01vorbis" in head)


def ole(*streams: str) -> Check:
    """A compound file (Office until 2003) whose directory has a stream of one of these names."""
    return lambda file: not ole_names(file).isdisjoint(streams)


def ole_names(file: IO[bytes]) -> set[str]:
    """Return the names in a compound file's directory; empty for any other file.

    Directory entries are 128 bytes, lie on multiples of 128, and hold the length of their name and their type.
    """
    found: set[str] = set()
    if not _head(file).startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return found
    file.seek(0)
    while chunk := file.read(CHUNK):
        for at in range(0, len(chunk) - 127, 128):
            length, kind = struct.unpack_from("<HB", chunk, at + 64)
            if (
                kind in {1, 2}
                and 2 < length <= 64
                and length % 2 == 0
                and chunk[at + length - 2 : at + length] == b"\0\0"
            ):
                found.add(chunk[at : at + length - 2].decode("utf-16-le", "replace"))
    return found


def ooxml(main: str) -> Check:
    """A zip with the parts of an Office document whose main part is called so."""

    def check(file: IO[bytes]) -> bool:
        names = set(zip_names(file))
        return "[Content_Types].xml" in names and main in names

    return check


def zip_names(file: IO[bytes]) -> Iterator[str]:
    """Yield the names in a zip that begins with its first entry; nothing for any other file, or one too large to list.

    Not by zipfile, which takes a hostile directory of 20 MB into memory as half a million objects.
    """
    directory = _zip_directory(file) if _head(file, 4) == b"PK\x03\x04" else b""
    at = 0
    for _number in range(MAX_ENTRIES):
        if directory[at : at + 4] != b"PK\x01\x02" or len(directory) < at + 46:
            return
        name, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        yield directory[at + 46 : at + 46 + name].decode("utf-8", "replace")
        at += 46 + name + extra + comment


def _zip_directory(file: IO[bytes]) -> bytes:
    end = _zip_end(file)
    if end is None:
        return b""
    length, start = struct.unpack_from("<II", end, 12)
    file.seek(start)
    return file.read(length) if length <= SCANNED else b""


def ends_as_zip(file: IO[bytes]) -> bool:
    """Whether the end is that of a zip, which tools find there whatever the file begins with (GIFAR)."""
    return _zip_end(file) is not None


def _zip_end(file: IO[bytes]) -> bytes | None:
    """Return the end record of a zip, if its comment ends exactly where the file ends."""
    file.seek(max(0, _size(file) - 22 - 0xFFFF))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        record = tail[at : at + 22]
        if len(record) == 22 and at + 22 + struct.unpack_from("<H", record, 20)[0] == len(tail):
            return record
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return None


def text(file: IO[bytes]) -> bool:
    """Text without control characters in any encoding; not markup, not RTF, not a script naming its interpreter."""
    bare = beginning(file)
    if bare.startswith((b"#!", b"{\\rtf")) or is_markup(bare):
        return False
    # Latin-1 gives every byte a character: GB18030 and Windows-1252 cannot be told apart, and need not be.
    encoding = "utf-16" if _head(file).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin-1"
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK):
            if _CONTROLS.search(decoder.decode(chunk)):
                return False
        return not decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False


def beginning(file: IO[bytes]) -> bytes:
    """Return what a text begins with, as far as browsers look that guess: without byte order, zeros and white space."""
    head = _head(file, _SNIFFED).removeprefix(codecs.BOM_UTF8)
    return head.replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n\f")


def is_markup(beginning: bytes) -> bool:
    """Whether what `beginning` returned is, or soon becomes, a page or another kind of markup."""
    return beginning.startswith(b"<") or bool(_MARKUP.search(beginning))


def _head(file: IO[bytes], length: int = 16) -> bytes:
    file.seek(0)
    return file.read(length)


def _size(file: IO[bytes]) -> int:
    return file.seek(0, 2)
