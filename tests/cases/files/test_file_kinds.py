"""Which files are taken, what they are called afterwards, and how their bytes come back."""

import re
import struct
import unicodedata
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import Settings

from cases.files.uploads import read_upload
from cases.models import Attachment, Message
from jiayi.errors import InvalidInput
from tests.support import files
from tests.support.people import World, signed_in
from tests.support.processes import run
from tests.support.size import FULL, part, sized, whole

pytestmark = pytest.mark.django_db

# In the small size each kind of file comes under some of these, and over the kinds all of them are used. A JPEG, which
# is the first kind, comes under ".html.jpg", which ends as it should.
EXTENSIONS = (".html.jpg", ".svg", ".html", ".exe", ".pdf.hta", "")
TYPES = ("text/html", "image/svg+xml", "image/png", "application/octet-stream", "application/javascript", "x")
GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def send_file(client: Client, number: int, content: bytes, name: str, content_type: str = "x/y") -> Any:
    sent = {"file": SimpleUploadedFile(name, content, content_type), "client_id": f"c-{Message.objects.count()}"}
    return client.post(f"/api/cases/{number}/messages/", sent)


def send_raw(client: Client, number: int, filename: bytes, content: bytes = files.PDF, **headers: Any) -> Any:
    """Send a form whose file has this name, byte for byte as given."""
    disposition = b'Content-Disposition: form-data; name="file"; filename=' + filename
    body = b'--X\r\nContent-Disposition: form-data; name="client_id"\r\n\r\nc\r\n'
    body += b"--X\r\n" + disposition + b"\r\nContent-Type: a/b\r\n\r\n" + content + b"\r\n--X--\r\n"
    return client.generic(
        "POST", f"/api/cases/{number}/messages/", body, "multipart/form-data; boundary=X", headers=None, **headers
    )


def assert_harmless(response: Any, content_type: str, kept: str = "no-store") -> None:
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert {name: response[name] for name in GUARDED} == GUARDED
    assert response["Cache-Control"] == f"private, {kept}"
    policy = response["Content-Security-Policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'none'"} <= set(policy)


def place(name: str) -> int:
    return [*files.GOOD, *files.BAD].index(name)


@sized
@pytest.mark.parametrize("name", files.GOOD)
def test_a_file_comes_back_as_it_was_sent_and_as_nothing_a_browser_would_run(world: World, name: str) -> None:
    content, called, content_type, kind = files.GOOD[name]
    client = signed_in(world.wang)
    for said in part(TYPES, 6, place(name)):
        answer = send_file(client, world.case.number, content, called, said)
        assert answer.status_code == 201, answer.content.decode()
        attachment = answer.json()["attachment"]
        assert (attachment["name"], attachment["size"]) == (called, len(content))
        assert (attachment["content_type"], attachment["kind"]) == (content_type, kind)
        response = client.get(attachment["url"])
        assert_harmless(response, content_type)
        assert response["Content-Disposition"].startswith("attachment; filename")
        assert b"".join(response) == content


@sized
@pytest.mark.parametrize("name", files.GOOD)
def test_the_name_ends_as_the_bytes_are(world: World, name: str) -> None:
    content, called, content_type, _kind = files.GOOD[name]
    proper = "." + called.rsplit(".")[-1]
    client = signed_in(world.wang)
    for extension in part(EXTENSIONS, 6, place(name)):
        answer = send_file(client, world.case.number, content, "passport" + extension)
        if content_type.startswith("text/"):  # only the name tells a text from a program's source
            assert answer.status_code == 400
        else:
            assert answer.json()["attachment"]["name"] in {
                "passport" + extension + proper.lower(),
                # What ends as it should stays as it is.
                "passport.html.jpg" if content_type == "image/jpeg" else "",
            }


@sized
@pytest.mark.parametrize("name", files.BAD)
def test_what_is_no_known_kind_is_refused_however_it_is_called(world: World, name: str) -> None:
    client = signed_in(world.wang)
    called = list(zip((".jpg", ".png", ".txt", ".docx", ".html.jpg", ".html", ""), TYPES * 2, strict=False))
    for extension, said in part(called, 6, place(name)):
        answer = send_file(client, world.case.number, files.BAD[name], "a" + extension, said)
        assert (answer.status_code, list(answer.json())) == (400, ["detail"]), (extension, answer.content.decode())
    assert not Attachment.objects.exists()
    assert not Message.objects.filter(kind="file").exists()


