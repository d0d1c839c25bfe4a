"""How many callbacks a second the product takes, beside one written by hand and a bare INSERT in the same run.

    .venv/bin/python -m benchmarks.callbacks_per_second [--database-url postgres://postgres@127.0.0.1/postgres]

16 keep-alive clients send distinct, really encrypted messages of 16 advisors into their own cases: verified, decrypted,
stored, routed, committed, answered with an encrypted receipt. The callback written by hand does the writes that are
necessary and nothing else (bare/handwritten.py); the bare view does one INSERT, once with the product's middleware,
once without any. All run under the same server, the same threads and the same database settings. The servers stand
side by side and take turns (4 rounds of 300 requests each), so that a disturbance hits all of them. All requests are
made before; the share of one core that the load itself needed is printed, so that one sees who was the bottleneck.

Then the cipher alone, in this process: one request opened and one receipt sealed, beside wechatpy (development only).

Loopback only, one empty database of its own, about 30 s. Figures and machine: docs/performance.md.
"""

import argparse
import statistics
import time
import timeit
from collections.abc import Callable

from benchmarks import figures
from benchmarks.servers import Server, empty_database, environment, serving, set_up_django
from benchmarks.sockets import Load, load, request

CLIENTS = 16
ROUNDS = 4
REQUESTS = 300  # of each server in each round
WARM_UP = 100
CALLBACK, BY_HAND = "callback, full work", "callback by hand, same middleware"
SAME, NONE = "bare view, same middleware", "bare view, no middleware"


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure the servers in turns, then the cipher."""
    with empty_database(options.database_url) as url:
        env = environment(url, DJANGO_SETTINGS_MODULE="jiayi.settings")
        bare = {**env, "DJANGO_SETTINGS_MODULE": "benchmarks.bare.settings"}
        set_up_django(env, "benchmarks.bare.settings")
        _create_table()
        application = "jiayi.asgi:application"
        with (
            serving(application, env, options.port) as product,
            serving(application, bare, options.port + 1, "/insert") as same,
            serving(application, {**bare, "BARE_MIDDLEWARE": "false"}, options.port + 2, "/insert") as none,
        ):
            table = _table({CALLBACK: product, BY_HAND: same, SAME: same, NONE: none})
        table[CALLBACK]["put aside"] = _put_aside()
    return {f"{CLIENTS} clients, {figures.engine(options)}": table, "the cipher alone": _cipher()}


def _create_table() -> None:
    from django.db import connection

    from benchmarks.bare.models import Row

    with connection.schema_editor() as editor:
        editor.create_model(Row)


def _table(servers: dict[str, Server]) -> figures.Table:
    requests = _requests()
    for name, server in servers.items():
        load(server.port, requests[name][:WARM_UP], CLIENTS)
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    cpu = dict.fromkeys(servers, 0.0)
    for start in range(WARM_UP, WARM_UP + ROUNDS * REQUESTS, REQUESTS):
        for name, server in servers.items():
            before = server.cpu()
            loads[name].append(load(server.port, requests[name][start : start + REQUESTS], CLIENTS))
            cpu[name] += server.cpu() - before
    table = {name: _summary(loads[name], cpu[name]) for name in servers}
    columns = ("requests/s", "p50 ms", "p99 ms", "server's CPU ms")
    for name in (BY_HAND, SAME, NONE):
        table[f"callback : {name}"] = {column: table[CALLBACK][column] / table[name][column] for column in columns}
    return table


def _requests() -> dict[str, list[bytes]]:
    from benchmarks.world import callback, make_advisors, make_clients

    cases = [client.case for client in make_clients(2 * CLIENTS, make_advisors(CLIENTS))]
    numbers = range(WARM_UP + ROUNDS * REQUESTS)

    def callbacks(into: list[int]) -> list[bytes]:
        return [callback(f"advisor{n % CLIENTS}", f"#{into[n % CLIENTS]} 您好，第 {n} 条。") for n in numbers]

    inserts = [request("POST", "/insert", f"您好，第 {n} 条。".encode()) for n in numbers]
    return {CALLBACK: callbacks(cases), BY_HAND: callbacks(cases[CLIENTS:]), SAME: inserts, NONE: inserts}


def _summary(parts: list[Load], cpu: float) -> dict[str, float]:
    seconds = [second for part in parts for second in part.seconds]
    return {
        "requests/s": statistics.median(len(part.seconds) / part.wall for part in parts),
        **figures.milliseconds(seconds, 50, 99),
        "server's CPU ms": cpu / len(seconds) * 1000,
        "load's CPU %": 100 * sum(part.cpu for part in parts) / sum(part.wall for part in parts),
    }


def _put_aside() -> int:
    """Give how many callbacks found no place in the database in time; every other one must be in its case.

    A server that loses messages would be quick.
    """
    from django.db import connection
    from django.db.models import Count

    from benchmarks.world import empty_spool
    from cases.models import Message
    from wecom.models import InboundMessage

    sent, put_aside = 2 * (WARM_UP + ROUNDS * REQUESTS), empty_spool()  # through the product and by hand
    states = InboundMessage.objects.values_list("state", "reason").annotate(Count("pk"))
    written = Message.objects.filter(source=Message.Source.WECOM).count()
    if list(states) != [("delivered", "", sent - put_aside)] or written != sent - put_aside:
        raise SystemExit(f"{sent} callbacks were sent, {put_aside} put aside, {written} written; {list(states)}")
    connection.close()
    return put_aside


def _cipher() -> figures.Table:
    """Open a request and seal a receipt, ours and wechatpy's: the cipher, and with the XML around it."""
    from wechatpy.enterprise.crypto import WeChatCrypto

    from wecom.inbound import crypto, envelope
    from wecom.inbound.callback import configured_keys

    keys = configured_keys()
    theirs = WeChatCrypto(keys.token, keys.aes_key, keys.receiveid)
    now, nonce = str(int(time.time())), "1234567890"
    text = envelope.passive_reply(
        to_user="LiMing", from_user=keys.receiveid, content="您好，" * 20, created_at=int(now)
    )
    sealed = crypto.encrypt(keys, text, timestamp=now, nonce=nonce)
    body = envelope.passive_reply_body(sealed)
    signed = {"msg_signature": sealed.msg_signature, "timestamp": now, "nonce": nonce}

    return {
        "decrypt": _micro(
            lambda: crypto.decrypt(keys, **signed, encrypted=sealed.encrypt),
            lambda: theirs.check_signature(sealed.msg_signature, now, nonce, sealed.encrypt),
        ),
        "decrypt, with the XML around it": _micro(
            lambda: crypto.decrypt(keys, **signed, encrypted=envelope.read_post(body).encrypt),
            lambda: theirs.decrypt_message(body, sealed.msg_signature, now, nonce),
        ),
        "encrypt, with the XML around it": _micro(
            lambda: envelope.passive_reply_body(crypto.encrypt(keys, text, timestamp=now, nonce=nonce)),
            lambda: theirs.encrypt_message(text.decode(), nonce, now),
        ),
    }


def _micro(ours: Callable[[], object], theirs: Callable[[], object]) -> dict[str, float]:
    """Give microseconds of each, the median of nine turns of 300."""
    turns = [(timeit.timeit(ours, number=300), timeit.timeit(theirs, number=300)) for _ in range(9)]
    mine, other = (statistics.median(one) / 300 * 1e6 for one in zip(*turns, strict=True))
    return {"µs": mine, "wechatpy µs": other}


def main() -> None:
    figures.report(figures.arguments(__doc__).parse_args(), measure)


if __name__ == "__main__":
    main()
