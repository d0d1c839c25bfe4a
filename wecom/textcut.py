"""Functions that make a text fit what WeCom takes: no illegal characters, no more bytes than allowed."""

import re

ELLIPSIS = "…"
# Characters that XML 1.0 forbids. Each of them makes a parser refuse the whole document.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def without_control_characters(text: str) -> str:
    """Give `text` less every character XML 1.0 forbids (controls, lone surrogates, U+FFFE/F).

    Tab, line feed and carriage return stay. The result can always be encoded as UTF-8.
    """
    return _ILLEGAL.sub("", text)


def cut(text: str, limit_bytes: int) -> str:
    """Give `text` in at most `limit_bytes` bytes of UTF-8, ending in … if something was cut.

    Cuts between code points. A lone surrogate, which UTF-8 cannot hold, becomes "?".
    Raises ValueError if not even the ellipsis (3 bytes) fits.
    """
    if limit_bytes < len(ELLIPSIS.encode()):
        raise ValueError("limit_bytes leaves no room for the ellipsis")
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit_bytes:
        return encoded.decode("utf-8")
    room = limit_bytes - len(ELLIPSIS.encode())
    # "ignore" drops only the half character at the cut: everything before it is sound.
    return encoded[:room].decode("utf-8", "ignore") + ELLIPSIS