@pytest.mark.parametrize("extension", [".js", ".bat", ".vbs", ".ps1", ".php", ".htaccess", ".svg", ".md", ""])
def test_plain_text_is_taken_only_as_txt_or_csv(world: World, extension: str) -> None:
    answer = send_file(signed_in(world.wang), world.case.number, b"echo hello", "run" + extension)
    assert answer.status_code == 400


def test_a_kind_the_settings_do_not_name_is_refused_and_the_refusal_names_those_they_do(
    world: World, settings: Settings
) -> None:
    settings.UPLOAD_TYPES = ["png", "pdf"]
    answer = send_file(signed_in(world.wang), world.case.number, files.JPEG, "a.jpg")
    assert (answer.status_code, answer.json()) == (400, {"detail": "只能发送照片和PDF。"})


@pytest.mark.parametrize(
    ("called", "content", "what"),
    [
        (
            "护照.pdf",
            files.BAD["windows program"],
            "这个文件名是 .pdf，内容看起来是 Windows 程序（exe），所以没有发送。",
        ),
        ("护照.JPG", "您好".encode(), "这个文件名是 .jpg，内容看起来是 纯文本（txt），所以没有发送。"),
        ("a.docx", files.BAD["zip"], "压缩文件（zip）"),
        ("a.docx", files.ole("EncryptedPackage"), "加了密码的 Office 文档"),
        ("a.pdf", files.BAD["java archive"], "Java 程序（jar）"),
        ("a.png", files.BAD["svg with a declaration"], "SVG 图形"),
        ("a.png", files.BAD["html in UTF-16"], "网页（html）"),
        ("a.jpg", files.BAD["jpeg and zip"], "压缩文件（zip）"),
        ("a.txt", files.BAD["shell script"], "脚本程序"),
        ("a.doc", files.BAD["rtf"], "RTF 文档"),
        ("a.jpg", files.BAD["tiff"], "TIFF 图片"),
        ("a.mp4", files.BAD["matroska"], "MKV 视频"),
        ("a", files.BAD["linux program"], "这个文件的内容看起来是 Linux 程序，所以没有发送。"),
    ],
)
def test_a_file_with_the_wrong_bytes_is_told_what_it_seems_to_be(
    world: World, called: str, content: bytes, what: str
) -> None:
    answer = send_file(signed_in(world.wang), world.case.number, content, called)
    assert answer.status_code == 400
    assert what in answer.json()["detail"]
    assert answer.json()["detail"].endswith("只能发送照片、PDF、Office 文档、录音和视频。")


def test_a_file_that_nobody_recognises_is_told_that_it_may_be_broken_and_what_to_do(world: World) -> None:
    said = "这个文件名是 .pdf，内容却不像，可能已损坏，所以没有发送。请打开看看，另存一份再发送。"
    answer = send_file(signed_in(world.wang), world.case.number, files.BAD["random"], "a.pdf")
    assert (answer.status_code, answer.json()) == (400, {"detail": said})


def test_a_kind_that_is_not_accepted_here_is_named_behind_another_name(world: World, settings: Settings) -> None:
    settings.UPLOAD_TYPES = ["png", "pdf"]
    answer = send_file(signed_in(world.wang), world.case.number, files.JPEG, "a.pdf")
    assert "内容看起来是 JPG" in answer.json()["detail"]


