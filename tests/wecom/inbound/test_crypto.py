import base64
import itertools
import random
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.size import size, sized
from tests.wecom.inbound.samples import (
    CORP_ID,
    KEYS,
    NONCE,
    TIMESTAMP,
    VECTORS,
    Capture,
    Signed,
    aes,
    captures,
    keys_of,
    layout,
    message,
    padded,
    query,
    resplit,
    sealed,
    shifted,
    signed,
)
from wecom.inbound.crypto import InvalidCallback, Keys, decrypt, encrypt, sign
from wecom.inbound.envelope import parse_message, parse_query

SAMPLES = size(200, 2000)


def opened(request: Signed, keys: Keys = KEYS) -> bytes:
    return decrypt(keys, **request._asdict())


def accepted(request: Signed) -> bytes | None:
    """What a request gets us to read, from its query string on; None if it is refused."""
    try:
        values = parse_query(query(request), with_echostr=False)
        return opened(Signed(values.msg_signature, values.timestamp, values.nonce, request.encrypted))
    except InvalidCallback:
        return None


@pytest.fixture
def capture() -> Capture:
    return next(captures(1, seed=0))


# The vectors


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_the_vectors_decrypt(vector: dict[str, str]) -> None:
    keys = keys_of(vector)
    request = Signed(vector["msg_signature"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    values = parse_query(query(request, as_echostr=True), with_echostr=True)
    assert values.echostr == vector["encrypt"]
    assert opened(request, keys).decode() == vector["plaintext"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_the_vectors_are_made_again_byte_by_byte(vector: dict[str, str]) -> None:
    prefix = aes(keys_of(vector)).decrypt(base64.b64decode(vector["encrypt"]))[:16]
    if vector["name"] == "wechatpy_reply_encrypt_fixed_random":
        assert prefix == b"1234567890123456"  # the one whose prefix is published
    envelope = encrypt(
        keys_of(vector),
        vector["plaintext"].encode(),
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        prefix=prefix,
    )
    assert envelope.encrypt == vector["encrypt"]
    assert envelope.msg_signature == vector["msg_signature"]


# Our own envelopes


@given(st.binary(max_size=300), st.from_regex("[0-9A-Za-z_-]{1,50}", fullmatch=True))
def test_what_we_encrypt_we_decrypt(plaintext: bytes, nonce: str) -> None:
    envelope = encrypt(KEYS, plaintext, timestamp=TIMESTAMP, nonce=nonce)
    assert opened(Signed(envelope.msg_signature, TIMESTAMP, nonce, envelope.encrypt)) == plaintext


def test_the_same_message_never_looks_the_same_twice() -> None:
    made = {encrypt(KEYS, b"hello", timestamp=TIMESTAMP, nonce=NONCE).encrypt for _ in range(50)}
    assert len(made) == 50


@pytest.mark.parametrize("length", range(64))
def test_padding_is_one_to_thirty_two_bytes(length: int) -> None:
    envelope = encrypt(KEYS, b"x" * length, timestamp=TIMESTAMP, nonce=NONCE)
    plain = aes().decrypt(base64.b64decode(envelope.encrypt))
    assert len(plain) % 32 == 0
    assert len(plain) - (16 + 4 + length + len(CORP_ID)) == plain[-1]
    assert 1 <= plain[-1] <= 32


@pytest.mark.parametrize(
    "wrong", [{"prefix": b"short"}, {"timestamp": "now"}, {"timestamp": ""}, {"nonce": "随机"}], ids=str
)
def test_an_envelope_is_not_made_of_nonsense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        encrypt(KEYS, b"x", **({"timestamp": TIMESTAMP, "nonce": NONCE} | wrong))  # type: ignore[arg-type]


# Keys


@pytest.mark.parametrize(
    ("token", "aes_key", "receiveid", "problem"),
    [
        ("", KEYS.aes_key, CORP_ID, "token"),
        ("t" * 33, KEYS.aes_key, CORP_ID, "token"),
        ("秘密", KEYS.aes_key, CORP_ID, "token"),
        ("secret\n", KEYS.aes_key, CORP_ID, "token"),
        ("secret", "k" * 42, CORP_ID, "43"),
        ("secret", "k" * 44, CORP_ID, "43"),
        ("secret", "k" * 42 + "=", CORP_ID, "43"),
        ("secret", "k" * 43 + "\n", CORP_ID, "43"),
        ("secret", "４" * 43, CORP_ID, "43"),
        ("secret", KEYS.aes_key, "", "CorpID"),
        ("secret", KEYS.aes_key, "wx 1", "CorpID"),
    ],
)
def test_keys_that_cannot_be_right_are_named_but_not_shown(
    token: str, aes_key: str, receiveid: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        Keys(token, aes_key, receiveid)
    text = str(caught.value)
    assert not any(value and value in text for value in (token, aes_key, receiveid))


def test_keys_do_not_show_their_secrets() -> None:
    shown = f"{KEYS!r} {KEYS}"
    assert KEYS.token not in shown
    assert KEYS.aes_key not in shown


# Requests that were changed


def test_every_changed_bit_is_refused(capture: Capture) -> None:
    refused = 0
    for field, value in capture.request._asdict().items():
        for at, bit in itertools.product(range(len(value)), range(7)):
            changed = value[:at] + chr(ord(value[at]) ^ 1 << bit) + value[at + 1 :]
            with pytest.raises(InvalidCallback):
                opened(capture.request._replace(**{field: changed}))
            refused += 1
    assert refused == 7 * sum(map(len, capture.request))


@pytest.mark.parametrize("field", Signed._fields)
@pytest.mark.parametrize(
    "value", ["", " ", "0", "中文", "\ud800", "\x00", "é" * 40, "a" * 100_000, "４" * 40], ids=ascii
)
def test_a_replaced_value_is_refused(capture: Capture, field: str, value: str) -> None:
    with pytest.raises(InvalidCallback):
        opened(capture.request._replace(**{field: value}))


def test_a_signature_in_capitals_is_refused(capture: Capture) -> None:
    with pytest.raises(InvalidCallback, match="signature"):
        opened(capture.request._replace(msg_signature=capture.request.msg_signature.upper()))


@pytest.mark.parametrize(
    "other",
    [
        Keys("OtherToken", KEYS.aes_key, CORP_ID),
        Keys(KEYS.token, "A" * 43, CORP_ID),
        Keys(KEYS.token, KEYS.aes_key, "wx5823bf96d3bd56c8"),
    ],
    ids=["token", "key", "corp"],
)
def test_another_callbacks_request_is_refused(capture: Capture, other: Keys) -> None:
    with pytest.raises(InvalidCallback):
        opened(capture.request, other)


# A valid signature over something that is not right

GOOD = layout(b"<xml/>")
TEXT = sealed(padded(GOOD)).encrypted


def test_the_sample_that_the_broken_ones_are_made_of_is_good() -> None:
    assert opened(sealed(padded(GOOD))) == b"<xml/>"
    assert len(padded(GOOD)) == 64
    assert padded(GOOD)[-1] == 20


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(padded(GOOD)[:-1] + b"\x00", id="pad 0"),
        pytest.param(layout(b"x" * 57) + b"\x21" * 33, id="pad 33"),
        pytest.param(GOOD + b"\xff" * 20, id="pad 255"),
        pytest.param(GOOD + b"\x13" + b"\x14" * 19, id="first pad byte differs"),
        pytest.param(GOOD + b"\x14" * 9 + b"\x00" + b"\x14" * 10, id="middle pad byte differs"),
        pytest.param(GOOD + b"\x00" * 19 + b"\x14", id="only the last pad byte right"),
        pytest.param(GOOD + b"\x04" * 20, id="pad of a 16-byte padder"),
        pytest.param(padded(GOOD) + b"\x20" * 31 + b"\x1f", id="another block"),
        pytest.param(padded(GOOD) + b"\x20" * 32, id="a whole block of padding after the padding"),
    ],
)
def test_wrong_padding_is_refused(plain: bytes) -> None:
    assert len(plain) % 32 == 0
    request = sealed(plain)
    with pytest.raises(InvalidCallback):
        opened(request)


@pytest.mark.parametrize("length", [0, 5, 7, 6 + 18, 6 + 19, 64, 1 << 16, 1 << 31, (1 << 32) - 1, (1 << 32) - 6])
def test_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidCallback, match="length"):
        opened(sealed(padded(layout(b"<xml/>", length=length))))


@pytest.mark.parametrize(
    "receiveid",
    ["", "wx5823bf96d3bd56c8", "WX5823BF96D3BD56C7", CORP_ID[:-1], CORP_ID + "0", " " + CORP_ID, CORP_ID + "\x00"],
)
def test_another_receiveid_is_refused(receiveid: str) -> None:
    with pytest.raises(InvalidCallback):
        opened(sealed(padded(layout(b"<xml/>", receiveid=receiveid))))


def test_a_length_that_moves_the_border_to_the_receiveid_is_refused() -> None:
    # 6 + 18 bytes in all, split one byte earlier and one byte later.
    for length in (5, 7):
        plain = b"r" * 16 + length.to_bytes(4, "big") + b"<xml/>" + CORP_ID.encode()
        with pytest.raises(InvalidCallback):
            opened(sealed(padded(plain)))


@pytest.mark.parametrize(
    "plain",
    [b"", b"\x20" * 32, b"\x00" * 32, b"\xff" * 64, b"r" * 16 + b"\x10" * 16, b"r" * 19 + b"\x0d" * 13],
    ids=["nothing", "only padding", "zeros", "ones", "no length", "half a length"],
)
def test_a_ciphertext_without_a_message_is_refused(plain: bytes) -> None:
    with pytest.raises(InvalidCallback):
        opened(sealed(plain))


def test_a_good_message_padded_to_sixteen_bytes_only_is_refused() -> None:
    with pytest.raises(InvalidCallback, match="length"):
        opened(sealed(GOOD + b"\x04" * 4))


def test_a_good_message_larger_than_a_body_is_refused() -> None:
    assert opened(sealed(padded(layout(b"x" * 40_000)))) == b"x" * 40_000
    with pytest.raises(InvalidCallback, match="size"):
        opened(sealed(padded(layout(b"x" * 60_000))))


@pytest.mark.parametrize("blocks", range(1, 12))
def test_random_blocks_under_a_valid_signature_are_refused(blocks: int) -> None:
    dice = random.Random(blocks)
    for _ in range(200):
        with pytest.raises(InvalidCallback):
            opened(signed(base64.b64encode(dice.randbytes(16 * blocks)).decode()))


@pytest.mark.parametrize(
    "encrypted",
    [
        pytest.param("", id="empty"),
        pytest.param("=", id="only padding"),
        pytest.param("====", id="much padding"),
        pytest.param(TEXT.rstrip("="), id="padding missing"),
        pytest.param(TEXT + "=", id="padding too long"),
        pytest.param(TEXT + "====", id="more padding"),
        pytest.param(TEXT + TEXT, id="data after the padding"),
        pytest.param("=" + TEXT, id="padding in front"),
        pytest.param(TEXT + "\n", id="line feed after"),
        pytest.param(" " + TEXT, id="space before"),
        pytest.param(TEXT[:20] + "\r\n" + TEXT[20:], id="broken line"),
        pytest.param(TEXT[:20] + "*" + TEXT[20:], id="junk inside"),
        pytest.param(TEXT[:20] + "****" + TEXT[20:], id="junk of four"),
        pytest.param(TEXT[:20] + "-_" + TEXT[22:], id="the alphabet of URLs"),
        pytest.param(TEXT[:20] + "中" + TEXT[21:], id="not ASCII"),
        pytest.param(TEXT[:20] + "\ud800" + TEXT[21:], id="lone surrogate"),
        pytest.param(TEXT[:-3] + chr(ord(TEXT[-3]) + 1) + TEXT[-2:], id="unused bits not zero"),
        pytest.param(TEXT[:40], id="thirty bytes"),
        pytest.param("A" * 64, id="48 bytes: whole AES blocks, not whole 32"),
        pytest.param("A" * (64 * 1024 + 4), id="too long"),
    ],
)
def test_bad_base64_under_a_valid_signature_is_refused(encrypted: str) -> None:
    msg_signature = sign(KEYS.token, TIMESTAMP, NONCE, encrypted) if encrypted.isascii() else "0" * 40
    with pytest.raises(InvalidCallback):
        opened(Signed(msg_signature, TIMESTAMP, NONCE, encrypted))


def test_a_refusal_does_not_show_what_was_refused() -> None:
    told = "护照号 E12345678 "
    plain = layout(told.encode())
    refused = [
        sealed(padded(plain))._replace(msg_signature="0" * 40),
        sealed(padded(plain)[:-1] + b"\x00"),
        sealed(padded(layout(told.encode(), length=3))),
        sealed(padded(layout(told.encode(), receiveid="wxother"))),
        signed(sealed(padded(plain)).encrypted + "*"),
    ]
    for request in refused:
        with pytest.raises(InvalidCallback) as caught:
            opened(request)
        text = "".join(traceback.format_exception(caught.value))
        for secret in (told, "E12345678", KEYS.token, KEYS.aes_key, request.encrypted):
            assert secret not in text


# The signature has no delimiters: what somebody who recorded a request can make of it


@sized
def test_every_shifted_boundary_reads_the_same_message_or_nothing() -> None:
    """2,000 captures, each boundary between two values moved to many places that keep the signature.

    Proven, even without the grammar of the query: no other plaintext is ever read. What has the
    ciphertext unchanged reads the same plaintext, whose identity is the one that is stored already.
    """
    harmless = refused = 0
    for number, recorded in enumerate(captures(SAMPLES, seed=1)):
        for forged in shifted(recorded, step=1 + number % 16):
            assert sign(KEYS.token, *forged[1:]) == recorded.request.msg_signature
            if forged.encrypted == recorded.request.encrypted:
                assert opened(forged) == recorded.plaintext
                harmless += 1
            else:
                with pytest.raises(InvalidCallback):
                    opened(forged)
                refused += 1
    assert harmless >= SAMPLES
    assert refused >= SAMPLES


@sized
def test_under_the_grammar_a_recorded_signature_yields_no_second_message() -> None:
    """2,000 captures and all requests that keep both the signature and the grammar of the query.

    Proven: a changed ciphertext is refused and has no block in common with the recorded one, so
    that it deciphers to noise; with the unchanged one, at most time and nonce change places, which
    reads the same plaintext of the same identity. So 0 are accepted beyond the original.
    """
    identities, swapped = set(), 0
    for recorded in captures(SAMPLES, seed=2):
        possible = resplit(recorded)
        assert recorded.request in possible
        for request in possible:
            if request.encrypted != recorded.request.encrypted:
                assert accepted(request) is None
                assert not blocks(request.encrypted) & blocks(recorded.request.encrypted)
                continue
            assert {request.timestamp, request.nonce} == {recorded.request.timestamp, recorded.request.nonce}
            swapped += request != recorded.request
            plaintext = accepted(request)
            assert plaintext == recorded.plaintext
            identities.add(parse_message(plaintext, corp_id=CORP_ID).identity)
    assert len(identities) == SAMPLES
    assert swapped == SAMPLES // 2  # a nonce of ten digits can pass for a time


def blocks(encrypted: str) -> set[bytes]:
    """The AES blocks of a text that is base64 of whole blocks."""
    try:
        raw = base64.b64decode(encrypted, validate=True)
    except ValueError:
        return set()
    return {raw[at : at + 16] for at in range(0, len(raw), 16)} if len(raw) % 16 == 0 else set()


@sized
def test_truncated_ciphertexts_are_refused() -> None:
    """2,000 ciphertexts less whole AES blocks that were moved into the time or the nonce.

    Refused by the grammar, and by the cipher without it: a message has no NUL bytes, so nothing in
    it reads as the length of the rest.
    """
    made = 0
    for recorded in captures(20_000, seed=3):
        for forged in shifted(recorded, step=64):  # 64 characters are three AES blocks
            if len(forged.encrypted) >= len(recorded.request.encrypted):
                continue
            assert sign(KEYS.token, *forged[1:]) == recorded.request.msg_signature
            assert forged.encrypted in recorded.request.encrypted
            assert accepted(forged) is None
            with pytest.raises(InvalidCallback):
                opened(forged)
            made += 1
        if made >= SAMPLES:
            break
    assert made >= SAMPLES


def test_a_message_written_to_be_truncated_is_stopped_by_the_grammar() -> None:
    """The strongest forgery there is, and the reason why the nonce is short.

    Whoever can put raw NUL bytes into a message, and record it, can shorten it by 96 bytes to
    another whole message. The signature holds and the cipher cannot tell. The 128 characters cut
    off have nowhere to go but time and nonce, and there the query's grammar refuses them.
    """
    inner = message(FromUserName="ZhangWei").encode()
    crafted = b"x" * 92 + len(inner).to_bytes(4, "big") + inner
    cases = itertools.count()
    while True:
        genuine = encrypt(KEYS, crafted, timestamp=TIMESTAMP, nonce=str(1_900_000_000 + next(cases)))
        forged = Signed(genuine.msg_signature, TIMESTAMP, genuine.nonce + genuine.encrypt[:128], genuine.encrypt[128:])
        if sign(KEYS.token, *forged[1:]) == genuine.msg_signature:
            break
    assert opened(forged) == inner
    assert accepted(forged) is None
