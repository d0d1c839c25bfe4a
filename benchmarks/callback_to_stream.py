"""How long an advisor's WeCom text takes to the member's open page, while a thousand other pages are open.

    .venv/bin/python -m benchmarks.callback_to_stream [--streams 1000] [--database-url postgres://postgres@127.0.0.1/postgres]

A real server (gunicorn with gunicorn.conf.py, one worker process) holds the streams of that many signed-in members,
and one more. 300 callbacks, really encrypted, are POSTed one after another by an advisor into that one's case. Measured
from the beginning of the POST to the arrival of the event on the member's stream, and to WeCom's answer; the pauses
between them are random, because SQLite is looked at every 50 ms and whoever waits for the event is in step with that.

Beside it, in the same run, what the server itself needs: an application without Django (bare/broadcast.py) under the
same configuration with as many streams, where a POST puts its body on the one queue.

KB per stream: memory of the worker process with the streams less that without, after warming up. Loopback only, one
empty database of its own, about 40 s. Figures and machine: docs/performance.md.
"""

import argparse
import random
import time
from contextlib import ExitStack

from benchmarks import figures
from benchmarks.servers import Server, allow_many_sockets, empty_database, environment, serving, set_up_django
from benchmarks.sockets import connect, open_stream, post_and_wait, request

POSTS = 300
WARM_UP = 20
PAUSE = 0.05  # seconds at most


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure both servers, one after the other."""
    allow_many_sockets()
    with empty_database(options.database_url) as url:
        env = environment(url)
        set_up_django(env)
        product = _product(env, options)
    broadcast = bare(env, options)
    table = {
        "callback → the member's page": product,
        "bare server's own broadcast": broadcast,
        "ratio": {name: product[name] / broadcast[name] for name in ("p50 ms", "p99 ms")},
    }
    return {f"{options.streams:,} open streams, {figures.engine(options)}": table}


def _product(env: dict[str, str], options: argparse.Namespace) -> dict[str, float]:
    from benchmarks.world import callback, empty_spool, make_advisors, make_clients

    clients = make_clients(options.streams + 1, make_advisors(1))
    texts = [f"第 {n:04d} 条" for n in range(WARM_UP + POSTS)]
    posts = [(callback("advisor0", f"#{clients[0].case} {text}"), text.encode()) for text in texts]
    cookies = [client.cookie for client in clients]
    with serving("jiayi.asgi:application", env, options.port) as server:
        found = latencies(server, "/api/events/", cookies, posts)
        if options.database_url:
            found["PostgreSQL connections"] = connections()
    empty_spool()
    check_stored(clients[0].case)
    return found


def bare(env: dict[str, str], options: argparse.Namespace) -> dict[str, float]:
    """Measure the bare server's own broadcast with as many streams."""
    texts = [f"message {n:04d}".encode() for n in range(WARM_UP + POSTS)]
    posts = [(request("POST", "/", text), text) for text in texts]
    with serving("benchmarks.bare.broadcast:application", env, options.port + 1, "/") as server:
        return latencies(server, "/stream", [""] * (options.streams + 1), posts)


def latencies(server: Server, path: str, cookies: list[str], posts: list[tuple[bytes, bytes]]) -> dict[str, float]:
    """Give the figures of a server with a stream at `path` for each cookie; `posts` are requests and what they bring.

    What they bring is waited for on the first stream.
    """
    rng = random.Random(1)
    with ExitStack() as sockets:
        post = sockets.enter_context(connect(server.port))
        stream = sockets.enter_context(open_stream(server.port, path, Cookie=cookies[0]))
        for sent, token in posts[:WARM_UP]:
            post_and_wait(post, sent, stream, token)
        without = server.status("VmRSS")
        for cookie in cookies[1:]:
            sockets.enter_context(open_stream(server.port, path, Cookie=cookie))
        time.sleep(0.5)
        memory = (server.status("VmRSS") - without) / (len(cookies) - 1)
        cpu = server.cpu()
        took = []
        for sent, token in posts[WARM_UP:]:
            time.sleep(rng.uniform(0, PAUSE))
            took.append(post_and_wait(post, sent, stream, token))
        cpu = (server.cpu() - cpu) / len(took)
        threads = server.status("Threads")
    arrived = figures.milliseconds([one.arrived for one in took], 50, 99)
    answered = figures.milliseconds([one.answered for one in took], 50, 99)
    answers = {f"answered {name}": value for name, value in answered.items()}
    return {**arrived, **answers, "server's CPU ms": cpu * 1000, "KB per stream": memory, "threads": threads}


def connections() -> int:
    """Count the server's connections, less our own."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (count,) = cursor.fetchone()
    return int(count)


def check_stored(case: int) -> None:
    """A benchmark of a product that loses messages would be of no use."""
    from django.db import connection

    from cases.models import Message

    seqs = list(Message.objects.filter(case__number=case).order_by("seq").values_list("seq", flat=True))
    connection.close()
    if seqs != list(range(1, WARM_UP + POSTS + 1)):
        raise SystemExit(f"{len(seqs)} messages were stored instead of {WARM_UP + POSTS}")


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--streams", type=int, default=1000, choices=range(1, 10_001), metavar="N", help="(1000)")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
