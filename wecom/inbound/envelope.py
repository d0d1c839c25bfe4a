"""Reading and writing of the callback's formats: query, outer XML, inner XML, passive reply."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from defusedxml import ElementTree

from wecom.inbound.crypto import Envelope, InvalidCallback
from wecom.textcut import cut, without_control_characters

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # noqa: TID251  (the type only)

MAX_QUERY = 2048  # bytes; a percent-encoded echostr needs about 600
MAX_BODY = 64 * 1024  # bytes, outer and inner alike
MAX_DEPTH = 16  # the deepest documented message has 6 levels
MAX_RECEIPT = 2048  # bytes of UTF-8 (DOC 90241)

# Exact, because the signature does not say where one value ends and the next begins. Timestamp
# and nonce together stay under 64 characters, which are three AES blocks in base64: whatever part
# of a ciphertext is passed off as one of them, no block of the rest keeps its place and meaning.
_QUERY_GRAMMAR = {
    "msg_signature": re.compile("[0-9a-f]{40}"),
    "timestamp": re.compile("[1-9][0-9]{9}"),  # the years 2001 to 2286
    "nonce": re.compile("[0-9A-Za-z_-]{1,50}"),
    "echostr": re.compile("[0-9A-Za-z+/]+={0,2}"),
}
_ECHO = re.compile(b"[0-9A-Za-z]{1,64}")
# A DTD can stand only before the root element. A strict pattern for what stands there refuses
# it, and an advisor may still write "<!DOCTYPE html>" in a message.
_OPENING = re.compile(
    r"""\s*(<\?xml version=["']1\.0["']( encoding=["'][Uu][Tt][Ff]-8["'])?\s*\?>\s*)?<xml[\s>]""",
    re.ASCII,
)
_TAG = re.compile("[A-Za-z_][0-9A-Za-z_]{0,63}")
_HEADER_GRAMMAR = {
    "ToUserName": re.compile("[0-9A-Za-z_-]{1,64}"),
    "FromUserName": re.compile("[0-9A-Za-z][0-9A-Za-z_.@-]{0,63}"),  # DOC 90195
    "CreateTime": re.compile("[0-9]{1,10}"),
    "MsgType": re.compile("[0-9A-Za-z_]{1,64}"),
    "MsgId": re.compile("[0-9A-Za-z_-]{0,64}"),
    "AgentID": re.compile("[0-9]{0,20}"),
    "Event": re.compile("[0-9A-Za-z_]{0,64}"),
    "EventKey": re.compile(".*", re.DOTALL),
    "Content": re.compile(".*", re.DOTALL),
}
_NAMES = ("FromUserName", "Event")  # the same name in any case


@dataclass(frozen=True)
class Query:
    """The parameters of a callback request; `echostr` is empty for a POST."""

    msg_signature: str
    timestamp: str
    nonce: str
    echostr: str = ""


@dataclass(frozen=True)
class Post:
    """The outer XML of a POST. Only `encrypt` is under the signature."""

    encrypt: str
    to_user: str
    agent_id: str


@dataclass(frozen=True)
class Inbound:
    """One decrypted message or callback event (DOC 90239, 90240); `created_at` is unix seconds.

    `event` and `event_key` are WeCom's, and empty for a message.

    `leaves` is (name, text) of every element without children, in the order of the document.
    """

    to_user: str
    from_user: str
    created_at: int
    msg_type: str
    msg_id: str = ""
    agent_id: str = ""
    event: str = ""
    event_key: str = field(default="", repr=False)
    content: str = field(default="", repr=False)
    leaves: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_callback_event(self) -> bool:
        """Return whether it is a callback event, and not a message that a person wrote or sent."""
        return self.msg_type.lower() == "event"

    @cached_property
    def fields(self) -> dict[str, str]:
        """Every leaf by its element's name; one that occurs again is joined by line feeds."""
        fields: dict[str, str] = {}
        for name, text in self.leaves:
            fields[name] = f"{fields[name]}\n{text}" if name in fields else text
        return fields

    @property
    def identity(self) -> str:
        """SHA-256 (hex) of what makes this delivery the same as another one (DOC 90238).

        A message is its id with agent and sender. An event has no id, and the documented sender
        + second loses events of the same second: it, like a message without an id, is
        everything that stands in it. Userids and event names are compared ignoring case.
        """
        who = [self.to_user, self.agent_id, self.from_user.lower()]
        if self.msg_id and not self.is_callback_event:
            what: list[object] = ["message", self.msg_id]
        else:
            kind = [self.msg_type.lower(), self.created_at, self.event.lower()]
            leaves = [(n, t.lower() if n in _NAMES else t) for n, t in self.leaves]
            what = [*kind, self.event_key, self.content, leaves]
        return hashlib.sha256(json.dumps([*who, *what]).encode("ascii")).hexdigest()


def parse_query(query_string: bytes, *, with_echostr: bool) -> Query:
    """Read the raw query string of a callback request (DOC 90930), decoding it once.

    Each parameter exactly once, in any order, none besides. A space in `echostr` was a plus.
    Raises InvalidCallback.
    """
    wanted = {"msg_signature", "timestamp", "nonce"} | ({"echostr"} if with_echostr else set())
    if len(query_string) > MAX_QUERY or not query_string.isascii():
        raise InvalidCallback("query")
    values: dict[str, str] = {}
    for pair in query_string.decode("ascii").split("&"):
        name, _, raw = pair.partition("=")
        if name not in wanted or name in values:
            raise InvalidCallback("query parameters")
        value = unquote(raw)
        if name == "echostr":
            value = value.replace(" ", "+")
        if not _QUERY_GRAMMAR[name].fullmatch(value):
            raise InvalidCallback(f"query parameter {name}")
        values[name] = value
    if len(values) != len(wanted):
        raise InvalidCallback("query parameters")
    return Query(**values)


def read_post(body: bytes) -> Post:
    """Read the outer XML of a POST, whatever its content type says (DOC 90930, 90238).

    Raises InvalidCallback.
    """
    if len(body) > MAX_BODY:
        raise InvalidCallback("size")
    values: dict[str, str] = {}
    for child in _root(_utf8(body)):
        if len(child) or child.tag in values or not _TAG.fullmatch(child.tag):
            raise InvalidCallback("outer element")
        values[child.tag] = (child.text or "").strip()
    if not values.get("Encrypt"):
        raise InvalidCallback("Encrypt")
    return Post(values["Encrypt"], values.get("ToUserName", ""), values.get("AgentID", ""))


def parse_message(plaintext: bytes, *, corp_id: str, agent_id: str = "") -> Inbound:
    """Read a decrypted message or callback event (DOC 90239, 90240) sent to `corp_id`.

    With an `agent_id` it must be that app's, except for the events that belong to no app and
    carry no AgentID. Characters XML forbids are dropped. Raises InvalidCallback.
    """
    if len(plaintext) > MAX_BODY:
        raise InvalidCallback("size")
    text = _utf8(plaintext)
    if "\x00" in text[:4]:
        raise InvalidCallback("UTF-16")  # without its zeros it would be readable XML
    inbound = _inbound(_root(without_control_characters(text)))
    if inbound.to_user != corp_id:
        raise InvalidCallback("ToUserName")
    if inbound.is_callback_event and not inbound.event:
        raise InvalidCallback("Event")
    of_no_app = inbound.is_callback_event and not inbound.agent_id
    if agent_id and inbound.agent_id != agent_id and not of_no_app:
        raise InvalidCallback("AgentID")
    return inbound


def _inbound(root: "Element") -> Inbound:
    """Return the inner XML's message. Each value is in its grammar; they are not checked against each other here."""
    header = _header(root)
    return Inbound(
        to_user=header["ToUserName"],
        from_user=header["FromUserName"],
        created_at=int(header["CreateTime"]),
        msg_type=header["MsgType"],
        msg_id=header["MsgId"],
        agent_id=header["AgentID"],
        event=header["Event"],
        event_key=header["EventKey"],
        content=header["Content"],
        leaves=tuple(_leaves(root)),
    )


def echo(plaintext: bytes) -> str:
    """Give a decrypted echostr (DOC 90930); anything but an echostr raises InvalidCallback.

    Otherwise the URL check would decrypt captured messages for an attacker who sends them there.
    """
    if not _ECHO.fullmatch(plaintext):
        raise InvalidCallback("echostr")
    return plaintext.decode("ascii")


def passive_reply(*, to_user: str, from_user: str, content: str, created_at: int) -> bytes:
    """Give a passive text reply, not yet encrypted (DOC 90241).

    `to_user` is the member's userid, `from_user` the CorpID, `created_at` unix seconds.
    `content` is cut to the 2048 bytes WeCom shows.
    """
    shown = cut(without_control_characters(content), MAX_RECEIPT)
    return (
        f"<xml><ToUserName>{_cdata(to_user)}</ToUserName>"
        f"<FromUserName>{_cdata(from_user)}</FromUserName>"
        f"<CreateTime>{created_at:d}</CreateTime>"
        f"<MsgType>{_cdata('text')}</MsgType>"
        f"<Content>{_cdata(shown)}</Content></xml>"
    ).encode()


def passive_reply_body(envelope: Envelope) -> bytes:
    """Give the body that answers a POST, elements in the official order (DOC 90968)."""
    return (
        f"<xml><Encrypt>{_cdata(envelope.encrypt)}</Encrypt>"
        f"<MsgSignature>{_cdata(envelope.msg_signature)}</MsgSignature>"
        f"<TimeStamp>{envelope.timestamp}</TimeStamp>"
        f"<Nonce>{_cdata(envelope.nonce)}</Nonce></xml>"
    ).encode()


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidCallback("UTF-8") from None


def _root(text: str) -> "Element":
    if not _OPENING.match(text):
        raise InvalidCallback("XML opening")
    try:
        # A str: the parser then takes no other encoding from the XML declaration.
        root = ElementTree.fromstring(text, forbid_dtd=True)
    except (ElementTree.ParseError, ValueError):
        raise InvalidCallback("XML") from None
    if root.tag != "xml":
        raise InvalidCallback("XML root")
    return root


def _header(root: "Element") -> dict[str, str]:
    """Give the elements that say what this is, each at most once and in its grammar."""
    found: dict[str, str] = {}
    for child in root:
        name = "AgentID" if child.tag == "AgentId" else child.tag  # taskcard_click's spelling
        if name not in _HEADER_GRAMMAR:
            continue
        if name in found or len(child):
            raise InvalidCallback("repeated element")
        found[name] = child.text or "" if name == "Content" else (child.text or "").strip()
    for name, grammar in _HEADER_GRAMMAR.items():
        if not grammar.fullmatch(found.setdefault(name, "")):
            raise InvalidCallback(name)
    return found


def _leaves(root: "Element") -> list[tuple[str, str]]:
    """Give (name, text) of every leaf in document order, without recursion."""
    leaves = []
    pending = [(child, 1) for child in reversed(root)]
    while pending:
        element, depth = pending.pop()
        if depth > MAX_DEPTH or not _TAG.fullmatch(element.tag):
            raise InvalidCallback("inner element")
        if len(element):
            pending.extend((child, depth + 1) for child in reversed(element))
        else:
            leaves.append((element.tag, element.text or ""))
    return leaves
