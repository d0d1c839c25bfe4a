"""Files to send, made here byte by byte: of every kind that is accepted, and of those that must not be."""

import struct
import zipfile
import zlib
from io import BytesIO

from PIL import Image

SCRIPT = b"<script>document.title='ran'</script>"
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=1"><circle r="9"/></svg>'


def image(form: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> bytes:
    out = BytesIO()
    Image.new(mode, size, "teal").save(out, form, **options)
    return out.getvalue()


def animation(form: str, frames: int) -> bytes:
    out = BytesIO()
    first, *others = [Image.new("RGB", (4, 4), (number % 256, number // 256, 0)) for number in range(frames)]
    first.save(out, form, save_all=True, append_images=others)
    return out.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(kind: bytes, data: bytes) -> bytes:
    """A whole PNG with one more chunk behind its header."""
    png = image("PNG")
    return png[:33] + png_chunk(kind, data) + png[33:]


def png_with_many(kind: bytes, count: int) -> bytes:
    """A whole PNG with so many more small chunks behind its header."""
    png = image("PNG")
    return png[:33] + png_chunk(kind, b"a\0b") * count + png[33:]


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def whole_png_of(width: int, height: int) -> bytes:
    """A black PNG so large whose every pixel is there; about a thousandth of it as a file."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    squeeze = zlib.compressobj(1)
    row = b"\0" * (1 + 3 * width)
    data = b"".join(squeeze.compress(row) for _row in range(height)) + squeeze.flush()
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def jpeg_of(scans: int) -> bytes:
    """A small progressive JPEG whose last scan is repeated; each costs a pass over the whole picture."""
    jpeg = image("JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    more = scans - jpeg.count(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * more + jpeg[-2:]


def gif_of_comments(size: int) -> bytes:
    """A GIF of one pixel behind so many bytes of comments, each block as long as may be."""
    gif = image("GIF", (1, 1))
    at = 13 + (3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0)
    return gif[:at] + (b"\x21\xfe" + (b"\xff" + b"x" * 255) * 4 + b"\0") * (size // 1_027) + gif[at:]


def gif_of(frames: int) -> bytes:
    """A GIF of one-pixel frames, each twelve bytes long or so."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * frames + b"\x3b"


def zipped(*names: str, comment: bytes = b"") -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"<x/>")
        archive.comment = comment
    return out.getvalue()


def office(*parts: str) -> bytes:
    return zipped("[Content_Types].xml", "_rels/.rels", *parts)


def ole(*streams: str) -> bytes:
    """A compound file as far as its directory goes: a header, and one entry of 128 bytes for each stream."""
    out = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0")
    for name, kind in [("Root Entry", 5), *((stream, 2) for stream in streams)]:
        coded = (name + "\0").encode("utf-16-le")
        out += coded.ljust(64, b"\0") + struct.pack("<HB", len(coded), kind) + b"\0" * 61
    return out.ljust(4096, b"\0")


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def mp4(brand: bytes, *tracks: bytes, moov_last: bool = True) -> bytes:
    """An MP4 with tracks of these handlers (vide, soun)."""
    handlers = [box(b"hdlr", b"\0" * 8 + handler + b"\0" * 13) for handler in tracks]
    moov = box(b"moov", b"".join(box(b"trak", box(b"mdia", handler)) for handler in handlers))
    parts = [box(b"mdat", b"\0" * 100), moov] if moov_last else [moov, box(b"mdat", b"\0" * 100)]
    return box(b"ftyp", brand + b"\0\0\0\0" + brand) + b"".join(parts)


def webm(*codecs: bytes, doctype: bytes = b"webm") -> bytes:
    header = b"\x42\x86\x81\x01\x42\x82" + bytes([0x80 | len(doctype)]) + doctype
    tracks = b"".join(b"\xae\x86" + codec for codec in codecs)
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(header)]) + header + b"\x18\x53\x80\x67" + tracks + b"\0" * 50


DOCX = office("word/document.xml")
PDF = b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF\n"
PNG = image("PNG")
JPEG = image("JPEG")
M4A = mp4(b"M4A ", b"soun")

# What is accepted: bytes, the name they come under, and what they are then.
GOOD: dict[str, tuple[bytes, str, str, str]] = {
    "jpeg": (JPEG, "护照.jpg", "image/jpeg", "image"),
    "png": (PNG, "a.PNG", "image/png", "image"),
    "gif": (image("GIF"), "a.gif", "image/gif", "image"),
    "animated gif": (animation("GIF", 3), "a.gif", "image/gif", "image"),
    "webp": (image("WEBP"), "a.webp", "image/webp", "image"),
    "animated webp": (animation("WEBP", 3), "a.webp", "image/webp", "image"),
    "animated png": (animation("PNG", 3), "a.png", "image/png", "image"),
    "png with a page in a comment": (png_with(b"tEXt", b"Comment\0" + HTML), "a.png", "image/png", "image"),
    "png with a page behind it": (PNG + HTML, "a.png", "image/png", "image"),
    "jpeg with a page behind it": (JPEG + HTML, "a.jpg", "image/jpeg", "image"),
    "heic": (box(b"ftyp", b"heic\0\0\0\0mif1heic") + b"\0" * 99, "IMG_1.HEIC", "image/heic", "file"),
    "pdf with a script": (PDF, "a.pdf", "application/pdf", "file"),
    "doc": (ole("1Table", "WordDocument"), "a.doc", "application/msword", "file"),
    "xls": (ole("Workbook"), "a.xls", "application/vnd.ms-excel", "file"),
    "ppt": (ole("PowerPoint Document"), "a.ppt", "application/vnd.ms-powerpoint", "file"),
    "docx": (DOCX, "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "file"),
    "xlsx": (
        office("xl/workbook.xml"),
        "a.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "file",
    ),
    "pptx": (
        office("ppt/presentation.xml"),
        "a.pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "file",
    ),
    "text": ("您好\r\n第二行".encode(), "a.txt", "text/plain", "file"),
    "text in GB18030": ("您好，护照".encode("gb18030"), "a.txt", "text/plain", "file"),
    "text in Windows-1252": ("Montréal – Québec".encode("cp1252"), "a.txt", "text/plain", "file"),
    "text in UTF-16": ("您好".encode("utf-16"), "a.txt", "text/plain", "file"),
    "csv": ("姓名,护照号\n王小明,G1\n".encode("utf-8-sig"), "a.csv", "text/csv", "file"),
    "mp3": (b"ID3\x04\0\0\0\0\0\0" + b"\0" * 50, "a.mp3", "audio/mpeg", "audio"),
    "mp3 without a tag": (b"\xff\xfb\x90\x64" + b"\0" * 50, "a.mp3", "audio/mpeg", "audio"),
    "m4a": (M4A, "语音.m4a", "audio/mp4", "audio"),
    "sound from a phone": (mp4(b"mp42", b"soun"), "a.m4a", "audio/mp4", "audio"),
    "ogg": (b"OggS\0\2" + b"\0" * 20 + b"\1\x13OpusHead" + b"\0" * 50, "a.ogg", "audio/ogg", "audio"),
    "voice recorded by Chrome": (webm(b"A_OPUS"), "a.webm", "audio/webm", "audio"),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 30, "a.wav", "audio/wav", "audio"),
    "amr": (b"#!AMR\n" + b"\x3c" * 33, "语音.amr", "audio/amr", "file"),
    "mp4": (mp4(b"isom", b"vide", b"soun"), "a.mp4", "video/mp4", "video"),
    "mp4 to be streamed": (mp4(b"iso5", b"soun", b"vide", moov_last=False), "a.mp4", "video/mp4", "video"),
    "mov": (mp4(b"qt  ", b"vide"), "a.mov", "video/quicktime", "video"),
    "webm": (webm(b"V_VP9", b"A_OPUS"), "a.webm", "video/webm", "video"),
}

# What is refused, whatever it is called and said to be.
BAD: dict[str, bytes] = {
    "html": HTML,
    "html without a head": SCRIPT,
    "html behind white space": b"\xef\xbb\xbf \r\n\t" + HTML,
    "html behind text": b"hello\n" + HTML,
    "html behind a comment": b"<!-- x -->" + HTML,
    "html in UTF-16": HTML.decode().encode("utf-16"),
    "html with a picture behind it": HTML + PNG,
    "svg": SVG,
    "svg with a declaration": b'<?xml version="1.0"?>\n' + SVG,
    "xslt": b'<?xml version="1.0"?><xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>',
    "mhtml": b"From: <Saved by Blink>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n" + HTML,
    "windows program": b"MZ\x90\0" + b"\0" * 60 + b"PE\0\0",
    "linux program": b"\x7fELF\x02\x01\x01" + b"\0" * 60,
    "mac program": b"\xcf\xfa\xed\xfe" + b"\0" * 60,
    "shell script": b"#!/bin/sh\nid\n",
    "zip": zipped("a.txt"),
    "java archive": zipped("META-INF/MANIFEST.MF", "A.class"),
    "zip bomb": zipped(*(f"lib {number}.zip" for number in range(16))),
    "zip behind something else": b"junk" + DOCX,
    "gif and java archive": image("GIF") + zipped("META-INF/MANIFEST.MF"),
    "jpeg and zip": JPEG + zipped("a.exe", comment=b"hello"),
    "pdf and zip": PDF + zipped("a.exe"),
    "docx with macros": office("word/document.xml", "word/vbaProject.bin"),
    "doc with macros": ole("WordDocument", "_VBA_PROJECT"),
    "windows installer": ole("䡀㽿䅤䈯䠶"),
    "rtf": b"{\\rtf1\\ansi{\\object\\objocx}}",
    "7z": b"7z\xbc\xaf\x27\x1c" + b"\0" * 60,
    "flash": b"FWS\x08" + b"\0" * 60,
    "matroska": webm(b"V_VP9", doctype=b"matroska"),
    "mp4 without tracks": mp4(b"isom"),
    "bmp": image("BMP"),
    "ico": image("ICO"),
    "tiff": image("TIFF"),
    "random": bytes(range(256)) * 4,
    "png cut off": PNG[:60],
    "jpeg cut off": JPEG[:-40],
    "png with a wrong checksum": PNG[:-20] + b"\0\0\0\0" + PNG[-16:],
    "only a png's first bytes": PNG[:8],
    "empty": b"",
}


# Hostile content for a browser to open: whatever it is served as, no script in it may run. The scripts would ask for
# /canary, call alert(), and rename the page.
RUN = b"alert(1);document.title='ran';new Image().src='/canary';top.canary=1;"
MARKUP = b'<!DOCTYPE html><html><body onload="' + RUN + b'"><script>' + RUN + b"</script></body></html>"
HOSTILE: dict[str, bytes] = {
    "html": MARKUP,
    "html in UTF-16": MARKUP.decode().encode("utf-16"),
    "html in UTF-7": b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "html behind text": b"hello\n" * 20 + MARKUP,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="' + RUN + b'"><script>' + RUN + b"</script></svg>",
    "xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>' + RUN + b"</script></html>",
    "xslt": b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><x><script>' + RUN + b"</script></x>",
    "mhtml": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + MARKUP,
    "script": RUN,
    "script in a comment of a gif": b"GIF89a/*\x01\x00\x80\x00\x00*/=1;" + RUN,
    "script behind a bmp": b"BM/*" + b"\0" * 50 + b"*/=1;" + RUN,
    "module": b"export default 1;" + RUN,
    "style": b"body{background:url(/canary)} *{animation:x 1s}",
    "png and page": png_with(b"tEXt", b"Comment\0" + MARKUP) + MARKUP,
    "jpeg and page": image("JPEG") + MARKUP,
    "gif and script": image("GIF") + b"*/=1;" + RUN,
    "pdf and page": b"%PDF-1.7\n" + MARKUP + PDF,
    "pdf with a script": PDF,
    "page with a pdf": MARKUP + PDF,
    "docx and page": DOCX + MARKUP,
    "json": b'{"a":"' + MARKUP.replace(b'"', b"'") + b'"}',
    "wasm": b"\0asm\1\0\0\0",
    "webvtt": b"WEBVTT\n\n00:00.000 --> 99:00.000\n<img src=/canary onerror=alert(1)>",
    "playlist": b"#EXTM3U\n#EXTINF:1,\n/canary\n",
    "multipart": b"--b\r\nContent-Type: text/html\r\n\r\n" + MARKUP + b"\r\n--b--",
}
