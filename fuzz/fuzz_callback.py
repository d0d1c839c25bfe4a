"""A coverage-guided fuzz of everything that reads a callback: query, outer XML, cipher, inner XML.

    python fuzz/fuzz_callback.py -max_total_time=60      (seconds)
    python fuzz/fuzz_callback.py -runs=200000

The rest of the command line is libFuzzer's, too: a file is an input to run once. Without a bound it
stops after a minute. The corpus, begun with the official vectors, grows in var/fuzz/corpus/; what
makes the reader fail is written to var/fuzz/ and belongs into tests/wecom/ as a test.
"""

import base64
import contextlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

try:
    import atheris
except ImportError:
    sys.exit("The fuzz needs atheris, which no other part of the project does: pip install atheris")

from Crypto.Cipher import AES  # noqa: E402

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.test import RequestFactory  # noqa: E402

for module in ("wecom.inbound.callback", "wecom.inbound.crypto", "wecom.inbound.envelope", "wecom.textcut"):
    sys.modules.pop(module, None)  # read again below, where the fuzzer can see into it

with atheris.instrument_imports(
    include=["wecom.inbound.callback", "wecom.inbound.crypto", "wecom.inbound.envelope", "wecom.textcut"]
):
    from wecom.inbound import callback
    from wecom.inbound.crypto import InvalidCallback, Keys, decrypt, encrypt, sign
    from wecom.inbound.envelope import echo, parse_message, parse_query, passive_reply, passive_reply_body, read_post
    from wecom.textcut import cut, without_control_characters