def test_an_office_file_with_macros_is_refused_with_what_to_do(world: World) -> None:
    answer = send_file(signed_in(world.wang), world.case.number, files.BAD["docx with macros"], "a.docx")
    assert "宏" in answer.json()["detail"]


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("护照.pdf", "护照.pdf"),
        ("  my   scan .PDF ", "my scan.PDF"),
        ("../../etc/passwd", "passwd.pdf"),
        ("..\\..\\boot.ini", "boot.ini.pdf"),
        ("/etc/cron.d/x.pdf", "x.pdf"),
        ("C:\\Users\\王\\护照.pdf", "护照.pdf"),
        ("..", "文件.pdf"),
        ("../..", "文件.pdf"),
        ("", "文件.pdf"),
        (".pdf", "pdf.pdf"),
        ("...", "文件.pdf"),
        (".htaccess", "htaccess.pdf"),
        ("CON", "CON.pdf"),
        ("a\0b.pdf", "ab.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "a Set-Cookie: x=1.pdf"),
        ("a\tb.pdf", "a b.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe.pdf"),
        ("\u2066a\u2069\u200b\ufeff.pdf", "a.pdf"),
        ("a\u2028b\u2029.pdf", "a b.pdf"),
        ("\ud800护\udfff照.pdf", "护照.pdf"),
        ("\ud800", "文件.pdf"),
        ("\x1b[31mred.pdf", "[31mred.pdf"),
        ("cafe\u0301.pdf", "café.pdf"),
        ('"quoted"; filename=x.html', '"quoted"; filename=x.html.pdf'),
        ("<img src=x onerror=alert(1)>.pdf", "<img src=x onerror=alert(1)>.pdf"),
        ("report.pdf.exe.", "report.pdf.exe.pdf"),
        ("x" * 1000, "x" * 196 + ".pdf"),
        ("护" * 1000 + ".PDF", "护" * 196 + ".PDF"),
        ("👩‍👩‍👧.pdf", "👩‍👩‍👧.pdf"),
    ],
)
def test_a_name_is_one_clean_line_and_downloads_under_it(world: World, sent: str, shown: str) -> None:
    from cases.files.actions import post_file

    upload = read_upload(BytesIO(files.PDF), sent)
    assert upload.name == shown
    message, _created = post_file(world.case, world.li.user, upload, client_id="a")
    client = signed_in(world.wang)
    (seen,) = client.get(f"/api/cases/{world.case.number}/messages/?after={message.seq - 1}").json()["messages"]
    assert (seen["body"], seen["attachment"]["name"]) == (shown, shown)
    response = client.get(seen["attachment"]["url"])
    assert offered_name(response["Content-Disposition"]) == shown
    assert client.get(f"/messages/{world.case.number}/").status_code == 200


def offered_name(disposition: str) -> str:
    """The file name in a Content-Disposition header, as a browser reads it (RFC 6266)."""
    assert "\r" not in disposition
    assert "\n" not in disposition
    if "filename*" in disposition:
        return unquote(re.fullmatch(r"attachment; filename\*=utf-8''(\S+)", disposition)[1])  # type: ignore[index]
    quoted = re.fullmatch(r'attachment; filename="(.*)"', disposition)
    assert quoted is not None
    return re.sub(r"\\(.)", r"\1", quoted[1])


@pytest.mark.parametrize(
    "filename",
    [
        b'"../../etc/passwd"',
        b'"..\\\\..\\\\x.html"',
        b'"a\0b.pdf"',
        b'"&lt;script&gt;.html"',
        b'"' + b"x" * 800 + b'"',
        b'"x.' + b"y" * 300 + b'"',
        b"\"a.pdf\"; filename*=UTF-8''%E6%8A%A4%E7%85%A7%0d%0a.html",
        b"x.pdf",
        b'"' + "\u202e护照".encode() + b'"',
    ],
)
def test_no_name_in_a_form_is_an_error_of_ours(world: World, filename: bytes) -> None:
    client = signed_in(world.wang)
    answer = send_raw(client, world.case.number, filename)
    assert answer.status_code == 201
    attachment = answer.json()["attachment"]
    assert len(attachment["name"]) <= 200
    assert attachment["name"].endswith(".pdf")
    assert not [c for c in attachment["name"] if unicodedata.category(c) in {"Cc", "Cf", "Cs"} or c in "/\\"]
    assert client.get(attachment["url"]).status_code == 200


@pytest.mark.parametrize(
    "filename",
    [b'""', b'"."', b'".."', b'"\0"', b"", b'"\xed\xa0\x80.pdf"', b'"\xff\xfe.pdf"', b'"' + b"x" * 5000 + b'"'],
)
def test_a_form_whose_file_has_no_name_to_read_is_a_clear_refusal(world: World, filename: bytes) -> None:
    answer = send_raw(signed_in(world.wang), world.case.number, filename)
    assert (answer.status_code, set(answer.json()) <= {"file", "detail"}) == (400, True)


