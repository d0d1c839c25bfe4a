"""Whether a conversation of a million messages is as quick to open, to page through and to search as one of a thousand.

    .venv/bin/python -m benchmarks.long_conversations [--messages 1000000] [--database-url postgres://…/postgres]

Two members with a case each, 1,000 messages in one, a million in the other, none of them read; and a third who wrote
what is worst for a search, 150 messages of 5,000 U+FDFA. A real server (gunicorn,
one worker process) answers each request 60 times for the one and the other in turns, so that other programs disturb
both alike. `queries` is how many database queries the answer takes, counted in this process: the same for both.

Loopback only, one empty database of its own, about a minute. Figures and machine: docs/performance.md.
"""

import argparse
import socket
import time
from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.servers import empty_database, environment, serving, set_up_django
from benchmarks.sockets import connect, exchange, expect_ok, request

if TYPE_CHECKING:
    from benchmarks.world import Client

FEW = 1_000
TIMES = 60
# {seq}: in the middle of the conversation
REQUESTS = {
    "50 messages, the newest": "/api/cases/{case}/messages/",
    "50 messages, in the middle": "/api/cases/{case}/messages/?before={seq}",
    "50 messages around one": "/api/cases/{case}/messages/?around={seq}",
    "the page": "/messages/{case}/",
    "the list of cases": "/api/cases/",
    "search, found": "/api/search/?case={case}&q=%E6%9D%90%E6%96%99",
    "search, found, all cases": "/api/search/?q=%E6%9D%90%E6%96%99",
}
# A search that finds nothing looks at 20,000 messages, more than the short conversation has.
ONLY_LONG = {
    "search, not found": "/api/search/?case={case}&q=%E9%BE%98",
    "search, not found, all cases": "/api/search/?q=%E9%BE%98",
}
# Seven words that stand in every one of the worst messages, and one that stands in none.
WORST = {
    "search, worst messages, one word": "/api/search/?q=z",
    "search, worst messages, eight words": "/api/search/?q=%D8%B5+%D9%84+%D9%89+%D8%A7+%D9%87+%D8%B9+%D9%8A+z",
    "search, worst messages, found": "/api/search/?q=%D8%B5",
}
WORST_MESSAGES = 150


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure every request in both conversations."""
    with empty_database(options.database_url) as url:
        env = environment(url)
        set_up_django(env)
        from django.core.management import call_command

        from benchmarks.long_case import fill, fill_with_ligatures
        from benchmarks.world import make_advisors, make_clients

        call_command("collectstatic", interactive=False, verbosity=0)
        few, many, worst = make_clients(3, make_advisors(1))
        fill(few.case, FEW)
        fill(many.case, options.messages)
        fill_with_ligatures(worst.case, WORST_MESSAGES)
        with serving("jiayi.asgi:application", env, options.port) as server, connect(server.port) as sock:
            table = {name: _both(sock, path, few, many, options.messages) for name, path in REQUESTS.items()}
            for name, path in ONLY_LONG.items():
                table[name] = _alone(sock, path, many, options.messages)
            for name, path in WORST.items():
                table[name] = _alone(sock, path, worst, WORST_MESSAGES)
        return {f"a conversation, {figures.engine(options)}": table}


def _both(sock: socket.socket, path: str, few: "Client", many: "Client", messages: int) -> dict[str, float]:
    queries = {_queries(path, few, FEW), _queries(path, many, messages)}
    if len(queries) != 1:
        raise SystemExit(f"{path} takes {sorted(queries)} queries")
    short: list[float] = []
    long: list[float] = []
    for _ in range(TIMES):
        short.append(_get(sock, path, few, FEW))
        long.append(_get(sock, path, many, messages))
    p50 = [figures.percentile(took, 50) * 1000 for took in (short, long)]
    return {
        f"{FEW:,} messages, p50 ms": p50[0],
        f"{messages:,} messages, p50 ms": p50[1],
        "ratio": p50[1] / p50[0],
        "queries": queries.pop(),
    }


def _alone(sock: socket.socket, path: str, client: "Client", messages: int) -> dict[str, float]:
    took = [_get(sock, path, client, messages) for _ in range(TIMES)]
    return {f"{messages:,} messages, p50 ms": figures.percentile(took, 50) * 1000}


def _get(sock: socket.socket, path: str, client: "Client", messages: int) -> float:
    sent = request("GET", path.format(case=client.case, seq=messages // 2), Cookie=client.cookie)
    began = time.perf_counter()
    answer = exchange(sock, sent)
    took = time.perf_counter() - began
    expect_ok(answer)
    return took


def _queries(path: str, client: "Client", messages: int) -> int:
    from django.db import connection
    from django.test import Client as Browser
    from django.test.utils import CaptureQueriesContext

    browser = Browser(SERVER_NAME="127.0.0.1")
    browser.cookies["session"] = client.session
    with CaptureQueriesContext(connection) as captured:
        answer = browser.get(path.format(case=client.case, seq=messages // 2))
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered with {answer.status_code}")
    return len(captured)


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, metavar="N", help="in the long one (1000000)")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
