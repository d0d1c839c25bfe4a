"""A mail server on loopback that takes e-mails, refuses them, or says nothing, as told."""

import socketserver
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from pytest_django import Settings

from tests.support.standin import InThread

OK = {"RCPT": "250 ok", "DATA": "250 taken", "MAIL": "250 ok", "AUTH": "535 wrong password"}


class PostOffice(InThread, socketserver.ThreadingTCPServer):
    """`say["RCPT"] = "550 unknown"` refuses; `silent` takes connections and never speaks; `mails` is what it took."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.say = dict(OK)
        self.silent = False
        self.connections = 0
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []

    def serve(self, settings: Settings) -> None:
        """Have the product send here."""
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", self.server_address[1]
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 5


class Desk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        office = cast(PostOffice, self.server)
        office.connections += 1
        if office.silent:
            office.stopping.wait(60)
            return
        self._say("220 ready")
        for line in self.rfile:
            word = line.decode().strip().upper()[:4]
            if word == "EHLO":
                self._say("250-here\r\n250 AUTH PLAIN")
            elif word == "DATA" and office.say["DATA"].startswith("2"):
                self._say("354 go on")
                self._take(office)
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                if word == "RCPT":
                    office.recipients.append(line.decode().strip())
                self._say(office.say.get(word, "250 ok"))

    def _take(self, office: PostOffice) -> None:
        lines = []
        for line in self.rfile:
            if line.strip() == b".":
                break
            lines.append(line.removeprefix(b"."))
        office.mails.append(message_from_bytes(b"".join(lines), _class=EmailMessage, policy=policy.default))
        self._say(office.say["DATA"])

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
