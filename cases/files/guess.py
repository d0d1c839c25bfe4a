"""Naming what a refused file seems to be, so that the refusal says which kind of file was chosen."""

from typing import IO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases.files import magic

_BEGINNINGS = (
    ((b"MZ",), gettext_lazy("Windows 程序（exe）")),
    ((b"\x7fELF",), gettext_lazy("Linux 程序")),
    ((b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"), gettext_lazy("Mac 程序")),
    ((b"Rar!\x1a\x07",), gettext_lazy("压缩文件（rar）")),
    ((b"7z\xbc\xaf\x27\x1c",), gettext_lazy("压缩文件（7z）")),
    ((b"\x1f\x8b",), gettext_lazy("压缩文件（gz）")),
    ((b"BM",), gettext_lazy("BMP 图片")),
    ((b"II*\0", b"MM\0*"), gettext_lazy("TIFF 图片")),
    ((b"\0\0\1\0",), gettext_lazy("图标（ico）")),
    ((b"\x1a\x45\xdf\xa3",), gettext_lazy("MKV 视频")),
    ((b"FLV", b"FWS", b"CWS"), gettext_lazy("Flash 文件")),
)


def seems(file: IO[bytes]) -> str:
    """Return in the user's language what an open file seems to be, "" when its bytes do not tell."""
    if magic.ends_as_zip(file):  # whatever it begins with
        return _zip(set(magic.zip_names(file)))
    if "EncryptedPackage" in magic.ole_names(file):
        return _("加了密码的 Office 文档")
    for signatures, words in _BEGINNINGS:
        if magic.starts(*signatures)(file):
            return str(words)
    if magic.riff(b"AVI ")(file):
        return _("AVI 视频")
    return _("纯文本（txt）") if magic.text(file) else _written(magic.beginning(file))


def _zip(names: set[str]) -> str:
    if "AndroidManifest.xml" in names:
        return _("安卓应用（apk）")
    return _("Java 程序（jar）") if "META-INF/MANIFEST.MF" in names else _("压缩文件（zip）")


def _written(beginning: bytes) -> str:
    """Return what a text that is not plain text seems to be."""
    if beginning.startswith(b"{\\rtf"):
        return _("RTF 文档")
    if beginning.startswith(b"#!"):
        return _("脚本程序")
    if b"<svg" in beginning.lower():
        return _("SVG 图形")
    return _("网页（html）") if magic.is_markup(beginning) else ""
