"""What the message page costs a browser: bytes and requests on a cold cache, and scrolling a very long conversation.

    .venv/bin/python -m benchmarks.message_page [--messages 100000] [--database-url postgres://…/postgres]

A real server as in production (DEBUG off, hashed and compressed static files), a real Chromium with an empty cache. A
member opens a case with a full page of messages: everything is counted as it came over the line, headers included,
until the page is live and quiet. Then 50 pages up in the long conversation: how long each takes from reaching the top
of what is shown until more stands there, how many elements the document has, and by how many pixels what one reads
moves.

Loopback only, one empty database of its own, about 40 s. Figures and machine: docs/performance.md.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import figures
from benchmarks.servers import empty_database, environment, serving, set_up_django

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from benchmarks.world import Client

CHROMIUM = "/usr/bin/chromium"
PAGES = 50
QUIET = 1_500  # ms
KINDS = {"Document": "HTML", "Stylesheet": "CSS", "Script": "modules", "Fetch": "API", "XHR": "API"}
# Scroll to the top of what is shown, and tell how long it took until an older message stood there, and what moved.
UP = """async () => {
    const scroller = document.getElementById("scroller");
    const first = () => document.querySelector("#messages [data-seq]");
    const before = first().dataset.seq;
    scroller.scrollTop = -scroller.scrollHeight;
    const { top, height } = scroller.getBoundingClientRect();
    const read = [...document.querySelectorAll("#messages [data-seq]")].findLast(
        (one) => one.getBoundingClientRect().top < top + height / 2);
    const at = read.getBoundingClientRect().top;
    const began = performance.now();
    while (first().dataset.seq === before) await new Promise((done) => setTimeout(done, 4));
    const took = performance.now() - began;
    const moved = Math.abs(read.getBoundingClientRect().top - at);
    await new Promise((done) => setTimeout(done, 60));
    return [took, moved, document.querySelectorAll("*").length];
}"""


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure the cold page, then the scrolling."""
    if not Path(CHROMIUM).exists():
        print(f"THE MESSAGE PAGE WAS NOT MEASURED: there is no {CHROMIUM}.", file=sys.stderr)
        return {}
    with empty_database(options.database_url) as url:
        env = environment(url)
        set_up_django(env)
        from django.core.management import call_command

        from benchmarks.long_case import fill
        from benchmarks.world import make_advisors, make_clients

        call_command("collectstatic", interactive=False, verbosity=0)
        short, long = make_clients(2, make_advisors(1))
        fill(short.case, 50)
        fill(long.case, options.messages)
        with serving("jiayi.asgi:application", env, options.port) as server:
            cold, scrolling = _browse(f"http://127.0.0.1:{server.port}", short, long)
    title = f"50 pages up in {options.messages:,} messages, {figures.engine(options)}"
    return {"the message page, cold cache": cold, title: scrolling}


def _browse(address: str, short: "Client", long: "Client") -> tuple[figures.Table, figures.Table]:
    from django.db import connection
    from playwright.sync_api import sync_playwright

    connection.close()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            pages = []
            for client in (short, long):
                context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 800})
                context.add_cookies([{"name": "session", "value": client.session, "url": address}])
                pages.append(context.new_page())
            return _cold(pages[0], f"{address}/messages/{short.case}/"), _up(
                pages[1], f"{address}/messages/{long.case}/"
            )
        finally:
            browser.close()


def _cold(page: "Page", url: str) -> figures.Table:
    """Bytes as they came over the line, by kind."""
    kinds: dict[str, str] = {}
    size: Counter[str] = Counter()
    count: Counter[str] = Counter()

    def responded(event: Any) -> None:
        kinds[event["requestId"]] = KINDS.get(event["type"], "icons and the rest")

    def finished(event: Any) -> None:
        kind = kinds.get(event["requestId"], "icons and the rest")
        size[kind] += event["encodedDataLength"]
        count[kind] += 1

    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.on("Network.responseReceived", responded)
    line.on("Network.loadingFinished", finished)
    _open(page, url)
    page.wait_for_timeout(QUIET)
    table = {kind: {"KB": size[kind] / 1000, "requests": count[kind]} for kind in size}
    loaded = [kind for kind in size if kind != "API"]
    table["all but the API"] = {
        "KB": sum(size[kind] for kind in loaded) / 1000,
        "requests": sum(count[kind] for kind in loaded),
    }
    table["all together"] = {"KB": size.total() / 1000, "requests": count.total()}
    return table


def _up(page: "Page", url: str) -> figures.Table:
    _open(page, url)
    pages = [page.evaluate(UP) for _ in range(PAGES)]
    rows = {"pages 1 to 10": pages[:10], "pages 11 to 20": pages[10:20], f"pages {PAGES - 9} to {PAGES}": pages[-10:]}
    return {
        name: {
            "p50 ms": figures.percentile([took for took, _moved, _elements in some], 50),
            "most elements": max(elements for _took, _moved, elements in some),
            "moved by px": max(moved for _took, moved, _elements in some),
        }
        for name, some in rows.items()
    }


def _open(page: "Page", url: str) -> None:
    page.goto(url)
    page.wait_for_selector("body[data-connection=live]")


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--messages", type=int, default=100_000, metavar="N", help="in the long one (100000)")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
