"""Five deliveries of each of 500 messages (or of 20), from 20 threads, to two server processes: each stands once."""

import http.client
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection

from advisors.actions import bind_wecom_account
from cases.models import Message
from tests.support.colleague import WeCom
from tests.support.people import World
from tests.support.server import Server
from tests.support.size import size, sized
from wecom.inbound import receipts
from wecom.inbound.spool import bring_in
from wecom.models import InboundMessage

MESSAGES, DELIVERIES, THREADS = size(20, 500), 5, 20


@sized
@pytest.mark.django_db(transaction=True)
def test_hundreds_of_messages_delivered_five_times_each_stand_once(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    start = {case.pk: case.last_seq for case in (world.case, world.other_case)}
    wecom = WeCom()
    requests: list[tuple[str, bytes]] = []
    for number in range(MESSAGES):
        case = (world.case, world.other_case)[number % 2]
        plaintext = wecom.message("LiMing", "text", {"Content": f"#{case.number} 第 {number} 条"})
        # Each delivery is encrypted afresh: WeCom promises no equal nonce or ciphertext for a repetition.
        requests += [wecom.sealed(plaintext) for _ in range(DELIVERIES)]
    random.Random(1).shuffle(requests)
    connection.close()
    with Server(WEB_CONCURRENCY="2") as server, ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda request: deliver(server.port, *request), requests))
    assert {status for status, _body in answers} == {200}
    # A database too busy for 4 s makes a message wait on the disk, and says so; the worker brings it in.
    assert {wecom.opened(body)[:4] for _status, body in answers} <= {"✓ 已发", receipts.PUT_ASIDE[:4]}
    bring_in()
    assert InboundMessage.objects.filter(state="delivered").count() == MESSAGES
    for case in (world.case, world.other_case):
        written = Message.objects.filter(case=case, source="wecom").order_by("seq")
        assert len({message.body for message in written}) == len(written) == MESSAGES // 2
        first = start[case.pk] + 1
        assert [message.seq for message in written] == list(range(first, first + MESSAGES // 2))


def deliver(port: int, url: str, body: bytes) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        link.request("POST", url, body, {"Host": "testserver", "Content-Type": "text/xml"})
        response = link.getresponse()
        return response.status, response.read()
