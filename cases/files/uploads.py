"""Reading an uploaded file: within the size limit, of an accepted kind by its bytes, under a name fit to be shown."""

import hashlib
import re
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from cases.files import magic
from cases.files.guess import seems
from cases.files.images import read_picture
from cases.files.scanning import Verdict, look
from cases.models import MAX_FILE_NAME, Attachment
from jiayi.errors import InvalidInput
from jiayi.plaintext import one_line
from jiayi.uploads import max_upload_bytes, too_large

Kind = Attachment.Kind
CHUNK = 256 * 1024


@dataclass(frozen=True)
class FileType:
    """One kind of file: its name in UPLOAD_TYPES, how it is served, and how its bytes tell it.

    The first of `extensions` is put behind a name that ends in none of them, so that no program takes a downloaded
    file for something else than it is. `pillow` is the name of the decoder that checks it.
    """

    name: str
    content_type: str
    extensions: tuple[str, ...]
    kind: str
    matches: magic.Check
    pillow: str = ""
    by_extension: bool = False  # the bytes alone do not tell: the name must end in one of `extensions`


_OOXML = "application/vnd.openxmlformats-officedocument."
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1")

# Kind FILE is what browsers do not show by themselves. HEIC and AMR are among them: these are for downloading.
TYPES = (
    FileType("jpeg", "image/jpeg", (".jpg", ".jpeg", ".jfif"), Kind.IMAGE, magic.starts(b"\xff\xd8\xff"), "JPEG"),
    FileType("png", "image/png", (".png",), Kind.IMAGE, magic.starts(b"\x89PNG\r\n\x1a\n"), "PNG"),
    FileType("gif", "image/gif", (".gif",), Kind.IMAGE, magic.starts(b"GIF87a", b"GIF89a"), "GIF"),
    FileType("webp", "image/webp", (".webp",), Kind.IMAGE, magic.riff(b"WEBP"), "WEBP"),
    FileType("heic", "image/heic", (".heic", ".heif"), Kind.FILE, magic.brand(*_HEIC_BRANDS)),
    FileType("pdf", "application/pdf", (".pdf",), Kind.FILE, magic.starts(b"%PDF-")),
    FileType("doc", "application/msword", (".doc",), Kind.FILE, magic.ole("WordDocument")),
    FileType("xls", "application/vnd.ms-excel", (".xls",), Kind.FILE, magic.ole("Workbook", "Book")),
    FileType("ppt", "application/vnd.ms-powerpoint", (".ppt",), Kind.FILE, magic.ole("PowerPoint Document")),
    FileType("docx", f"{_OOXML}wordprocessingml.document", (".docx",), Kind.FILE, magic.ooxml("word/document.xml")),
    FileType("xlsx", f"{_OOXML}spreadsheetml.sheet", (".xlsx",), Kind.FILE, magic.ooxml("xl/workbook.xml")),
    FileType(
        "pptx", f"{_OOXML}presentationml.presentation", (".pptx",), Kind.FILE, magic.ooxml("ppt/presentation.xml")
    ),
    FileType("mp3", "audio/mpeg", (".mp3",), Kind.AUDIO, magic.mp3),
    FileType("m4a", "audio/mp4", (".m4a", ".mp4"), Kind.AUDIO, magic.mp4(video=False)),
    FileType("ogg", "audio/ogg", (".ogg", ".oga", ".opus"), Kind.AUDIO, magic.ogg),
    FileType("webm", "audio/webm", (".webm", ".weba"), Kind.AUDIO, magic.webm(video=False)),
    FileType("wav", "audio/wav", (".wav",), Kind.AUDIO, magic.riff(b"WAVE")),
    FileType("amr", "audio/amr", (".amr",), Kind.FILE, magic.starts(b"#!AMR\n", b"#!AMR-WB\n")),
    FileType("mp4", "video/mp4", (".mp4", ".m4v", ".3gp"), Kind.VIDEO, magic.mp4(video=True)),
    FileType("mov", "video/quicktime", (".mov",), Kind.VIDEO, magic.mp4(video=True, quicktime=True)),
    FileType("webm", "video/webm", (".webm",), Kind.VIDEO, magic.webm(video=True)),
    FileType("txt", "text/plain", (".txt",), Kind.FILE, magic.text, by_extension=True),
    FileType("csv", "text/csv", (".csv",), Kind.FILE, magic.text, by_extension=True),
)


@dataclass(frozen=True)
class Upload:
    """A file that was read and found acceptable; `file` stands at its beginning. Sizes in bytes and pixels.

    The scanner's verdict is not among what makes it acceptable: an infected file is kept for the administrators.
    """

    file: IO[bytes]
    name: str
    size: int
    content_type: str
    kind: str
    sha256: str
    verdict: Verdict
    thumbnail: bytes = b""  # WebP; of images only
    width: int | None = None
    height: int | None = None