# Bombs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.png", files.png_of(20_000, 20_000), "百万像素"),
        ("a.png", files.png_of(2**31 - 1, 2**31 - 1), "百万像素"),
        ("a.png", files.png_of(40_000_001, 1), "百万像素"),
        ("a.gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"\x3b", "无法读取"),
        ("a.gif", files.gif_of(5_000), "500 帧"),
        ("a.gif", files.gif_of(501), "500 帧"),
        ("a.png", files.png_with(b"acTL", struct.pack(">II", 5_000, 0)), "500 帧"),
        ("a.jpg", files.jpeg_of(101), "无法读取"),
        ("a.jpg", files.jpeg_of(100), ""),
        ("a.png", files.png_with(b"zTXt", b"x\0\0" + b"not deflated"), ""),
    ],
)
def test_a_picture_that_would_cost_too_much_is_refused(world: World, name: str, content: bytes, said: str) -> None:
    answer = send_file(signed_in(world.wang), world.case.number, content, name)
    assert answer.status_code == (400 if said else 201)
    assert said in answer.content.decode()


def test_a_gif_at_the_limit_is_taken(world: World) -> None:
    answer = send_file(signed_in(world.wang), world.case.number, files.gif_of(500), "a.gif")
    assert answer.status_code == 201


def test_webp_and_progressive_jpeg_have_limits_of_their_own_because_they_need_more_memory() -> None:
    for content in (
        files.image("WEBP", (4_000, 3_001)),
        files.image("JPEG", (6_000, 4_001), "L", progressive=True),
    ):
        with pytest.raises(InvalidInput, match="百万像素"):
            read_upload(BytesIO(content), "a")
    assert read_upload(BytesIO(files.image("JPEG", (6_000, 4_001), "L")), "a").width == 6_000


def test_a_zip_with_more_entries_than_anybody_lists_is_refused(world: World) -> None:
    bomb = files.office(*(f"word/{number}.xml" for number in range(5_100)), "word/document.xml")
    answer = send_file(signed_in(world.wang), world.case.number, bomb, "a.docx")
    assert answer.status_code == 400


def test_the_limit_is_told_and_holds_to_the_byte(world: World, settings: Settings) -> None:
    settings.UPLOAD_MAX_MB = 1
    client = signed_in(world.wang)
    full = files.PDF.ljust(1024 * 1024, b" ")
    assert send_file(client, world.case.number, full, "a.pdf").status_code == 201
    answer = send_file(client, world.case.number, full + b" ", "b.pdf")
    assert (answer.status_code, answer.json()) == (413, {"detail": "文件最大 1 MB。"})
    with pytest.raises(InvalidInput, match="文件最大 1 MB。"):
        read_upload(BytesIO(full + b" "), "b.pdf")
    assert Attachment.objects.count() == 1


def test_a_body_far_over_the_limit_is_refused_before_it_is_read(world: World, settings: Settings) -> None:
    settings.UPLOAD_MAX_MB = 1
    answer = send_raw(signed_in(world.wang), world.case.number, b'"a.pdf"', CONTENT_LENGTH=str(10**12))
    assert answer.status_code == 413


@pytest.mark.parametrize("length", [0, 10, 200, 400, 450])
def test_a_body_that_ends_too_early_is_not_taken_for_a_whole_file(world: World, length: int) -> None:
    content = files.PDF + b"x" * 1000
    answer = send_raw(signed_in(world.wang), world.case.number, b'"a.pdf"', content, CONTENT_LENGTH=str(length))
    assert answer.status_code == 400
    assert not Attachment.objects.exists()


def test_too_many_parts_are_refused_in_json(world: World) -> None:
    part = b'--X\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\nx\r\n'
    for body in (part % b"file" * 101, part.replace(b'; filename="a"', b"") % b"a" * 10_000):
        answer = signed_in(world.wang).generic(
            "POST", f"/api/cases/{world.case.number}/messages/", body + b"--X--", "multipart/form-data; boundary=X"
        )
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/json"


def test_a_page_takes_no_large_file_either(client: Client, db: None, settings: Settings) -> None:
    settings.UPLOAD_MAX_MB = 1
    upload = SimpleUploadedFile("a.pdf", b"x" * (1024 * 1024 + 1))
    assert client.post("/accounts/login/", {"login": "a", "file": upload}).status_code == 400


READ = """
import django; django.setup()
import re, resource, sys
from cases.files.uploads import read_upload
from jiayi.errors import InvalidInput
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])  # kB
def child(): return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # kB, of the largest that has ended
def read(path):
    with open(path, "rb") as file:
        try: read_upload(file, path)
        except InvalidInput: pass
paths = sys.argv[1:]
read(paths[0])
before, childs = peak(), child()
for path in paths[1:]: read(path)
print((peak() - before) // 1024, (child() - childs) // 1024)
"""


