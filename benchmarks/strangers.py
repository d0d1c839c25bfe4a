"""What a patient stranger with one account does. Each attack ends by itself: so many requests, or so many seconds.

Needs Django (servers.set_up_django). A request that is refused by a limit is a success of the product, and counted.
"""

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from benchmarks import hostile_files
from benchmarks.probes import ask
from benchmarks.sockets import request
from benchmarks.world import Client

SEARCHERS, SEARCH_SECONDS, LEAVES_AFTER = 16, 20.0, 1.0
MESSAGES, LIGATURE = 150, "\ufdfa"  # U+FDFA is eighteen characters under NFKD
# Every message has all of them but the last, so that every one is looked for and nothing is found.
LETTERS = [chr(0x4E00 + n) for n in range(49)]
CASES, CASE_SECONDS, CASE_CLIENTS = 1_000, 90.0, 8
UPLOADS, UPLOAD_ROUNDS = 12, 3
SIGN_UPS, ADDRESSES = 120, 6
PICTURES = 24
RESETS, RESET_CLIENTS = 40, 8
PATIENCE = 60.0  # seconds for one request of a stranger
ATTACKERS = "203.0.113."  # their addresses, as the proxy in front tells them


@dataclass
class Stranger:
    """Somebody signed in who attacks, and what became of their requests."""

    port: int
    client: Client
    others: list[Client]
    statuses: Counter[int] = field(default_factory=Counter)

    async def send(self, sent: bytes, patience: float = PATIENCE) -> None:
        """Send one request and count its answer."""
        self.statuses[(await ask(self.port, sent, patience)).status] += 1

    async def several(self, requests: Iterable[bytes], clients: int, seconds: float) -> None:
        """Send them over that many clients, each with one under way, for so many seconds at most."""
        waiting, deadline = iter(requests), time.monotonic() + seconds

        async def one() -> None:
            for sent in waiting:
                if time.monotonic() > deadline:
                    return
                await self.send(sent)

        await asyncio.gather(*(one() for _ in range(clients)))

    def form(self, path: str, address: str = f"{ATTACKERS}1", **fields: str) -> bytes:
        """Give the request of a form, signed in."""
        return form(path, self.client, address, **fields)

    def file(self, name: str, kind: str, content: bytes) -> bytes:
        """Give the request that sends a file into their case."""
        edge, client_id = secrets.token_hex(16), secrets.token_hex(8)
        head = f'--{edge}\r\nContent-Disposition: form-data; name="client_id"\r\n\r\n{client_id}\r\n--{edge}\r\n'
        head += f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        return request(
            "POST",
            f"/api/cases/{self.client.case}/messages/",
            head.encode() + content + f"\r\n--{edge}--\r\n".encode(),
            Content_Type=f"multipart/form-data; boundary={edge}",
            Cookie=self.client.cookie,
            X_CSRFToken=self.client.csrf,
            X_Forwarded_For=f"{ATTACKERS}1",
            Connection="close",
        )


def form(path: str, client: Client | None, address: str, **fields: str) -> bytes:
    """Give the request of a form, by somebody signed in or a visitor."""
    token = client.csrf if client else secrets.token_hex(16)
    cookie = client.cookie if client else f"csrftoken={token}"
    return request(
        "POST",
        path,
        urlencode({**fields, "csrfmiddlewaretoken": token}).encode(),
        Content_Type="application/x-www-form-urlencoded",
        Cookie=cookie,
        X_Forwarded_For=address,
        Connection="close",
    )


def message(client: Client, body: str, address: str = f"{ATTACKERS}1") -> bytes:
    """Give the request by which somebody writes into their case."""
    return request(
        "POST",
        f"/api/cases/{client.case}/messages/",
        json.dumps({"body": body, "client_id": secrets.token_hex(8)}).encode(),
        Content_Type="application/json",
        Cookie=client.cookie,
        X_CSRFToken=client.csrf,
        X_Forwarded_For=address,
        Connection="close",
    )


