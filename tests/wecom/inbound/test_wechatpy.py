"""wechatpy is an independent implementation: each side reads what the other wrote."""

import base64
import secrets

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from wechatpy.enterprise import parse_message as wechatpy_parse
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.enterprise.replies import TextReply

from tests.wecom.inbound.samples import CORP_ID, KEYS, TIMESTAMP, message
from wecom.inbound.crypto import Keys, decrypt, encrypt, sign
from wecom.inbound.envelope import parse_message, passive_reply, passive_reply_body, read_post

TEXTS = st.text(max_size=400)
NONCES = st.from_regex("[0-9A-Za-z_-]{1,50}", fullmatch=True)
KEY_BYTES = st.binary(min_size=32, max_size=32)


def theirs(keys: Keys = KEYS) -> WeChatCrypto:
    return WeChatCrypto(keys.token, keys.aes_key, keys.receiveid)


def aes_key(raw: bytes) -> str:
    return base64.b64encode(raw, altchars=b"xy").decode().rstrip("=")


@given(TEXTS, NONCES)
def test_they_decrypt_what_we_encrypt(text: str, nonce: str) -> None:
    envelope = encrypt(KEYS, text.encode(), timestamp=TIMESTAMP, nonce=nonce)
    body = passive_reply_body(envelope).decode()
    assert theirs().decrypt_message(body, envelope.msg_signature, TIMESTAMP, nonce) == text


@given(TEXTS, NONCES)
def test_we_decrypt_what_they_encrypt(text: str, nonce: str) -> None:
    body = theirs().encrypt_message(text, nonce, TIMESTAMP).encode()
    encrypted = read_post(body).encrypt
    signature = sign(KEYS.token, TIMESTAMP, nonce, encrypted)
    assert signature in body.decode()
    plain = decrypt(KEYS, msg_signature=signature, timestamp=TIMESTAMP, nonce=nonce, encrypted=encrypted)
    assert plain.decode() == text


@given(KEY_BYTES, st.from_regex("[0-9A-Za-z]{1,32}", fullmatch=True), TEXTS)
def test_both_ways_under_any_key(raw: bytes, token: str, text: str) -> None:
    keys = Keys(token, aes_key(raw), "ww" + secrets.token_hex(8))
    envelope = encrypt(keys, text.encode(), timestamp=TIMESTAMP, nonce="1")
    assert theirs(keys).check_signature(envelope.msg_signature, TIMESTAMP, "1", envelope.encrypt) == text
    encrypted = read_post(theirs(keys).encrypt_message(text, "1", TIMESTAMP).encode()).encrypt
    signature = sign(token, TIMESTAMP, "1", encrypted)
    plain = decrypt(keys, msg_signature=signature, timestamp=TIMESTAMP, nonce="1", encrypted=encrypted)
    assert plain.decode() == text


@pytest.mark.parametrize("text", ["好的", "a < b && c > d", "]]>", "第一行\n第二行", "👨‍👩‍👧‍👦🇨🇳", "1" * 2048])
def test_they_read_our_reply(text: str) -> None:
    reply = passive_reply(to_user="LiMing", from_user=CORP_ID, content=text, created_at=1783000000)
    read = wechatpy_parse(reply.decode())
    assert (read.source, read.target, read.type, read.content) == (CORP_ID, "LiMing", "text", text)


@pytest.mark.parametrize("text", ["好的", "a < b && c > d", "第一行\n第二行", "👨‍👩‍👧‍👦🇨🇳"])
def test_we_read_what_they_render(text: str) -> None:
    rendered = TextReply(source="LiMing", target=CORP_ID, content=text, agent=1000002).render()
    read = parse_message(rendered.encode(), corp_id=CORP_ID)
    assert (read.from_user, read.msg_type, read.content) == ("LiMing", "text", text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(lambda t: "]]>" not in t))
def test_both_read_the_same_content(text: str) -> None:
    # They trim, and refuse what we leave out.
    assume(text == text.strip() and not set(text) & {"\ufffe", "\uffff"})
    xml = message(Content=text)
    ours = parse_message(xml.encode(), corp_id=CORP_ID)
    them = wechatpy_parse(xml)
    assert (ours.content, ours.msg_id, ours.from_user) == (them.content, str(them.id), them.source)
