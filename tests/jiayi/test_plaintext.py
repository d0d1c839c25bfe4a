"""A name or title is one line in which every character is seen and stays in its place."""

import random

import pytest

from jiayi.plaintext import isolated, one_line

FAMILY = "👨\u200d👩\u200d👧"

REDUCED = [
    ("王\u202e小明", "王小明"),  # drawn from right to left, and all that follows
    ("学签续签\u202e", "学签续签"),
    ("\u2067a\u2069\u200eb\u061c", "ab"),
    ("王\u200b小\ufeff明\u2060", "王小明"),
    ("a\u00adb", "ab"),
    ("a\tb\r\nc\u2028d\u2029e\x85f", "a b c d e f"),
    ("  王　小明\u00a0 ", "王 小明"),
    ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
    ("\ud800王", "王"),
    ("a\U000e0041\U000e0042\U000e007f", "a"),  # tags, in which a text can be hidden
    ("x\ufe0f\ufe0f\U000e0101y", "x\ufe0fy"),  # and variation selectors
    ("a\u200cb\u200dc", "abc"),
    ("\u0338\u20e0王", "王"),  # a stroke that would lie over what stands before the name
    ("e\u0301", "é"),
]
KEPT = [
    "学签续签 (2026) #3",
    "می\u200cخواهم",  # Persian
    "क्\u200dष",  # Hindi
    "葛\U000e0100城",  # the shape of an ideograph in somebody's name
    "❤\ufe0f 1\ufe0f\u20e3",
    "🏳\ufe0f\u200d🌈",
    "👍🏽",
    FAMILY,
    "Zoë Nguyễn-O’Neill",
    "محمد ٤٢ שלום",
]
EMPTY = [
    "",
    " \n\u3000",
    "\u3164",
    "\u115f\u1160\uffa0",
    "\u2800\u2800",
    "\u200b\u200d\ufe0f",
    "\u202e\u2028",
    "\ufffc",
]


@pytest.mark.parametrize(("written", "kept"), REDUCED)
def test_what_is_not_seen_or_moves_its_neighbours_goes(written: str, kept: str) -> None:
    assert one_line(written) == kept


@pytest.mark.parametrize("text", KEPT)
def test_what_a_script_or_an_emoji_needs_stays(text: str) -> None:
    assert one_line(text) == text


@pytest.mark.parametrize("text", EMPTY)
def test_what_shows_nothing_is_nothing(text: str) -> None:
    assert one_line(text) == ""


def test_doing_it_again_changes_nothing() -> None:
    """What the database holds may be saved again, by another page or a later version."""
    chance = random.Random(9)
    odd = [*range(0x300), *range(0x590, 0x700), *range(0x900, 0x960), *range(0x2000, 0x2070), 0x3164, 0xFE0F, 0x1F468]
    for _ in range(20_000):
        line = one_line("".join(chr(chance.choice([*odd, 0x94D, 0xE0100, 0x200C, 0x200D])) for _ in range(7)))
        assert one_line(line) == line, ascii(line)


def test_only_what_is_written_from_right_to_left_is_set_apart() -> None:
    assert isolated("学签 study 2026") == "学签 study 2026"
    assert isolated("عنوان") == "\u2068عنوان\u2069"
