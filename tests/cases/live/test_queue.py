"""Who gets a thread of a real server, and when; asked by raw sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from django.test import Client

from cases.models import Message
from jiayi.bridge import BUFFER
from jiayi.places import MOST_OF_ONE
from tests.support.held import HeldServer
from tests.support.page import PATIENCE
from tests.support.people import World, signed_in
from tests.support.server import session_of
from tests.support.size import size, sized, whole

# Threads and signals are the same on every database.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

WRITE = "/api/cases/1001/messages/"
SIGN_IN = "/accounts/login/"
THREADS = 4
CLOSE = {"Connection": "close"}
GRACE = 1.5  # seconds; after 1 (3, if it is not told), gunicorn ends what belongs to a connection that is gone


@pytest.fixture(scope="module")
def process(django_db_setup: None) -> Iterator[HeldServer]:
    server = HeldServer(THREADS, GUNICORN_CMD_ARGS="--asgi-disconnect-grace-period 1")
    yield server
    server.close()


@pytest.fixture
def server(process: HeldServer, world: World) -> HeldServer:
    """The server of all tests of this file."""
    process.forget()
    return process


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    """What is opened in a test is closed after it."""
    with ExitStack() as stack:
        yield stack


def ask(
    server: HeldServer, sockets: ExitStack, who: Client | None, name: str, count: int = 1, method: str = "GET"
) -> list[socket.socket]:
    """Ask for that many pages which last while the server is holding."""
    session = session_of(who) if who else ""
    paths = [f"/held/{name}{n}/" for n in range(count)]
    return [sockets.enter_context(server.begin(method, path, session, more=CLOSE)) for path in paths]


def hold_all(server: HeldServer, sockets: ExitStack, world: World) -> None:
    """Hold every thread that there is for pages."""
    ask(server, sockets, signed_in(world.wang), "wang", THREADS - 1)
    ask(server, sockets, signed_in(world.li), "li", 1)
    assert len(server.begun(count=THREADS)) == THREADS


def whole_answer(asking: socket.socket, seconds: float = PATIENCE) -> bytes:
    """The answer, up to the end of the connection or of the time."""
    asking.settimeout(seconds)
    answer = b""
    with suppress(TimeoutError):
        while piece := asking.recv(1 << 20):
            answer += piece
    return answer


def has_page(server: HeldServer, seconds: float = PATIENCE) -> bool:
    """Whether a visitor gets a page within that time."""
    with server.begin("GET", SIGN_IN, more=CLOSE) as asking:
        return whole_answer(asking, seconds).startswith(b"HTTP/1.1 200")


def test_a_page_whose_reader_left_while_it_waited_is_not_begun(
    server: HeldServer, world: World, sockets: ExitStack
) -> None:
    with server.holding():
        hold_all(server, sockets, world)
        with ExitStack() as left:
            ask(server, left, None, "left", 20)
            assert server.has_seen_all()
        (waits,) = ask(server, sockets, None, "waits")
        assert server.has_seen_all()
    assert whole_answer(waits).startswith(b"HTTP/1.1 200")
    assert server.begun() == {"wang0", "wang1", "wang2", "li0", "waits0"}


def test_what_somebody_sent_is_carried_out_though_they_left_while_it_waited(
    server: HeldServer, world: World, sockets: ExitStack
) -> None:
    with server.holding():
        hold_all(server, sockets, world)
        with ExitStack() as left:
            ask(server, left, signed_in(world.lin), "lin", method="POST")
            assert server.has_seen_all()
        time.sleep(GRACE)
        assert "lin0" not in server.begun()
    assert "lin0" in server.begun(count=THREADS + 1)


@whole
def test_who_left_while_their_page_was_made_holds_its_thread_until_it_is_ready(
    server: HeldServer, world: World, sockets: ExitStack
) -> None:
    """Nothing is begun that would only wait for a thread, where it could not be left out any more."""
    with server.holding():
        with ExitStack() as left:
            hold_all(server, left, world)
        time.sleep(GRACE)
        with ExitStack() as left:
            ask(server, left, None, "left")
            assert server.has_seen_all()
        assert server.has_seen_all()  # also that it was hung up on
    assert has_page(server)
    assert "left0" not in server.begun()


def test_one_persons_many_requests_leave_a_thread_for_the_others(
    server: HeldServer, world: World, sockets: ExitStack
) -> None:
    with server.holding():
        ask(server, sockets, signed_in(world.wang), "wang", 50)
        assert has_page(server)
        assert len(server.begun(count=THREADS - 1)) == THREADS - 1
        time.sleep(0.3)
        assert len(server.begun()) == THREADS - 1


@sized
def test_who_has_fewer_threads_goes_first(server: HeldServer, world: World, sockets: ExitStack) -> None:
    """50 requests of 王小明, or 20, wait longer than one of 林芳, which gets the next thread."""
    with server.holding():
        hold_all(server, sockets, world)
        # Each takes a while, so that it shows who was given a thread first and not which thread the machine let run.
        wang = ask(server, sockets, signed_in(world.wang), "slow", size(20, 50))
        (lin,) = ask(server, sockets, signed_in(world.lin), "lin")
        assert server.has_seen_all()
    assert whole_answer(lin).startswith(b"HTTP/1.1 200")
    assert all(whole_answer(one).startswith(b"HTTP/1.1 200") for one in wang)
    first = sorted(server.folder.iterdir(), key=lambda one: one.stat().st_mtime_ns)
    assert [one.name for one in first].index("lin0") <= 2 * THREADS


TOLD = [
    ("/messages/", "zh-CN", "请等几秒再试"),
    ("/messages/", "en", "wait a few seconds"),
    (WRITE, "en", '{"detail": "The site is busy'),
]


def test_beyond_the_queue_one_is_told_to_come_again(server: HeldServer, world: World, sockets: ExitStack) -> None:
    wang = signed_in(world.wang)
    with server.holding():
        ask(server, sockets, wang, "wang", THREADS - 1 + MOST_OF_ONE)
        assert len(server.begun(count=THREADS - 1)) == THREADS - 1
        assert server.has_seen_all()
        for path, language, said in TOLD:
            more = server.begin("GET", path, session_of(wang), more={**CLOSE, "Accept-Language": language})
            answer = whole_answer(sockets.enter_context(more)).decode()
            assert answer.startswith("HTTP/1.1 503")
            assert "retry-after: 5" in answer.lower()
            assert said in answer
            assert has_page(server)


@pytest.mark.parametrize("sent", [10, BUFFER + 10], ids=["a-form", "a-file"])
def test_who_sends_slowly_holds_up_nobody(server: HeldServer, world: World, sockets: ExitStack, sent: int) -> None:
    for _ in range(3 * THREADS):  # nobody knows who they are: each is somebody else's
        unknown = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(4 * BUFFER)}
        beginning = b"email=" + b"x" * (sent - 6)
        sockets.enter_context(server.begin("POST", SIGN_IN, "", beginning, unknown))
    time.sleep(0.3)
    assert has_page(server)


@whole
def test_who_leaves_a_long_answer_gives_the_thread_back(server: HeldServer, world: World) -> None:
    with ExitStack() as left:
        for who in (world.wang, world.wang, world.li, world.li):  # nobody gets all the threads
            session = session_of(signed_in(who))
            asking = left.enter_context(server.begin("GET", "/held/long/", session, buffer=4096))
            assert asking.recv(1), "its answer has begun"
        time.sleep(0.3)  # until nothing more of it goes into the sockets between
    time.sleep(GRACE)
    assert has_page(server)
    for _ in range(3):
        with server.begin("GET", "/held/long/", more=CLOSE) as asking:
            assert whole_answer(asking).count(b"x" * 1024) == 100 * 64


def test_a_file_that_broke_off_on_its_way_is_no_message(server: HeldServer, world: World) -> None:
    before = Message.objects.count()
    head = 'Content-Disposition: form-data; name="client_id"\r\n\r\nhalf\r\n--edge\r\nContent-Disposition: form-data; '
    head += 'name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.4\n'
    body = f"--edge\r\n{head}".encode() + b"0" * (2 * BUFFER)
    kind = {"Content-Type": "multipart/form-data; boundary=edge", "Content-Length": str(8 * BUFFER)}
    with server.begin("POST", WRITE, session_of(signed_in(world.wang)), body, kind):
        assert server.has_read_all()
        time.sleep(0.2)
    time.sleep(0.5)
    assert has_page(server)
    assert Message.objects.count() == before
