"""How long a member's message takes to the advisor's open page, while a thousand other pages are open.

    .venv/bin/python -m benchmarks.post_to_stream [--streams 1000] [--database-url postgres://postgres@127.0.0.1/postgres]

As callback_to_stream, but the way out: 300 messages are POSTed one after another, as the message page does, by a
member signed in with session and CSRF token, and timed from the beginning of the POST to the arrival of the event on
the stream of the case's advisor, and to the answer. Beside it, in the same run, the bare server's own broadcast.
"""

import argparse
import json

from benchmarks import figures
from benchmarks.callback_to_stream import POSTS, WARM_UP, bare, check_stored, connections, latencies
from benchmarks.servers import allow_many_sockets, empty_database, environment, serving, set_up_django
from benchmarks.sockets import request


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure both servers, one after the other."""
    allow_many_sockets()
    with empty_database(options.database_url) as url:
        env = environment(url)
        set_up_django(env)
        product = _product(env, options)
    broadcast = bare(env, options)
    table = {
        "member's POST → the advisor's page": product,
        "bare server's own broadcast": broadcast,
        "ratio": {name: product[name] / broadcast[name] for name in ("p50 ms", "p99 ms")},
    }
    return {f"{options.streams:,} open streams, {figures.engine(options)}": table}


def _product(env: dict[str, str], options: argparse.Namespace) -> dict[str, float]:
    from benchmarks.world import make_advisors, make_clients, sign_in

    advisors = make_advisors(1)
    clients = make_clients(options.streams, advisors)
    (session,) = sign_in([advisors[0].user])
    texts = [f"第 {n:04d} 条" for n in range(WARM_UP + POSTS)]
    writer = clients[0]
    headers = {"Cookie": writer.cookie, "X_CSRFToken": writer.csrf, "Content_Type": "application/json"}
    path = f"/api/cases/{writer.case}/messages/"
    bodies = [json.dumps({"body": text, "client_id": f"bench-{n}"}).encode() for n, text in enumerate(texts)]
    posts = [(request("POST", path, body, **headers), text.encode()) for body, text in zip(bodies, texts, strict=True)]
    cookies = [f"session={session}", *(client.cookie for client in clients)]
    with serving("jiayi.asgi:application", env, options.port) as server:
        found = latencies(server, "/api/events/", cookies, posts)
        if options.database_url:
            found["PostgreSQL connections"] = connections()
    check_stored(writer.case)
    return found


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--streams", type=int, default=1000, choices=range(1, 10_001), metavar="N", help="(1000)")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
