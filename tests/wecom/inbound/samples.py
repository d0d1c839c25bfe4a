"""Vectors, keys and forgeries that the callback's tests share."""

import base64
import json
import random
from collections.abc import Iterator
from itertools import pairwise, permutations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from Crypto.Cipher import AES

from wecom.inbound.crypto import InvalidCallback, Keys, encrypt, sign
from wecom.inbound.envelope import parse_query

if TYPE_CHECKING:
    from Crypto.Cipher._mode_cbc import CbcMode

KEYS = Keys(token="QDG6eK", aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", receiveid="wx5823bf96d3bd56c7")
CORP_ID = KEYS.receiveid
TIMESTAMP, NONCE = "1783000000", "1320562132"

_FILE = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
VECTORS = [*_FILE["published"], *_FILE["made_with_the_official_npm_library"]]


class Signed(NamedTuple):
    """The four values of a request. `msg_signature` fits the other three."""

    msg_signature: str
    timestamp: str
    nonce: str
    encrypted: str


def keys_of(vector: dict[str, str]) -> Keys:
    return Keys(vector["token"], vector["encoding_aes_key"], vector["receiveid"])


def signed(encrypted: str, *, timestamp: str = TIMESTAMP, nonce: str = NONCE) -> Signed:
    """Sign any text at all, as somebody who knows the token could."""
    return Signed(sign(KEYS.token, timestamp, nonce, encrypted), timestamp, nonce, encrypted)


def aes(keys: Keys = KEYS) -> "CbcMode":
    key = base64.b64decode(keys.aes_key + "=")
    return AES.new(key, AES.MODE_CBC, iv=key[:16])


def sealed(plain: bytes) -> Signed:
    """Encrypt and sign `plain` as it is: prefix, length and padding are the caller's."""
    return signed(base64.b64encode(aes().encrypt(plain)).decode("ascii"))


def layout(message: bytes, *, receiveid: str = CORP_ID, length: int | None = None) -> bytes:
    """Prefix, length, message and receiveid, not padded."""
    declared = len(message) if length is None else length
    return b"r" * 16 + declared.to_bytes(4, "big") + message + receiveid.encode()


def padded(plain: bytes) -> bytes:
    pad = 32 - len(plain) % 32
    return plain + bytes([pad]) * pad


def query(request: Signed, *, as_echostr: bool = False) -> bytes:
    """The query string of a request, as WeCom writes it."""
    text = f"msg_signature={request.msg_signature}&timestamp={request.timestamp}&nonce={request.nonce}"
    if as_echostr:
        text += "&echostr=" + quote(request.encrypted, safe="")
    return text.encode()


def message(inner: str = "", **elements: str) -> str:
    """The inner XML of a text message; an element given as "" is left out."""
    fields = {
        "ToUserName": CORP_ID,
        "FromUserName": "LiMing",
        "CreateTime": TIMESTAMP,
        "MsgType": "text",
        "Content": "你好",
        "MsgId": "7421035889012345678",
        "AgentID": "1000002",
    } | elements
    parts = [f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items() if text]
    return f"<xml>{''.join(parts)}{inner}</xml>"


def event(name: str, inner: str = "", **elements: str) -> str:
    return message(inner, **({"MsgType": "event", "Event": name, "Content": "", "MsgId": ""} | elements))


class Capture(NamedTuple):
    """A genuine request that somebody between WeCom and us has recorded."""

    request: Signed
    plaintext: bytes

    @property
    def signed_text(self) -> str:
        _, timestamp, nonce, encrypted = self.request
        return "".join(sorted([KEYS.token, timestamp, nonce, encrypted]))


def captures(count: int, *, seed: int) -> Iterator[Capture]:
    """Genuine requests with different messages, lengths, times and nonces.

    Nonces are ten digits, as WeCom's are, and in every other request letters as well.
    """
    dice = random.Random(seed)
    for number in range(count):
        alphabet = "ABCDEFabcdefXYZxyz_-" if number % 2 else "0123456789"
        text = message(MsgId=str(10**18 + number), Content="想" * dice.randrange(1, 300))
        nonce = dice.choice("123456789") + "".join(dice.choices(alphabet, k=9))
        envelope = encrypt(
            KEYS,
            text.encode(),
            timestamp=str(dice.randrange(1_600_000_000, 1_900_000_000)),
            nonce=nonce,
            prefix=dice.randbytes(16),
        )
        yield Capture(Signed(envelope.msg_signature, envelope.timestamp, nonce, envelope.encrypt), text.encode())


def shifted(capture: Capture, *, step: int = 1) -> Iterator[Signed]:
    """Every request under the captured signature with one boundary between two values moved.

    The signature covers the sorted values with nothing between them, so each of these is valid.
    Boundaries move by multiples of `step` characters.
    """
    values = dict(zip(("token", "timestamp", "nonce", "encrypted"), (KEYS.token, *capture.request[1:]), strict=True))
    order = sorted(values, key=lambda name: values[name])
    for left, right in pairwise(order):
        if "token" in (left, right):
            continue
        both, border = values[left] + values[right], len(values[left])
        for cut in range(border % step or step, len(both), step):
            moved = values | {left: both[:cut], right: both[cut:]}
            in_order = sorted(moved, key=lambda name: moved[name]) == order
            if in_order and cut != border:
                yield Signed(capture.request.msg_signature, moved["timestamp"], moved["nonce"], moved["encrypted"])


def resplit(capture: Capture) -> set[Signed]:
    """All requests under the captured signature with the query's grammar kept, the capture included.

    Exhaustive: every order of the values, every place of the token, every length of the nonce.
    """
    text, found = capture.signed_text, set()
    at = text.find(KEYS.token)
    while at >= 0:
        before, after = text[:at], text[at + len(KEYS.token) :]
        for names in permutations(("timestamp", "nonce", "encrypted")):
            for in_front in range(4):
                if (in_front > 0) != bool(before) or (in_front < 3) != bool(after):
                    continue  # a side that has text needs values, and the other way round
                for values in _fill(names[:in_front], before, names[in_front:], after):
                    found.add(values)
        at = text.find(KEYS.token, at + 1)
    signature = capture.request.msg_signature
    return {
        Signed(signature, *values)
        for values in found
        if "".join(sorted([KEYS.token, *values])) == text and _keeps_grammar(Signed(signature, *values))
    }


def _fill(front: tuple[str, ...], before: str, back: tuple[str, ...], after: str) -> Iterator[tuple[str, str, str]]:
    for nonce_length in range(1, 51):
        values: dict[str, str] = {}
        for names, text in ((front, before), (back, after)):
            fixed = {"timestamp": 10, "nonce": nonce_length}
            rest = len(text) - sum(fixed.get(name, 0) for name in names)
            if rest < 0 or ("encrypted" not in names and rest):
                break
            for name in names:
                size = fixed.get(name, rest)
                values[name], text = text[:size], text[size:]
        else:
            yield values["timestamp"], values["nonce"], values["encrypted"]


def _keeps_grammar(request: Signed) -> bool:
    try:
        parse_query(query(request), with_echostr=False)
    except InvalidCallback:
        return False
    return True
