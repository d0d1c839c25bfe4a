"""Whether a member notices that WeCom hangs, and how long their message takes to WeCom when it does not.

    .venv/bin/python -m benchmarks.post_while_wecom_hangs [--database-url postgres://postgres@127.0.0.1/postgres]

A real server, a real delivery worker and a real HTTP robot, each a process of its own. 14 members POST 12 messages each
one after another, so that the robot gets a notification with every twelfth POST; then the same while the robot takes a
connection and says nothing, so that the worker always has a request in hand. The two take turns, five rounds each, and
every message is a real one: session, CSRF, case lock, message, notification, wake-up, commit.

Then, answering again, from the beginning of a member's POST to the robot's receipt of the whole request: 14 messages of
14 cases at random moments, three times.

WeCom takes 20 a minute from a robot; from 15 on we leave a second between two. Between the rounds the counted attempts
and the notifications are deleted: each round stands for a minute of its own, within the limit.

Loopback only, one empty database of its own, about 45 s. Figures and machine: docs/performance.md.
"""

import argparse
import json
import random
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.robot import Robot, robot
from benchmarks.servers import empty_database, environment, serving, set_up_django
from benchmarks.sockets import connect, exchange, expect_ok, request
from scripts.processes import start, stop

if TYPE_CHECKING:
    from benchmarks.world import Client

CASES = 14  # as many as go out at once (wecom/outbound/limits.py)
POSTS_PER_CASE = 12
ROUNDS = 5
DELIVERY_ROUNDS = 3
PAUSE = 0.3  # seconds at most between two messages of the second part; the worker looks every 0.25 s
WORKER_STOPS_WITHIN = 15.0  # seconds; it finishes what it has in hand
MODES = {"answer": "POST, WeCom answers at once", "hang": "POST, WeCom hangs"}


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure both modes in turns, then the way to the robot."""
    with empty_database(options.database_url) as url, robot(options.port + 1) as wecom:
        webhook = f"http://127.0.0.1:{options.port + 1}/cgi-bin/webhook/send?key=bench"
        env = environment(url, WECHAT_WEBHOOK_URL=webhook)
        set_up_django(env)
        from benchmarks.world import empty_spool, make_advisors, make_clients

        clients = make_clients(CASES, make_advisors(1))
        _a_new_minute(wecom)
        with (
            serving("jiayi.asgi:application", env, options.port) as server,
            _worker(env, server.log),
            connect(server.port) as post,
        ):
            posts = _posts(post, clients, wecom)
            delivered = [one for _ in range(DELIVERY_ROUNDS) for one in _deliveries(post, clients, wecom)]
        empty_spool()
        table = {title: figures.milliseconds(posts[mode], 50, 95, 99) for mode, title in MODES.items()}
        calm, hanging = table.values()
        table["difference"] = {name: hanging[name] - calm[name] for name in calm}
        table["POST → robot has it"] = figures.milliseconds(delivered, 50, 95, 99)
        return {f"a member's message, {figures.engine(options)}": table}


@contextmanager
def _worker(env: dict[str, str], log: Path) -> Iterator[None]:
    child = start([sys.executable, "manage.py", "deliver"], env, log)
    try:
        yield
        if child.poll() is not None:
            raise SystemExit("the delivery worker ended")
    finally:
        stop([child], WORKER_STOPS_WITHIN)


def _posts(post: socket.socket, clients: Sequence["Client"], wecom: Robot) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(ROUNDS):
        for mode in MODES:
            _a_new_minute(wecom)
            wecom.become(mode)
            if mode == "hang":
                _post(post, clients[0])
                if not wecom.wait_for(1, 5):
                    raise SystemExit("the worker does not send")
            for client in clients:
                took[mode] += [_post(post, client) for _ in range(POSTS_PER_CASE)]
            if mode == "answer" and not wecom.wait_for(CASES, 10):
                raise SystemExit(f"the robot got {len(wecom.received)} notifications instead of {CASES}")
            wecom.become("answer")
    return took


def _deliveries(post: socket.socket, clients: Sequence["Client"], wecom: Robot) -> list[float]:
    """Give the seconds from each POST's beginning to the robot's receipt."""
    _a_new_minute(wecom)
    rng = random.Random(1)
    began: dict[int, float] = {}
    for client in clients:
        time.sleep(rng.uniform(0, PAUSE))
        began[client.case] = time.monotonic()
        _post(post, client)
    if not wecom.wait_for(len(clients), 10):
        raise SystemExit(f"the robot got {len(wecom.received)} notifications instead of {len(clients)}")
    took = []
    for moment, text in wecom.received:
        found = re.search(r"#(\d+)", text)
        assert found is not None
        took.append(moment - began.pop(int(found[1])))
    return took


def _post(post: socket.socket, client: "Client") -> float:
    """Have the member write; give the seconds until the answer was complete."""
    body = json.dumps({"body": "您好，请问我的申请到哪一步了？", "client_id": str(time.monotonic_ns())})
    sent = request(
        "POST",
        f"/api/cases/{client.case}/messages/",
        body.encode(),
        Content_Type="application/json",
        Cookie=client.cookie,
        X_CSRFToken=client.csrf,
    )
    began = time.perf_counter()
    answer = exchange(post, sent)
    took = time.perf_counter() - began
    expect_ok(answer)
    return took


def _a_new_minute(wecom: Robot) -> None:
    """Wait until the worker has nothing in hand, then forget what was sent."""
    from django.db import connection

    from wecom.models import Attempt, Notification

    deadline = time.monotonic() + 20
    Notification.objects.filter(state="waiting").delete()
    while Notification.objects.filter(state="sending").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    Attempt.objects.all().delete()
    Notification.objects.all().delete()
    connection.close()
    wecom.received.clear()


def main() -> None:
    figures.report(figures.arguments(__doc__).parse_args(), measure)


if __name__ == "__main__":
    main()
