"""One attack on a real server, beside a quiet moment before it. `benchmarks.attacks` runs all of them.

    .venv/bin/python -m benchmarks.attacked search [--database-url postgres://postgres@127.0.0.1/postgres]

The server (gunicorn.conf.py, one process, production settings behind a proxy), the delivery worker and WeCom's robot
are processes of their own; the database is empty but for a few people. At a steady beat a visitor asks for the page
to sign in, and WeCom delivers an advisor's answers to member 0: first undisturbed, then while a stranger attacks. In
both, another member writes once, and it is timed until the robot has the alert that names their case. Every callback
that was answered must be in its case afterwards, or wait on the disk.
"""

import argparse
import asyncio
import itertools
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.probes import PAGE_PATIENCE, WECOM_PATIENCE, Probe, ask
from benchmarks.robot import Robot, robot
from benchmarks.servers import VAR, Server, empty_database, environment, serving, set_up_django
from benchmarks.sockets import request
from scripts.processes import start, stop

if TYPE_CHECKING:
    from benchmarks.strangers import Attack, Stranger
    from benchmarks.world import Client

WARM_UP_SECONDS = 5.0  # what a process does once, at its first requests, is nobody's attack
QUIET_SECONDS = 20.0
PEOPLE = 30
ALERT_PATIENCE = 400.0  # seconds; sign-ups delayed one by 346
WORKER_STOPS_WITHIN = 20.0  # seconds
VISITORS = itertools.count()


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure one attack and the quiet before it."""
    with ExitStack() as held:
        ports = [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(3)]
    with (
        empty_database(options.database_url) as url,
        robot(ports[1]) as wecom,
        _mail_server(ports[2]),
        _files() as files,
    ):
        env = _environment(url, ports, files, options.attack)
        set_up_django(env)
        from django.core.management import call_command

        from benchmarks.strangers import ATTACKS, Stranger
        from benchmarks.world import make_advisors, make_clients

        call_command("collectstatic", interactive=False, verbosity=0)
        clients = make_clients(PEOPLE, make_advisors(1))
        with serving("jiayi.asgi:application", env, ports[0]) as server, _worker(env, server.log):
            stranger = Stranger(server.port, clients[3], clients)
            scene = _Scene(server, wecom, clients, ATTACKS[options.attack], stranger)
            table = asyncio.run(scene.play())
        _check_stored(clients[0], scene.answered)
        return {f"{options.attack}, {figures.engine(options)}": table}


def _environment(url: str, ports: list[int], files: Path, attack: str) -> dict[str, str]:
    """Give the environment of server and worker: mail goes nowhere but in the attack on it."""
    env = environment(
        url,
        WECHAT_WEBHOOK_URL=f"http://127.0.0.1:{ports[1]}/cgi-bin/webhook/send?key=bench",
        BEHIND_PROXY="true",
        MEDIA_ROOT=str(files),
        EMAIL_URL=f"smtp://127.0.0.1:{ports[2]}" if attack == "resets" else "console://",
    )
    for name in ("POSTS_PER_MINUTE", "SEARCHES_PER_MINUTE"):  # the product's own limits
        env.pop(name, None)
    return env


@contextmanager
def _files() -> Iterator[Path]:
    """A folder for what is uploaded, gone afterwards."""
    VAR.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-files-", dir=VAR))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _mail_server(port: int) -> Iterator[None]:
    """A mail server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", port), backlog=200):
        yield


@contextmanager
def _worker(env: dict[str, str], log: Path) -> Iterator[None]:
    child = start([sys.executable, "manage.py", "deliver"], env, log)
    try:
        yield
    finally:
        stop([child], WORKER_STOPS_WITHIN)