async def write_ligatures(stranger: Stranger) -> None:
    """Before the search: 150 messages of 5,000 × U+FDFA, written as anybody writes."""
    body = "".join(LETTERS[:-1]).ljust(5_000, LIGATURE)
    await stranger.several((message(stranger.client, body) for _ in range(MESSAGES)), 2, 120)


async def search(stranger: Stranger) -> None:
    """16 searches of 49 letters at once, each left after a second and begun again."""
    deadline, headers = time.monotonic() + SEARCH_SECONDS, {"Cookie": stranger.client.cookie, "Connection": "close"}
    sent = request("GET", f"/api/search/?q={quote_plus(' '.join(LETTERS))}", X_Forwarded_For=f"{ATTACKERS}1", **headers)

    async def one() -> None:
        while time.monotonic() < deadline:
            await stranger.send(sent, LEAVES_AFTER)

    await asyncio.gather(*(one() for _ in range(SEARCHERS)))


async def open_cases(stranger: Stranger) -> None:
    """1,000 cases of one member, as fast as they are taken."""
    texts = ({"title": f"咨询 {n}", "kind": "other", "body": "您好", "client_id": f"case{n}"} for n in range(CASES))
    await stranger.several((stranger.form("/messages/new/", **one) for one in texts), CASE_CLIENTS, CASE_SECONDS)


async def upload(stranger: Stranger) -> None:
    """12 files of 20 MB at once, three times."""
    pdf = hostile_files.large_pdf()
    for _ in range(UPLOAD_ROUNDS):
        files = [stranger.file(f"{n}.pdf", "application/pdf", pdf) for n in range(UPLOADS)]
        await asyncio.gather(*(stranger.send(file) for file in files))


async def sign_up(stranger: Stranger) -> None:
    """120 members from 6 addresses."""
    people = (
        form(
            "/register/",
            None,
            f"{ATTACKERS}{100 + n % ADDRESSES}",
            name=f"新人{n}",
            email=f"new{n}@example.com",
            password=secrets.token_urlsafe(12),
        )
        for n in range(SIGN_UPS)
    )
    await stranger.several(people, ADDRESSES, 60)


async def send_pictures(stranger: Stranger) -> None:
    """24 progressive JPEGs of a hundred scans and a GIF of comments."""
    jpeg = hostile_files.progressive_jpeg()
    files = [stranger.file("comments.gif", "image/gif", hostile_files.gif_of_comments())]
    files += [stranger.file(f"{n}.jpg", "image/jpeg", jpeg) for n in range(PICTURES)]
    await asyncio.gather(*(stranger.send(file, 120) for file in files))


async def reset_passwords(stranger: Stranger) -> None:
    """Password resets of twenty members, while the mail server takes connections and says nothing."""
    resets = (
        form("/accounts/password/reset/", None, f"{ATTACKERS}{n % 4}", email=f"member{5 + n % 20}@example.com")
        for n in range(RESETS)
    )
    await stranger.several(resets, RESET_CLIENTS, 60)


async def _nothing(stranger: Stranger) -> None:
    pass


@dataclass(frozen=True)
class Attack:
    """One attack: what is done before (not measured), what is done, and when a member's alert is timed (seconds)."""

    title: str
    attack: Callable[[Stranger], Awaitable[None]]
    before: Callable[[Stranger], Awaitable[None]] = _nothing
    alert_after: float = 5.0


ATTACKS = {
    "search": Attack("16 searches of 49 letters in 150 × 5,000 U+FDFA, left after 1 s", search, write_ligatures),
    "cases": Attack("1,000 cases of one member", open_cases, alert_after=45),
    "uploads": Attack("12 × 20 MB at once, three times", upload),
    "sign-ups": Attack("120 sign-ups from 6 addresses", sign_up, alert_after=45),
    "pictures": Attack("24 progressive JPEGs, a GIF of comments", send_pictures),
    "resets": Attack("40 resets while the mail server hangs", reset_passwords),
}