def read_upload(file: IO[bytes], name: str) -> Upload:
    """Read an open, seekable file that its sender calls `name`, and decide its kind by its bytes.

    Asks the scanner, if there is one, which takes up to scanning.AT_ONCE seconds: never in a transaction. Raises
    InvalidInput, in the user's language, when it is empty, too large, of a kind that is not accepted, or an image that
    cannot be read or exceeds the limits of images.py.
    """
    size, sha256 = _measure(file)
    found = _type_of(file, name)
    if found is None or found.name not in settings.UPLOAD_TYPES:
        raise InvalidInput(_refusal(file, name, found))
    if _has_macros(file):
        raise InvalidInput(_("文件里有宏。请另存为不含宏的文件或 PDF 再发送。"))
    picture = read_picture(file, found.pillow) if found.pillow else None
    verdict = look(file)
    file.seek(0)
    return Upload(
        file=file,
        name=display_name(name, found.extensions),
        size=size,
        content_type=found.content_type,
        kind=found.kind,
        sha256=sha256,
        verdict=verdict,
        thumbnail=picture.thumbnail if picture else b"",
        width=picture.width if picture else None,
        height=picture.height if picture else None,
    )


def accepted_types() -> list[str]:
    """Return the accepted kinds as people call them: JPG, PNG, PDF …"""
    names = [found.extensions[0][1:].upper() for found in TYPES if found.name in settings.UPLOAD_TYPES]
    return list(dict.fromkeys(names))


def accepted_in_words() -> str:
    """Return the accepted kinds as one says them: 照片、PDF、Office 文档、录音和视频."""
    groups = {
        pgettext("file kinds", "照片"): {"jpeg", "png", "gif", "webp", "heic"},
        "PDF": {"pdf"},
        pgettext("file kinds", "Office 文档"): {"doc", "xls", "ppt", "docx", "xlsx", "pptx", "txt", "csv"},
        pgettext("file kinds", "录音"): {"mp3", "m4a", "ogg", "wav", "amr"},
        pgettext("file kinds", "视频"): {"mp4", "mov", "webm"},
    }
    *most, last = [words for words, names in groups.items() if names & set(settings.UPLOAD_TYPES)]
    return _("%(most)s和%(last)s") % {"most": _("、").join(most), "last": last} if most else last


def accepted_extensions() -> list[str]:
    """Return the endings that names of accepted kinds have: .jpg, .jpeg, .png …"""
    endings = [ending for found in TYPES if found.name in settings.UPLOAD_TYPES for ending in found.extensions]
    return list(dict.fromkeys(endings))


def display_name(name: str, extensions: tuple[str, ...]) -> str:
    """Return `name` as it is shown and offered for download: one line, no path, one of `extensions`, at most 200 long.

    It is never used as a path. A name of which nothing is left, like `../..`, becomes 文件.
    """
    shown = one_line(one_line(re.split(r"[/\\]", name)[-1]).strip(". "))
    extension = next((e for e in extensions if shown.lower().endswith(e)), "")
    stem = shown[: len(shown) - len(extension)].rstrip(". ") or _("文件")
    extension = shown[len(shown) - len(extension) :] if extension else extensions[0]
    return stem[: MAX_FILE_NAME - len(extension)] + extension


def _measure(file: IO[bytes]) -> tuple[int, str]:
    file.seek(0)
    size, digest = 0, hashlib.sha256()
    while chunk := file.read(CHUNK):
        size += len(chunk)
        if size > max_upload_bytes():
            raise InvalidInput(too_large())
        digest.update(chunk)
    if not size:
        raise InvalidInput(_("文件是空的。"))
    return size, digest.hexdigest()


def _type_of(file: IO[bytes], name: str) -> FileType | None:
    said = _extension(name)
    for found in TYPES:
        if (said in found.extensions or not found.by_extension) and found.matches(file):
            # A zip's directory is at its end: what begins as a picture and ends as a zip is two files in one.
            is_two = magic.ends_as_zip(file) and not any(magic.zip_names(file))
            return None if is_two else found
    return None


def _extension(name: str) -> str:
    extension = re.search(r"\.\w+\s*$", name)
    return extension[0].strip().lower() if extension else ""


def _refusal(file: IO[bytes], name: str, found: FileType | None) -> str:
    """Say what may be sent, and of a file that only its name made look right, what it seems to be."""
    ending, kinds = _extension(name), accepted_in_words()
    what = found.extensions[0][1:].upper() if found else seems(file)
    if (ending and ending not in accepted_extensions()) or not (ending or what):
        return _("只能发送%s。") % kinds
    if what and ending:
        wrong = _("这个文件名是 %(ending)s，内容看起来是 %(what)s，所以没有发送。只能发送%(kinds)s。")
    elif what:
        wrong = _("这个文件的内容看起来是 %(what)s，所以没有发送。只能发送%(kinds)s。")
    else:
        wrong = _("这个文件名是 %(ending)s，内容却不像，可能已损坏，所以没有发送。请打开看看，另存一份再发送。")
    return wrong % {"ending": ending, "what": what, "kinds": kinds}


def _has_macros(file: IO[bytes]) -> bool:
    return "_VBA_PROJECT" in magic.ole_names(file) or any(
        name.lower().endswith("vbaproject.bin") for name in magic.zip_names(file)
    )
