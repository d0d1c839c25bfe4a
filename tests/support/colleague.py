"""WeCom's side of the callback for tests: really encrypts what a colleague writes, really decrypts the receipt."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import defusedxml.ElementTree as ET
from django.conf import settings
from django.test import Client

from wecom.inbound import crypto

URL = "/api/wechat/receive"
_ids = itertools.count(7_000_000_000_000_000_001)


@dataclass
class Answer:
    status: int
    body: bytes
    reply: str  # the decrypted receipt, or ""


@dataclass
class WeCom:
    client: Client = field(default_factory=Client)
    clock: Callable[[], float] = time.time

    def keys(self) -> crypto.Keys:
        return crypto.Keys(settings.WECHAT_CALLBACK_TOKEN, settings.WECHAT_ENCODING_AES_KEY, settings.WECHAT_CORP_ID)

    def say(self, userid: str, text: str, msg_id: int | None = None, agent_id: str = "1000002") -> Answer:
        """A colleague types a text into the app."""
        return self.send(userid, "text", {"Content": text}, msg_id=msg_id, agent_id=agent_id)

    def send(
        self, userid: str, kind: str, elements: dict[str, str], msg_id: int | None = None, agent_id: str = "1000002"
    ) -> Answer:
        return self.post(self.message(userid, kind, elements, msg_id, agent_id))

    def message(
        self, userid: str, kind: str, elements: dict[str, str], msg_id: int | None = None, agent_id: str = "1000002"
    ) -> bytes:
        """Return the plaintext of what WeCom would deliver."""
        fields = {
            "ToUserName": settings.WECHAT_CORP_ID,
            "FromUserName": userid,
            "CreateTime": str(int(self.clock())),
            "MsgType": kind,
            **elements,
        }
        if kind != "event":
            fields["MsgId"] = str(msg_id or next(_ids))
        fields["AgentID"] = agent_id
        return xml(fields)

    def post(self, plaintext: bytes) -> Answer:
        url, body = self.sealed(plaintext)
        response = self.client.post(url, body, content_type="text/xml")
        return Answer(response.status_code, response.content, self.opened(response.content))

    def sealed(self, plaintext: bytes) -> tuple[str, bytes]:
        """Return the address and body of the request WeCom would make."""
        sealed = crypto.encrypt(self.keys(), plaintext, timestamp=str(int(self.clock())), nonce=str(next(_ids))[-10:])
        query = {"msg_signature": sealed.msg_signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        outer = xml({"ToUserName": settings.WECHAT_CORP_ID, "AgentID": "1000002", "Encrypt": sealed.encrypt})
        return f"{URL}?{urlencode(query)}", outer

    def opened(self, body: bytes) -> str:
        if not body.startswith(b"<xml>"):
            return ""
        inner = {node.tag: node.text or "" for node in ET.fromstring(self.plain(body))}
        assert inner["MsgType"] == "text"
        return inner["Content"]

    def plain(self, body: bytes) -> bytes:
        """Decrypt a passive reply."""
        outer = {node.tag: node.text or "" for node in ET.fromstring(body)}
        return crypto.decrypt(
            self.keys(),
            msg_signature=outer["MsgSignature"],
            timestamp=outer["TimeStamp"],
            nonce=outer["Nonce"],
            encrypted=outer["Encrypt"],
        )


def xml(fields: dict[str, str]) -> bytes:
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return f"<xml>{inner}</xml>".encode()
