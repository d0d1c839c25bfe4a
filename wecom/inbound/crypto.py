"""The cipher of WeCom's callback (DOC 90968), strict on the way in."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from Crypto.Cipher import AES

if TYPE_CHECKING:
    from Crypto.Cipher._mode_cbc import CbcMode

BLOCK = 32  # WeCom pads to 32 bytes, twice the block of AES
PREFIX = 16  # random bytes before the length
LENGTH = 4  # bytes of the length, big-endian
MAX_ENCRYPTED = 64 * 1024  # characters of base64


class InvalidCallback(Exception):
    """A request that is not what WeCom sends. The text names the step, never what was in it."""


@dataclass(frozen=True)
class Keys:
    """Token, EncodingAESKey and CorpID of one callback URL (DOC 90930).

    Raises ValueError, naming the problem and not the value.
    """

    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    receiveid: str

    def __post_init__(self) -> None:
        # With an empty token or CorpID every request would pass a check.
        if not re.fullmatch("[0-9A-Za-z]{1,32}", self.token):
            raise ValueError("the callback token must be 1 to 32 letters and digits")
        if not re.fullmatch("[0-9A-Za-z]{43}", self.aes_key):
            raise ValueError("the EncodingAESKey must be exactly 43 letters and digits")
        if not re.fullmatch("[0-9A-Za-z_-]{1,64}", self.receiveid):
            raise ValueError("the CorpID must be 1 to 64 letters, digits, - and _")


@dataclass(frozen=True)
class Envelope:
    """A ciphertext with its signature, timestamp and nonce, as WeCom exchanges them."""

    encrypt: str
    msg_signature: str
    timestamp: str
    nonce: str


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Give the signature of four ASCII values as 40 lower-case hex digits (DOC 90968)."""
    joined = "".join(sorted([token, timestamp, nonce, encrypted]))
    return hashlib.sha1(joined.encode("ascii")).hexdigest()


def decrypt(keys: Keys, *, msg_signature: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
    """Give the message inside `encrypted` (base64) once everything about it is right (DOC 90968).

    The signature has no delimiters: it says nothing about where one value ends and the next
    begins. Hence the exact length below: a shortened ciphertext under a valid signature fails it.
    Raises InvalidCallback for whatever is wrong.
    """
    _check_signature(keys.token, msg_signature, timestamp, nonce, encrypted)
    plain = _aes(keys).decrypt(_ciphertext(encrypted))
    pad = plain[-1]
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise InvalidCallback("padding")
    start = PREFIX + LENGTH
    length = int.from_bytes(plain[PREFIX:start], "big")
    rest = plain[start:-pad]
    receiveid = keys.receiveid.encode("ascii")
    if len(rest) != length + len(receiveid):
        raise InvalidCallback("length")
    if not hmac.compare_digest(rest[length:], receiveid):
        raise InvalidCallback("receiveid")
    return rest[:length]


def encrypt(keys: Keys, message: bytes, *, timestamp: str, nonce: str, prefix: bytes | None = None) -> Envelope:
    """Put `message` into a signed envelope (DOC 90968).

    `timestamp` is unix seconds in digits, `nonce` any short ASCII text; `prefix` (16 bytes) is
    random unless a test says otherwise. Raises ValueError if one of them is something else.
    """
    if not re.fullmatch("[0-9]+", timestamp) or not nonce.isascii():
        raise ValueError("timestamp must be digits, nonce must be ASCII")
    if prefix is None:
        prefix = secrets.token_bytes(PREFIX)
    if len(prefix) != PREFIX:
        raise ValueError(f"the prefix must be {PREFIX} bytes")
    plain = prefix + len(message).to_bytes(LENGTH, "big") + message + keys.receiveid.encode("ascii")
    pad = BLOCK - len(plain) % BLOCK
    encrypted = base64.b64encode(_aes(keys).encrypt(plain + bytes([pad]) * pad)).decode("ascii")
    return Envelope(
        encrypt=encrypted,
        msg_signature=sign(keys.token, timestamp, nonce, encrypted),
        timestamp=timestamp,
        nonce=nonce,
    )


def _check_signature(token: str, msg_signature: str, timestamp: str, nonce: str, encrypted: str) -> None:
    if len(encrypted) > MAX_ENCRYPTED:
        raise InvalidCallback("size")
    if not all(value.isascii() for value in (msg_signature, timestamp, nonce, encrypted)):
        raise InvalidCallback("not ASCII")
    expected = sign(token, timestamp, nonce, encrypted)
    # On bytes: compare_digest raises TypeError for a str that is not ASCII.
    if not hmac.compare_digest(expected.encode("ascii"), msg_signature.encode("ascii")):
        raise InvalidCallback("signature")


def _ciphertext(encrypted: str) -> bytes:
    try:
        raw = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCallback("base64") from None
    # One text for one ciphertext: the unused bits of the last character must be zero, too.
    if base64.b64encode(raw).decode("ascii") != encrypted:
        raise InvalidCallback("base64")
    if not raw or len(raw) % BLOCK:
        raise InvalidCallback("ciphertext length")
    return raw


def _aes(keys: Keys) -> "CbcMode":
    # 43 characters carry 258 bits; the two left over are dropped, as the official libraries do.
    key = base64.b64decode(keys.aes_key + "=")
    return AES.new(key, AES.MODE_CBC, iv=key[:16])