class _Scene:
    """The quiet, then the attack."""

    def __init__(
        self, server: Server, wecom: Robot, clients: "list[Client]", attack: "Attack", stranger: "Stranger"
    ) -> None:
        self.server, self.wecom, self.clients = server, wecom, clients
        self.attack, self.stranger = attack, stranger
        self.answered = 0  # callbacks with status 200

    async def play(self) -> figures.Table:
        await self._act(asyncio.sleep(WARM_UP_SECONDS), self.clients[4], 1.0)
        quiet = await self._act(asyncio.sleep(QUIET_SECONDS), self.clients[1], 2.0)
        await self.attack.before(self.stranger)
        prepared = sum(self.stranger.statuses.values())
        refused = sum(n for status, n in self.stranger.statuses.items() if status >= 400)
        self.stranger.statuses.clear()
        self._forget_the_peak()
        attacked = await self._act(self.attack.attack(self.stranger), self.clients[2], self.attack.alert_after)
        attacked |= self._what_became() | {"peak MB": self.server.status("VmHWM") / 1024}
        if prepared:
            attacked |= {"prepared": prepared, "of them refused": refused}
        ratio = {name: attacked[name] / quiet[name] for name in quiet if name.endswith("ms")}
        return {"quiet": quiet, "attacked": attacked, "ratio": ratio}

    async def _act(self, doing: Awaitable[None], member: "Client", after: float) -> dict[str, float]:
        """Probe while `doing` goes on; `member` writes after so many seconds, or at its end."""
        from benchmarks.world import callback

        case = self.clients[0].case
        numbers = itertools.count()
        port = self.server.port
        page = Probe(port, _sign_in_page, PAGE_PATIENCE)
        answers = Probe(port, lambda: _closing(callback("advisor0", f"#{case} 第 {next(numbers)} 条")), WECOM_PATIENCE)
        task = asyncio.ensure_future(doing)
        alert = asyncio.create_task(self._alert(member, task, after))
        await asyncio.gather(page.until(task), answers.until(task))
        await task
        self.answered += sum(answer.status == 200 for answer in answers.answers)
        return {
            **{f"sign-in {name}": value for name, value in figures.milliseconds(page.seconds, 50, 99).items()},
            **{f"callback {name}": value for name, value in figures.milliseconds(answers.seconds, 50, 99).items()},
            "pages unanswered": sum(answer.status == 0 for answer in page.answers),
            "pages refused": sum(answer.status >= 400 for answer in page.answers),
            "callbacks unanswered": sum(answer.status != 200 for answer in answers.answers),
            "alert s": await alert,
        }

    async def _alert(self, member: "Client", doing: "asyncio.Future[None]", after: float) -> float:
        """Give the seconds from a member's message until the robot has an alert that names their case."""
        from benchmarks.strangers import message

        await asyncio.wait([doing], timeout=after)
        began = time.monotonic()
        sent = message(member, "您好，我很着急。", "198.51.100.251")
        while (await ask(self.server.port, sent, PAGE_PATIENCE)).status not in {200, 201}:
            if time.monotonic() - began > ALERT_PATIENCE:
                return ALERT_PATIENCE
            await asyncio.sleep(0.5)
        while time.monotonic() - began < ALERT_PATIENCE:
            for moment, text in list(self.wecom.received):
                if f"#{member.case}" in text:
                    return moment - began
            await asyncio.sleep(0.1)
        return ALERT_PATIENCE

    def _what_became(self) -> dict[str, float]:
        """Count the stranger's requests: taken, refused (4xx, or 503), left or cut, and mistakes of ours (500)."""
        counted = self.stranger.statuses
        return {
            "taken": sum(n for status, n in counted.items() if 200 <= status < 400),
            "refused": sum(n for status, n in counted.items() if 400 <= status < 500 or status == 503),
            "unanswered": counted[0],
            "errors": sum(n for status, n in counted.items() if status >= 500 and status != 503),
        }

    def _forget_the_peak(self) -> None:
        Path(f"/proc/{self.server.worker}/clear_refs").write_text("5")


def _sign_in_page() -> bytes:
    address = f"198.51.100.{next(VISITORS) % 250}"
    return request("GET", "/accounts/login/", X_Forwarded_For=address, Connection="close")


def _closing(sent: bytes) -> bytes:
    """The same request, after which the connection is closed, as the proxy passes it on."""
    head, empty, body = sent.partition(b"\r\n\r\n")
    return head + b"\r\nX-Forwarded-For: 198.51.100.250\r\nConnection: close" + empty + body


def _check_stored(client: "Client", answered: int) -> None:
    """A product that loses what it answered would be quick."""
    from django.db import connection

    from benchmarks.world import empty_spool
    from cases.models import Message

    stored = Message.objects.filter(case__number=client.case, source=Message.Source.WECOM).count()
    connection.close()
    aside = empty_spool()
    if stored + aside < answered:
        raise SystemExit(f"{answered} callbacks were answered, {stored} stored, {aside} put aside")


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("attack", help="search, cases, uploads, sign-ups, pictures or resets")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