KEYS = Keys("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
TIMESTAMP, NONCE, PREFIX = "1783000000", "1320562132", b"r" * 16
VECTORS = ROOT / "tests" / "wecom" / "vectors.json"
WORK = ROOT / "var" / "fuzz"
REQUESTS = RequestFactory()
settings.WECHAT_CALLBACK_TOKEN, settings.WECHAT_ENCODING_AES_KEY = KEYS.token, KEYS.aes_key
settings.WECHAT_CORP_ID, settings.WECHAT_AGENT_ID = KEYS.receiveid, ""
callback._store = lambda inbound, received_at: None  # what comes after reading has its own tests
callback._last_clock_warning = float("inf")
ELEMENTS = {
    "ToUserName": KEYS.receiveid,
    "FromUserName": "LiMing",
    "CreateTime": TIMESTAMP,
    "MsgType": "text",
    "Content": "hello",
    "MsgId": "7421035889012345678",
    "AgentID": "1000002",
}
NAMES = [*ELEMENTS, "AgentId", "Event", "EventKey", "TaskId"]
PATTERNS = ("<{name}><![CDATA[{text}]]></{name}>", "<{name}>{text}</{name}>")
WORDS = ["<![CDATA[", "]]>", "<!DOCTYPE xml [", "<!ENTITY e ", "&e;", "&#0;", "&amp;", "<!--", "<?xml version=", "/>"]


def read_query(data: bytes) -> None:
    """The query string is `data`."""
    for with_echostr in (False, True):
        try:
            query = parse_query(data, with_echostr=with_echostr)
        except InvalidCallback:
            continue
        try:
            decrypt(
                KEYS,
                msg_signature=query.msg_signature,
                timestamp=query.timestamp,
                nonce=query.nonce,
                encrypted=query.echostr,
            )
        except InvalidCallback:
            continue


def read_body(data: bytes) -> None:
    """The body is `data`; whatever ciphertext it holds is signed well."""
    encrypted = read_post(data).encrypt
    if encrypted.isascii():
        read_signed(encrypted)


def read_ciphertext(data: bytes) -> None:
    """The base64 text is `data`, under a valid signature."""
    read_signed(data.decode("ascii", "ignore"))


def read_layout(data: bytes) -> None:
    """The deciphered bytes are `data`: prefix, length and padding come from the fuzzer."""
    key = base64.b64decode(KEYS.aes_key + "=")
    plain = data + bytes(-len(data) % 32)
    read_signed(base64.b64encode(AES.new(key, AES.MODE_CBC, iv=key[:16]).encrypt(plain)).decode("ascii"))


def read_plaintext(data: bytes) -> None:
    """The message is `data`, in a perfect envelope."""
    envelope = encrypt(KEYS, data, timestamp=TIMESTAMP, nonce=NONCE, prefix=PREFIX)
    body = f"<xml><Encrypt><![CDATA[{envelope.encrypt}]]></Encrypt></xml>".encode()
    read_signed(read_post(body).encrypt, expected=data)


def read_elements(data: bytes) -> None:
    """The message is well-formed, or nearly: the fuzzer changes single elements of a good one."""
    provider = atheris.FuzzedDataProvider(data)
    elements = list(ELEMENTS.items())
    while provider.remaining_bytes():
        at = provider.ConsumeIntInRange(0, len(elements))
        name = provider.PickValueInList(NAMES)
        text = provider.ConsumeUnicode(provider.ConsumeIntInRange(0, 80))
        elements[at : at + provider.ConsumeIntInRange(0, 1)] = [(name, text)]
    pattern = PATTERNS[provider.ConsumeIntInRange(0, 1)]
    inner = "".join(pattern.format(name=name, text=text) for name, text in elements)
    read_plaintext(f"<xml>{inner}</xml>".encode("utf-8", "surrogatepass"))


def read_signed(encrypted: str, expected: bytes | None = None) -> None:
    plaintext = decrypt(
        KEYS,
        msg_signature=sign(KEYS.token, TIMESTAMP, NONCE, encrypted),
        timestamp=TIMESTAMP,
        nonce=NONCE,
        encrypted=encrypted,
    )
    hold(expected is None or plaintext == expected)
    with contextlib.suppress(InvalidCallback):
        hold(echo(plaintext).encode() == plaintext)
    inbound = parse_message(plaintext, corp_id=KEYS.receiveid)
    again = parse_message(plaintext, corp_id=KEYS.receiveid)
    hold(inbound == again and inbound.identity == again.identity)
    json.dumps(inbound.fields, ensure_ascii=False).encode()
    answer(inbound.content)


def view(data: bytes) -> None:
    """The whole request is `data`: what it is, its query, its headers and its body. Nothing is stored."""
    provider = atheris.FuzzedDataProvider(data)
    method = provider.PickValueInList(["GET", "POST", "PUT", "HEAD"])
    headers = {"CONTENT_TYPE": provider.ConsumeString(20), "CONTENT_LENGTH": provider.ConsumeString(6)}
    query, signed = provider.ConsumeString(80), provider.ConsumeBool()
    body = provider.ConsumeBytes(provider.remaining_bytes())
    if signed:
        envelope = encrypt(KEYS, body, timestamp=TIMESTAMP, nonce=NONCE, prefix=PREFIX)
        query = f"msg_signature={envelope.msg_signature}&timestamp={TIMESTAMP}&nonce={NONCE}"
        body = f"<xml><Encrypt>{envelope.encrypt}</Encrypt></xml>".encode()
        headers["CONTENT_LENGTH"] = str(len(body))
    request = REQUESTS.generic(method, "/api/wechat/receive", body)
    request.META.update(headers, QUERY_STRING=query)
    hold(callback.wechat_receive(request).status_code in {200, 400})


def write_reply(data: bytes) -> None:
    """The text of a reply is `data`."""
    answer(data.decode("utf-8", "surrogateescape"))


def answer(text: str) -> None:
    """A reply to the member reads back as what fits of the text."""
    reply = passive_reply(to_user=KEYS.receiveid, from_user="LiMing", content=text, created_at=1783000000)
    envelope = encrypt(KEYS, reply, timestamp=TIMESTAMP, nonce=NONCE, prefix=PREFIX)
    hold(read_post(passive_reply_body(envelope)).encrypt == envelope.encrypt)
    shown = parse_message(reply, corp_id=KEYS.receiveid).content
    sayable = cut(without_control_characters(text), 2048)
    hold(shown == sayable.replace("\r\n", "\n").replace("\r", "\n"))
    hold(len(shown.encode()) <= 2048)


def hold(condition: bool) -> None:
    if not condition:
        raise RuntimeError("an invariant does not hold")


READERS = (read_query, read_body, read_ciphertext, read_layout, read_plaintext, read_elements, write_reply, view)


def one_input(data: bytes) -> None:
    """The first byte says which reader gets the rest. Only InvalidCallback may come out."""
    if not data:
        return
    with contextlib.suppress(InvalidCallback):
        READERS[data[0] % len(READERS)](data[1:])


def write_seeds(folder: Path) -> None:
    groups = json.loads(VECTORS.read_text(encoding="utf-8"))
    seeds = [(read_elements, b""), (read_elements, bytes(64)), (write_reply, "案件".encode() * 400)]
    for vector in [*groups["published"], *groups["made_with_the_official_npm_library"]]:
        query = "&".join(f"{name}={vector[name]}" for name in ("msg_signature", "timestamp", "nonce"))
        plain = vector["plaintext"].encode()
        seeds.append((read_query, query.encode()))
        seeds.append((read_query, f"{query}&echostr={vector['encrypt'].replace('+', '%2B')}".encode()))
        seeds.append(
            (read_body, vector.get("post_body", f"<xml><Encrypt>{vector['encrypt']}</Encrypt></xml>").encode())
        )
        seeds.append((read_ciphertext, vector["encrypt"].encode()))
        unpadded = PREFIX + len(plain).to_bytes(4, "big") + plain + KEYS.receiveid.encode()
        pad = 32 - len(unpadded) % 32
        seeds.append((read_layout, unpadded + bytes([pad]) * pad))
        # In our company, or the parser would stop at the first element.
        seeds.append((read_plaintext, plain.replace(vector["receiveid"].encode(), KEYS.receiveid.encode())))
        seeds.append((write_reply, plain))
    for number, (reader, data) in enumerate(seeds):
        (folder / str(number)).write_bytes(bytes([READERS.index(reader)]) + data)


def dictionary(path: Path) -> str:
    """Write the words worth trying; give the option that makes libFuzzer try them."""
    words = [*WORDS, *(f"<{name}>" for name in NAMES), *(f"</{name}>" for name in NAMES), "MsgType>event<"]
    path.write_text("".join(f'"{word}"\n' for word in words), encoding="ascii")
    return f"-dict={path}"


def main() -> None:
    bounds = ("-runs=", "-max_total_time=")
    arguments = sys.argv if any(a.startswith(bounds) for a in sys.argv) else [*sys.argv, "-max_total_time=60"]
    corpus = WORK / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    write_seeds(corpus)
    own = [f"-artifact_prefix={WORK}/", "-timeout=5", "-rss_limit_mb=1024", "-max_len=70000"]
    own.append(dictionary(WORK / "words"))
    given = any(not a.startswith("-") for a in arguments[1:])
    atheris.Setup([arguments[0], *own, *arguments[1:], *([] if given else [str(corpus)])], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
