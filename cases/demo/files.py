"""Small real files for the demo, made here: a picture, a PDF and a voice note."""

import math
import wave
from io import BytesIO

from PIL import Image, ImageDraw

RATE = 8_000  # samples a second of the voice note
SECONDS = 3


def picture(title: str) -> bytes:
    """Give a JPEG that looks like a scanned card, with `title` (ASCII) on it."""
    page = Image.new("RGB", (960, 640), "#e9edf1")
    draw = ImageDraw.Draw(page)
    draw.rounded_rectangle((60, 60, 900, 580), 24, fill="#ffffff", outline="#8aa0b4", width=3)
    draw.rectangle((60, 110, 900, 170), fill="#1f4e79")
    draw.text((90, 122), title, fill="#ffffff", font_size=32)
    draw.rectangle((100, 210, 320, 490), fill="#d5dde5")
    draw.ellipse((160, 250, 260, 360), fill="#a9b8c6")
    draw.pieslice((120, 370, 300, 610), 180, 360, fill="#a9b8c6")
    for n, text in enumerate(("SPECIMEN", "No. E00000000", "2021-04-12", "2031-04-11")):
        draw.text((370, 220 + 66 * n), text, fill="#34495e", font_size=34)
    draw.text((100, 524), "P<CHNSPECIMEN<<DEMO<<<<<<<<<<<<<<<<<<<<<<", fill="#5d6d7e", font_size=28)
    out = BytesIO()
    page.save(out, "JPEG", quality=82)
    return out.getvalue()


def letter(lines: list[str]) -> bytes:
    """Give a PDF of one page with these lines (ASCII, without parentheses)."""
    text = "".join(f"({line}) Tj T* " for line in lines)
    drawn = f"BT /F1 13 Tf 20 TL 72 770 Td {text}ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


def voice_note() -> bytes:
    """Give a WAV of three seconds that rises and falls like somebody humming."""
    samples = bytearray()
    phase = 0.0
    for n in range(RATE * SECONDS):
        second = n / RATE
        phase += 2 * math.pi * (190 + 40 * math.sin(2.6 * second)) / RATE
        loud = 0.5 * abs(math.sin(math.pi * 1.7 * second)) * min(1.0, 4 * second, 4 * (SECONDS - second))
        samples.append(int(128 + 100 * loud * (math.sin(phase) + 0.4 * math.sin(2 * phase)) / 1.4))
    out = BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(RATE)
        sound.writeframes(bytes(samples))
    return out.getvalue()


FILES = {
    "护照首页.jpg": lambda: picture("PASSPORT"),
    "现有学签.jpg": lambda: picture("STUDY PERMIT"),
    "在读证明 Enrolment Letter.pdf": lambda: letter(
        [
            "ENROLMENT CONFIRMATION",
            "",
            "This is to confirm that WANG Xiaoming is enrolled full time",
            "in the",
            "Bachelor of Commerce, year 3 of 4.",
            "",
            "Demo document, not a real letter.",
        ]
    ),
    "结婚证公证件.pdf": lambda: letter(
        [
            "NOTARIAL CERTIFICATE",
            "",
            "Marriage certificate, translation attached.",
            "",
            "Demo document, not a real certificate.",
        ]
    ),
    "IMM5710 草稿.pdf": lambda: letter(
        ["IMM 5710 - DRAFT", "", "Please check name, dates and address.", "", "Demo document, not the real form."]
    ),
    "语音 留言.wav": voice_note,
}
