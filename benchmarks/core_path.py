"""What one callback, one message of a member and one alert cost this process: CPU time, and statements.

    .venv/bin/python -m benchmarks.core_path [--database-url postgres://postgres@127.0.0.1/postgres]

In process, through Django's handler and all of the product's middleware, one request after another, so that nothing
waits: the CPU time of this process (not of PostgreSQL's). Beside the callback the one written by hand
(bare/handwritten.py), in turns. Statements are counted with BEGIN, COMMIT and savepoints. The alert is sent by the
worker's function, alone in its database, with all but the sockets: WeCom's answer lies ready.

One empty database of its own, about 20 s. Figures and machine: docs/performance.md.
"""

import argparse
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from benchmarks import figures
from benchmarks.servers import empty_database, environment, set_up_django

WARM_UP, REQUESTS, PEOPLE = 100, 600, 8
PRODUCT = "jiayi.urls"
Make = Callable[[int], Any]  # the n-th request
Handlers = dict[str, tuple[Callable[[Any], Any], Make]]


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure them in turns, one request of each at a time."""
    with empty_database(options.database_url) as url:
        robot = f"http://127.0.0.1:{options.port}/cgi-bin/webhook/send?key=nobody-listens"
        set_up_django(environment(url, WECHAT_WEBHOOK_URL=robot, WECOM_SANDBOX="false"), "benchmarks.bare.settings")
        from django.db import connection

        try:
            return {f"in process, {figures.engine(options)}": _table(_handlers()) | _table(_worker())}
        finally:
            connection.close()


def _table(handlers: Handlers) -> figures.Table:
    seconds: dict[str, list[float]] = {name: [] for name in handlers}
    for n in range(WARM_UP + REQUESTS):
        for name, (handle, make) in handlers.items():
            request = make(n)
            began = time.process_time()
            response = handle(request)
            seconds[name].append(time.process_time() - began)
            if response.status_code not in (200, 201):
                raise SystemExit(f"{name}: {response.status_code} {response.content[:500]}")
    table: figures.Table = {}
    for name, (handle, make) in handlers.items():
        table[name] = figures.milliseconds(seconds[name][WARM_UP:], 50, 95)
        table[name]["statements"] = _statements(handle, make(WARM_UP + REQUESTS))
    return table


def _handlers() -> Handlers:
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory

    from benchmarks.world import make_advisors, make_clients, sealed

    factory = RequestFactory(SERVER_NAME="127.0.0.1")
    clients = make_clients(2 * PEOPLE, make_advisors(PEOPLE))
    handler = WSGIHandler()

    def callback(urls: str, of: int) -> tuple[Callable[[Any], Any], Make]:
        def make(n: int) -> Any:
            case = clients[n % PEOPLE + of].case
            url, body = sealed(f"advisor{n % PEOPLE}", f"#{case} 您好，第 {n} 条。")
            return _of(urls, factory.generic("POST", url, body, content_type="text/xml"))

        return handler.get_response, make

    def post(n: int) -> Any:
        client = clients[n % PEOPLE]
        said = json.dumps({"body": f"您好，第 {n} 条。", "client_id": f"c{n}"})
        path, headers = f"/api/cases/{client.case}/messages/", {"cookie": client.cookie, "x-csrftoken": client.csrf}
        return _of(PRODUCT, factory.generic("POST", path, said, content_type="application/json", headers=headers))

    return {
        "callback": callback(PRODUCT, 0),
        "callback by hand": callback("benchmarks.bare.urls", PEOPLE),
        "a member's POST": (handler.get_response, post),
    }


def _worker() -> Handlers:
    from django.http import HttpResponse
    from django.urls import set_urlconf

    from cases.actions import post_message
    from cases.models import Case
    from wecom.api.answers import Response
    from wecom.models import Notification
    from wecom.outbound.sending import send_due

    case = Case.objects.select_related("member__user").earliest("pk")
    set_urlconf(PRODUCT)
    logging.getLogger("jiayi.wecom").setLevel(logging.WARNING)  # else a line for each
    said = b'{"errcode": 0, "errmsg": "ok"}'
    answer = Response(status=200, content_type="application/json", disposition="", body=said, duration_ms=1)

    def make(n: int) -> None:
        Notification.objects.all().delete()  # with the attempts: each one is alone in its minute
        post_message(case, case.member.user, f"您好，第 {n} 条。", client_id=f"a{n}")

    def send(_request: None) -> HttpResponse:
        with mock.patch("wecom.api.client._Exchange._perform", return_value=answer):
            return HttpResponse(status=200 if send_due() == 1 else 500)

    return {"an alert sent": (send, make)}


def _of(urls: str, request: Any) -> Any:
    """Have Django find the request's view there; the settings' own are the bare ones."""
    request.urlconf = urls
    return request


def _statements(handle: Callable[[Any], Any], request: Any) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        handle(request)
    return len(queries)


def main() -> None:
    figures.report(figures.arguments(__doc__).parse_args(), measure)


if __name__ == "__main__":
    main()
