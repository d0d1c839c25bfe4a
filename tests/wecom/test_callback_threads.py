"""WeCom gets its answer from a real server whose page threads are all held up."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import connection, transaction

from advisors.actions import bind_wecom_account
from advisors.models import Advisor
from cases.models import Message
from tests.cases.server import PATIENCE
from tests.held import HeldServer
from tests.people import World
from tests.wecom.colleague import WeCom

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 2


@pytest.fixture
def server(world: World) -> Iterator[HeldServer]:
    bind_wecom_account(world.li, "LiMing")
    server = HeldServer(THREADS)
    yield server
    server.close()


def delivery(text: str) -> tuple[str, bytes]:
    """The address and body of the request that delivers a text of 李明."""
    wecom = WeCom()
    return wecom.sealed(wecom.message("LiMing", "text", {"Content": text}))


def is_stored(text: str) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if Message.objects.filter(body=text).exists():
            return True
        time.sleep(0.1)
    return False


def test_wecom_is_answered_while_every_page_waits(server: HeldServer, world: World) -> None:
    with server.holding(), ExitStack() as sockets:
        for n in range(3 * THREADS):
            sockets.enter_context(server.begin("GET", f"/held/page{n}/"))
        assert len(server.begun(count=THREADS)) == THREADS
        page = sockets.enter_context(server.begin("GET", "/accounts/login/"))
        page.settimeout(0.5)
        with pytest.raises(TimeoutError):
            page.recv(1)
        for n in range(5):
            url, body = delivery(f"#1001 您好 {n}")
            assert server.request("POST", url, body.decode(), "text/xml")[0] == 200
            assert Message.objects.filter(body=f"您好 {n}").exists()


def test_what_wecom_delivered_is_stored_though_it_cut_the_line_before_its_turn(
    server: HeldServer, world: World
) -> None:
    """More deliveries than threads, while the database is held up longer than the server keeps a lost connection."""
    texts = [f"您好，第 {n} 条" for n in range(6)]
    with transaction.atomic():
        if connection.vendor == "postgresql":  # on SQLite the transaction alone holds up every other one
            Advisor.objects.select_for_update().get(pk=world.li.pk)
        for text in texts:
            url, body = delivery(f"#1001 {text}")
            with server.begin("POST", url, body=body, more={"Content-Type": "text/xml"}):
                time.sleep(0.1)
        time.sleep(3.7)
    assert all(is_stored(text) for text in texts)


def test_what_may_write_gives_way_to_wecom_for_a_moment(server: HeldServer, world: World) -> None:
    with transaction.atomic(), ExitStack() as sockets:
        if connection.vendor == "postgresql":
            Advisor.objects.select_for_update().get(pk=world.li.pk)
        url, body = delivery("#1001 您好")
        sockets.enter_context(server.begin("POST", url, body=body, more={"Content-Type": "text/xml"}))
        time.sleep(0.3)
        sockets.enter_context(server.begin("POST", "/held/writes/"))
        sockets.enter_context(server.begin("GET", "/held/reads/"))
        assert server.begun(count=1) == {"reads"}
        assert server.begun(count=2) == {"reads", "writes"}
    assert is_stored("您好")
