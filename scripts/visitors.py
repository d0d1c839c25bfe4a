"""Who comes to the site that `make production` has set up: a member with a browser, and WeCom. Over https, by nginx."""

import re
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from django.conf import settings

from scripts.guide import Failed

# What the tests' colleague encrypts with. Nothing else of Django is used here.
CALLBACK = {
    "WECHAT_CORP_ID": "wwguide000000000",
    "WECHAT_CALLBACK_TOKEN": "guidetoken1234567890",
    "WECHAT_ENCODING_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
}
settings.configure(**CALLBACK)

from tests.support.colleague import URL, WeCom  # noqa: E402
from wecom.inbound import crypto  # noqa: E402

TIMEOUT = 15  # seconds; WeCom itself waits 5


class Visitor:
    """A browser: keeps cookies, and says where it comes from."""

    def __init__(self, address: str, host: str, certificate: Path) -> None:
        self.address, self.site = address, f"https://{host}"
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy and no other certificates: the site is on this machine
        self.session.verify = str(certificate)
        self.session.headers.update({"Host": host, "Referer": f"{self.site}/", "Origin": self.site})

    def ask(self, method: str, path: str, **request: Any) -> requests.Response:
        """Ask for a page, and follow where it leads. Raises Failed unless it is there, and requests' errors."""
        answer = self.session.request(method, self.address + path, timeout=TIMEOUT, allow_redirects=False, **request)
        if answer.status_code in {301, 302}:
            return self.ask("GET", answer.headers["Location"].removeprefix(self.site))
        if not answer.ok:
            raise Failed(f"{method} {path.partition('?')[0]}: {answer.status_code} {answer.text[:300]}")
        return answer

    def sign_in(self, email: str, password: str) -> None:
        """Sign in with the form of the page."""
        form = self.ask("GET", "/accounts/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        fields = {"login": email, "password": password, "csrfmiddlewaretoken": token[1] if token else ""}
        if "/accounts/logout/" not in self.ask("POST", "/accounts/login/", data=fields).text:
            raise Failed("nobody is signed in after signing in.")

    def write(self, number: int, text: str) -> None:
        """Send a message as the page does."""
        token = {"X-CSRFToken": self.session.cookies["__Host-csrf"]}
        message = {"body": text, "client_id": str(uuid.uuid4())}
        self.ask("POST", f"/api/cases/{number}/messages/", json=message, headers=token)

    def reads(self, number: int) -> list[tuple[str, str]]:
        """Return the messages of a case: where each comes from, and its text."""
        answer = self.ask("GET", f"/api/cases/{number}/messages/").json()
        return [(message["source"], message["body"]) for message in answer["messages"]]


class Colleague:
    """WeCom's side of the callback: checks the address, and delivers what an advisor writes into the app."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.wecom = visitor, WeCom()

    def checks_the_url(self) -> bool:
        """What WeCom does when somebody presses 保存. Whether the site answers as it must."""
        sealed = crypto.encrypt(self.wecom.keys(), b"7219857219", timestamp=str(int(time.time())), nonce="1")
        query = {"msg_signature": sealed.msg_signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        try:
            answer = self.visitor.ask("GET", f"{URL}?{urlencode({**query, 'echostr': sealed.encrypt})}")
        except Failed:  # the site refuses it
            return False
        return answer.content == b"7219857219"

    def says(self, userid: str, text: str) -> str:
        """Deliver what somebody writes into the app; return the receipt, decrypted."""
        path, body = self.wecom.sealed(self.wecom.message(userid, "text", {"Content": text}))
        answer = self.visitor.ask("POST", path, data=body, headers={"Content-Type": "text/xml"})
        return self.wecom.opened(answer.content)