@whole
def test_no_bomb_takes_more_than_200_mb_of_memory(tmp_path: Path) -> None:
    """Read in a process of its own: what this one has used already would hide it."""
    megabyte = 1024 * 1024
    bombs = {
        "harmless.png": files.PNG,
        "pixels.png": files.png_of(20_000, 20_000),
        "whole.png": files.whole_png_of(9_000, 9_000),
        "largest.webp": files.image("WEBP", (4_000, 3_000), method=0),
        "frames.gif": files.gif_of(100_000),
        "comments.gif": files.gif_of_comments(20 * megabyte),
        "entries.docx": files.office(*(f"word/{n}.xml" for n in range(6_000)), "word/document.xml"),
        "objects.pdf": b"%PDF-1.7\n" + b"1 0 obj<<>>endobj\n" * megabyte,
        "long.txt": "好".encode() * (6 * megabyte),
    }
    if FULL:  # a WebP of its largest size needs as much as they do
        bombs["largest.png"] = files.image("PNG", (8_000, 5_000), "RGBA")
        bombs["largest.jpg"] = files.image("JPEG", (6_000, 4_000), progressive=True)
        bombs["scans.jpg"] = files.jpeg_of(5_000)
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
    done = run("-c", READ, *(str(tmp_path / name) for name in bombs), timeout=100)
    assert done.returncode == 0, done.stderr
    ours, decoders = map(int, done.stdout.split())
    assert 10 < decoders <= 200, done.stdout
    assert ours <= 60, "the website's own process has read none of them"


# Thumbnails ---------------------------------------------------------------------------------------


def thumbnail(client: Client, answer: Any) -> Image.Image:
    response = client.get(answer.json()["attachment"]["thumbnail"])
    assert_harmless(response, "image/webp", kept="no-cache")  # until one signs out
    assert response["Content-Disposition"] == "inline"
    return Image.open(BytesIO(b"".join(response)), formats=["WEBP"])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_every_kind_of_pixel_gets_a_thumbnail(world: World, mode: str) -> None:
    client = signed_in(world.wang)
    answer = send_file(client, world.case.number, files.image("PNG", (1_000, 500), mode), "a.png")
    assert thumbnail(client, answer).size == (480, 240)


def test_a_thumbnail_is_upright_small_and_says_nothing_of_where_it_was_taken(world: World) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right
    exif[0x010E] = "taken at home"
    photo = files.image("JPEG", (2_000, 1_000), exif=exif, icc_profile=b"a profile", comment=b"a comment")
    client = signed_in(world.wang)
    answer = send_file(client, world.case.number, photo, "a.jpg")
    attachment = answer.json()["attachment"]
    assert (attachment["width"], attachment["height"]) == (1_000, 2_000)
    small = thumbnail(client, answer)
    assert small.size == (240, 480)
    assert not {"exif", "icc_profile", "xmp", "comment"} & set(small.info)
    assert b"".join(client.get(attachment["url"])) == photo


def test_a_small_picture_is_not_enlarged_and_a_huge_one_is_read_all_the_same(world: World) -> None:
    client = signed_in(world.wang)
    small = send_file(client, world.case.number, files.image("PNG", (3, 7)), "a.png")
    assert thumbnail(client, small).size == (3, 7)
    large = send_file(client, world.case.number, files.image("PNG", (8_000, 5_000), "L"), "b.png")
    assert thumbnail(client, large).size == (480, 300)
    thin = send_file(client, world.case.number, files.image("PNG", (1, 9_000)), "c.png")
    assert thumbnail(client, thin).size == (1, 480)


def test_an_animation_shows_its_first_frame(world: World) -> None:
    client = signed_in(world.wang)
    answer = send_file(client, world.case.number, files.animation("GIF", 3), "a.gif")
    small = thumbnail(client, answer)
    assert getattr(small, "n_frames", 1) == 1


def test_only_pictures_have_a_thumbnail(world: World) -> None:
    client = signed_in(world.wang)
    attachment = send_file(client, world.case.number, files.PDF, "a.pdf").json()["attachment"]
    assert (attachment["thumbnail"], attachment["width"], attachment["height"]) == (None, None, None)
    assert client.get(attachment["url"] + "thumbnail/").status_code == 404
