"""The live stream of a real server process, read by raw sockets."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from advisors.actions import suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, lock_case, mark_read, note_advisor_notified, recall_message
from cases.live.stream import STREAMS_PER_USER
from cases.models import Case, Message
from jiayi.bus import publish
from members.models import Session, User
from tests.support.held import held_settings
from tests.support.page import Event, Page
from tests.support.people import PASSWORD, World, deactivate, says, signed_in
from tests.support.processes import manage
from tests.support.server import Server, session_of
from tests.support.size import size, sized, whole

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = "/api/cases/1001/messages/"
CHECKED_FOR = 0.5  # seconds; 2 in production
HASTY = {"HELD_CHECKED_FOR": str(CHECKED_FOR), "HELD_PING_EVERY": "5", "HELD_RECONNECT_AFTER": "0.2"}


@pytest.fixture(scope="module")
def process(django_db_setup: None) -> Iterator[Server]:
    server = Server(**held_settings(**HASTY))
    yield server
    server.close()


@pytest.fixture(scope="module")
def idle() -> Iterator[list[Page]]:
    """A page that was opened first and has been idle since."""
    pages: list[Page] = []
    yield pages
    for page in pages:
        page.close()


@pytest.fixture
def server(process: Server, idle: list[Page], world: World) -> Server:
    """The server of all tests of this file, which has heard of everything that is in the database."""
    if not idle:
        # Of somebody the cast does not know: everybody in it is named by the events of every test.
        idle.append(listening(process, User.objects.create_user("idle@example.com", name="闲着")))
    with process.open(signed_in(world.lin)) as page:
        publish({"type": "case", "users": [world.lin.user_id]})
        page.events(until="case")
    return process


@pytest.fixture
def own_server(world: World) -> Iterator[Server]:
    """A server that the test may kill."""
    server = Server()
    yield server
    server.close()


def listening(server: Server, who: User | Advisor) -> Page:
    """Open the server's first page and wait until it listens to what other processes write."""
    page = server.open(signed_in(who))
    assert page.events(until="resync") == [("resync", {})]
    return page


class Pages:
    """The open pages of everybody, and who they are."""

    def __init__(self, server: Server, world: World, stack: ExitStack) -> None:
        self.clients = {
            name: signed_in(getattr(world, name)) for name in ("wang", "li", "lin", "zhang", "chen", "gone")
        }
        self.open = {name: stack.enter_context(server.open(client)) for name, client in self.clients.items()}
        # Of one whom nothing of the cases concerns.
        self.bell, self.ringer = stack.enter_context(server.open(signed_in(world.admin))), world.admin.pk

    def __getitem__(self, name: str) -> Page:
        return self.open[name]

    def at_rest(self, *names: str) -> list[Event]:
        """Return what still comes to these pages of all that was told until now.

        The server tells one thing after the other: what it has told another page since shows that it is done.
        """
        publish({"type": "case", "users": [self.ringer]})
        assert self.bell.next() == ("case", {})
        return [event for name in names for event in self.open[name].at_rest(0.05)]


@pytest.fixture
def pages(server: Server, world: World) -> Iterator[Pages]:
    with ExitStack() as stack:
        yield Pages(server, world, stack)


def bodies(events: list[tuple[str, dict]]) -> list[str]:
    return [data["message"]["body"] for name, data in events if name == "message"]


# What arrives, and where ---------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_a_message_arrives_at_both_sides_each_from_their_view_and_at_nobody_else(
    server: Server, world: World, pages: Pages
) -> None:
    status, sent = server.send(pages.clients["wang"], WRITE, {"body": "您好", "client_id": "a"})
    assert status == 201
    assert pages["wang"].next() == ("message", {"case": 1001, "message": sent})
    seen = {**sent, "client_id": "", "sender": {**sent["sender"], "me": False}}
    assert pages["li"].next() == ("message", {"case": 1001, "message": seen})
    assert server.get(pages.clients["li"], WRITE)["messages"][-1] == seen
    assert pages.at_rest("lin", "zhang", "chen", "gone") == []
    # They do hear what is theirs.
    says(world.other_case, world.lin, "我也在")
    assert bodies([pages["lin"].next(), pages["li"].next()]) == ["我也在"] * 2
    assert pages.at_rest("wang") == []


def test_every_page_of_a_person_hears_a_message(server: Server, world: World, pages: Pages) -> None:
    with server.open(signed_in(world.wang)) as second, server.open(pages.clients["wang"]) as third:
        says(world.case, world.li, "您好")
        assert bodies([page.next() for page in (pages["wang"], second, third)]) == ["您好"] * 3


def test_messages_arrive_in_the_order_of_their_numbers(world: World, pages: Pages) -> None:
    for n in range(30):
        says(world.case, world.li if n % 3 else world.wang, f"{n}")
    for name in ("wang", "li"):
        events = pages[name].events(count=30)
        assert [data["message"]["seq"] for _, data in events] == list(range(2, 32))


@pytest.mark.without_wecom
def test_a_recall_arrives_without_the_words(world: World, pages: Pages) -> None:
    message = says(world.case, world.wang, "我的护照号是 G12345678")
    recall_message(message, by=world.wang.user)
    for name in ("wang", "li"):
        *_, (_, data) = pages[name].events(count=2)
        assert (data["message"]["seq"], data["message"]["recalled"], data["message"]["body"]) == (2, True, "")


@pytest.mark.without_wecom
def test_a_mark_of_reading_arrives_at_both_sides(world: World, pages: Pages) -> None:
    mark_read(world.case, world.wang.user, 1)
    assert pages["li"].next() == ("read", {"case": 1001, "seq": 1, "me": False})
    assert pages["wang"].next() == ("read", {"case": 1001, "seq": 1, "me": True})
    mark_read(world.case, world.wang.user, 1)
    assert pages.at_rest("lin", "li") == []


def types(server: Server, pages: Pages, name: str, number: int = 1001) -> int:
    return server.send(pages.clients[name], f"/api/cases/{number}/typing/", {})[0]


def test_the_other_side_hears_that_somebody_types_and_nobody_else(server: Server, world: World, pages: Pages) -> None:
    assert [types(server, pages, name) for name in ("wang", "wang", "zhang", "lin")] == [204, 204, 404, 404]
    assert pages["li"].next() == ("typing", {"case": 1001})
    assert types(server, pages, "li") == 204
    assert pages["wang"].next() == ("presence", {"case": 1001, "online": True})  # who types is there
    assert pages["wang"].next() == ("typing", {"case": 1001})
    # Not to themselves, not to others, and not twice within two seconds.
    says(world.case, world.li, "您好")
    assert [name for name, _ in pages["li"].events(until="message")] == ["message"]
    assert [name for name, _ in pages["lin"].events(count=1)] == ["presence"]
    assert pages.at_rest("li", "lin", "zhang") == []


def test_nobody_types_in_a_closed_case_or_in_one_that_was_taken_away(
    server: Server, world: World, pages: Pages
) -> None:
    close_case(world.other_case)
    assert types(server, pages, "lin", 1002) == 409
    publish({"type": "typing", "case": world.case.pk, "user": world.zhang.user_id, "users": [world.wang.user_id]})
    assert pages.at_rest("wang") == []
    assign_advisor(world.case, world.zhang, by=world.admin)
    publish({"type": "typing", "case": world.case.pk, "user": world.li.user_id, "users": [world.wang.user_id]})
    publish({"type": "case", "users": [world.wang.user_id]})  # what came before it was handled
    assert [name for name, _ in pages["wang"].events(until="case")] == ["message", "case"]


def test_that_the_advisor_was_told_in_wecom_arrives_at_both_sides(world: World, pages: Pages) -> None:
    with transaction.atomic():
        note_advisor_notified(lock_case(world.case.pk), world.li, 1)
    for name in ("wang", "li"):
        event, data = pages[name].next()
        assert (event, data["case"], data["seq"]) == ("notified", 1001, 1)
    assert pages.at_rest("lin", "zhang") == []


def test_members_hear_when_their_advisor_comes(server: Server, pages: Pages) -> None:
    assert server.send(pages.clients["li"], "/api/active/", {}) == (204, None)
    assert pages["wang"].next() == ("presence", {"case": 1001, "online": True})
    assert pages["lin"].next() == ("presence", {"case": 1002, "online": True})
    server.send(pages.clients["li"], "/api/active/", {})
    assert pages.at_rest("wang", "zhang") == []


def test_what_another_process_writes_arrives(world: World, pages: Pages) -> None:
    code = (
        "from cases.models import Case; from cases.actions import post_message; "
        "case = Case.objects.get(number=1001); post_message(case, case.member.user, '从命令行', client_id='a')"
    )
    assert manage("shell", "--no-imports", "-c", code).returncode == 0
    assert bodies([pages["wang"].next(), pages["li"].next()]) == ["从命令行"] * 2


def test_what_was_rolled_back_never_arrives(world: World, pages: Pages) -> None:
    with transaction.atomic():
        says(world.case, world.wang, "从未写下")
        transaction.set_rollback(True)
    says(world.case, world.wang, "写下了")
    assert bodies([pages["li"].next()]) == ["写下了"]
    assert pages.at_rest("li") == []


def test_no_text_can_forge_an_event(world: World, pages: Pages) -> None:
    text = 'a\n\nevent: message\ndata: {"case": 1002}\n\nb\r\n\r\nid: 7\r\rretry: 0\n\n:\u2028\u0085x'
    says(world.case, world.wang, text)
    says(world.case, world.wang, "之后")
    assert bodies(pages["li"].events(count=2)) == [text, "之后"]
    assert pages.at_rest("li") == []


# Who may listen, and for how long ------------------------------------------------------------------------


def test_a_stream_says_what_it_is_and_may_not_be_kept(pages: Pages) -> None:
    assert pages["wang"].status == 200
    assert pages["wang"].headers["content-type"] == "text/event-stream; charset=utf-8"
    assert pages["wang"].headers["cache-control"] == "no-store"
    assert pages["wang"].headers["x-content-type-options"] == "nosniff"


def test_a_stranger_is_refused(process: Server) -> None:
    for session in ("", "0" * 32, "x" * 65, "\xff", 'a"b; session=', "../../x"):
        with Page(process.port, session, {}) as page:
            assert page.status == 401
            assert page.headers["content-type"] == "application/json"


def test_a_page_of_another_site_is_refused(process: Server, world: World) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        with process.open(signed_in(world.wang), **{"Sec-Fetch-Site": site}) as page:
            assert (site, page.status) == (site, status)
    # Browsers that do not know Sec-Fetch-Site.
    own, other = f"http://127.0.0.1:{process.port}", f"http://127.0.0.1:{process.port + 1}"
    origins = {own: 200, settings.SITE_URL: 200, other: 403, "https://evil.example": 403, "null": 403}
    for origin, status in origins.items():
        with process.open(signed_in(world.wang), Origin=origin, Host=f"127.0.0.1:{process.port}") as page:
            assert (origin, page.status) == (origin, status)


def test_a_stream_is_only_read_and_no_header_breaks_it(process: Server, world: World) -> None:
    session = session_of(signed_in(world.wang))
    for method in ("POST", "HEAD", "DELETE"):
        with Page(process.port, session, {"Content-Length": "0"}, method=method) as page:
            assert page.status == 405
    for headers in ({"Last-Event-ID": "9" * 5000}, {"Range": "bytes=0-"}, {"Accept": "nonsense"}):
        with Page(process.port, session, headers) as page:
            assert page.status == 200


FORM = "application/x-www-form-urlencoded"


def sign_out(server: Server, world: World, client: Client) -> None:
    assert server.request("POST", "/accounts/logout/", "", FORM, session=session_of(client))[0] == 302


def end_session(server: Server, world: World, client: Client) -> None:
    Session.objects.get(session_key=session_of(client)).delete()


def switch_off(server: Server, world: World, client: Client) -> None:
    deactivate(world.wang)


def switch_off_in_the_admin(server: Server, world: World, client: Client) -> None:
    form = {"email": "wang@example.com", "name": "王小明"}
    assert signed_in(world.admin).post(f"/admin/members/user/{world.wang.user_id}/change/", form).status_code == 302


def change_password(server: Server, world: World, client: Client) -> None:
    form = f"oldpassword={PASSWORD}&password1=new-pw-12345&password2=new-pw-12345"
    elsewhere = session_of(signed_in(world.wang))
    assert server.request("POST", "/accounts/password/change/", form, FORM, session=elsewhere)[0] == 302


def reset_password_in_the_admin(server: Server, world: World, client: Client) -> None:
    form = {"password1": "new-pw-12345", "password2": "new-pw-12345", "usable_password": "true"}
    assert signed_in(world.admin).post(f"/admin/members/user/{world.wang.user_id}/password/", form).status_code == 302


WAYS = [sign_out, end_session, switch_off, switch_off_in_the_admin, change_password, reset_password_in_the_admin]


def test_a_stream_whose_session_is_over_shows_nothing_more_and_ends(server: Server, world: World) -> None:
    with server.open(signed_in(world.li)) as li:
        for over in WAYS:
            world.wang.user.is_active = True
            world.wang.user.set_password(PASSWORD)
            world.wang.user.save()
            client = signed_in(world.wang)
            with server.open(client) as page:
                says(world.case, world.li, "之前")
                assert bodies([page.next(), li.next()]) == ["之前"] * 2
                over(server, world, client)
                says(world.case, world.li, over.__name__)
                assert bodies([li.next()]) == [over.__name__]
                assert (over.__name__, page.to_the_end()) == (over.__name__, [])
            for active in (world.wang.user.is_active, True):
                User.objects.filter(pk=world.wang.user_id).update(is_active=active)  # switched on again
                with server.open(client) as again:
                    assert (over.__name__, again.status) == (over.__name__, 401)


def test_what_was_changed_past_the_product_silences_a_stream_as_well(world: World, pages: Pages) -> None:
    for case in (world.case, world.other_case):
        says(case, world.li, "之前")
    assert bodies([pages["wang"].next(), pages["lin"].next()]) == ["之前"] * 2
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM members_session WHERE session_key = %s", [session_of(pages.clients["wang"])])
    User.objects.filter(pk=world.lin.user_id).update(is_active=False)
    time.sleep(CHECKED_FOR)
    for case in (world.case, world.other_case):
        says(case, world.li, "之后")
    assert pages["wang"].to_the_end() == []
    assert pages.at_rest("lin") == []


def test_signing_out_on_one_device_leaves_the_others_open(server: Server, world: World, pages: Pages) -> None:
    with server.open(signed_in(world.wang)) as elsewhere:
        sign_out(server, world, pages.clients["wang"])
        assert pages["wang"].to_the_end() == []
        says(world.case, world.li, "您好")
        assert bodies([elsewhere.next()]) == ["您好"]


def test_the_advisor_before_hears_nothing_more_of_the_case(world: World, pages: Pages) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)
    says(world.case, world.wang, "给新顾问")
    assert bodies(pages["zhang"].events(count=2)) == ["本案件的跟进人现在是 张伟。", "给新顾问"]
    # Only that the own list of cases changed, and what is still theirs.
    assert pages["li"].next() == ("case", {})
    says(world.other_case, world.lin, "还是您")
    assert bodies([pages["li"].next()]) == ["还是您"]
    assert pages.at_rest("li") == []


def test_a_suspended_advisor_hears_nothing_more(world: World, pages: Pages) -> None:
    suspend_advisor(world.li, by=world.admin)
    assert pages["li"].next() == ("case", {})  # at which the open page clears the case away
    for case, who in ((world.case, world.wang), (world.other_case, world.lin)):
        says(case, who, "在吗")
    assert bodies([pages["wang"].next(), pages["lin"].next()]) == ["在吗"] * 2
    assert pages.at_rest("li") == []


# What a stream costs -------------------------------------------------------------------------------------


def test_a_person_holds_six_streams_and_the_oldest_gives_way_and_is_told(server: Server, world: World) -> None:
    with ExitStack() as stack:
        client = signed_in(world.wang)
        opened = [stack.enter_context(server.open(client)) for _ in range(STREAMS_PER_USER + 1)]
        assert opened[0].to_the_end() == [("crowded", {})]
        says(world.case, world.li, "您好")
        assert bodies([page.next() for page in opened[1:]]) == ["您好"] * 6


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc to count threads")
def test_two_hundred_streams_hold_a_handful_of_threads_and_connections(server: Server, world: World) -> None:
    people = [world.wang.user, world.li.user]
    people += [User.objects.create_user(f"crowd{n}@example.com", name="众") for n in range(38)]
    with ExitStack() as stack:
        opened = [[stack.enter_context(server.open(c)) for _ in range(5)] for c in map(signed_in, people)]
        assert {page.status for some in opened for page in some} == {200}
        assert server.threads <= 12
        assert connections_of_the_server() <= 8
        says(world.case, world.li, "都听见了")
        assert bodies([page.next() for page in (*opened[0], *opened[1])]) == ["都听见了"] * 10
        assert opened[2][0].at_rest() == []
        assert server.threads <= 12
        assert connections_of_the_server() <= 8


def connections_of_the_server() -> int:
    """How many connections others have to PostgreSQL's database of this run; SQLite has none to count."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@whole
def test_a_reader_that_takes_nothing_is_dropped_and_holds_up_nobody(server: Server, world: World) -> None:
    message = says(world.case, world.wang, "字" * 5000)
    many = 700  # more than the kernel keeps, 4 MB, and the product on top of it
    told = {
        "type": "message",
        "case": world.case.pk,
        "seq": message.seq,
        "users": [world.lin.user_id, world.li.user_id],
    }
    with (
        Page(server.port, session_of(signed_in(world.li)), {}, buffer=1 << 16) as slow,
        server.open(signed_in(world.lin)) as other,
    ):
        with transaction.atomic():
            for n in range(many):
                publish({**told, "n": n})  # PostgreSQL says what is told twice in a transaction only once
        says(world.other_case, world.lin, "轮到我")
        assert bodies([other.next()]) == ["轮到我"]
        assert len(slow.to_the_end(15)) < many


# Faults --------------------------------------------------------------------------------------------------


def test_a_page_opened_before_the_server_listens_is_told_to_look_again(own_server: Server, world: World) -> None:
    page = listening(own_server, world.zhang)
    assert page.status == 200
    # From that moment on nothing is missed.
    with own_server.open(signed_in(world.wang)) as wang:
        says(world.case, world.li, "您好")
        assert bodies([wang.next()]) == ["您好"]
    page.close()


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no connection that could break")
def test_after_its_connection_broke_the_server_listens_again_and_says_so(
    server: Server, world: World, pages: Pages
) -> None:
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )
            assert cursor.fetchall() == [(True,)]
        assert pages["li"].events(until="resync") == [("resync", {})]
        says(world.case, world.wang, "还听得见吗")
        assert bodies([pages["li"].next()]) == ["还听得见吗"]


@sized
def test_after_a_kill_nothing_answered_is_lost_and_the_missed_is_exactly_what_comes_after(
    own_server: Server, world: World
) -> None:
    wang, li = signed_in(world.wang), signed_in(world.li)
    listening(own_server, world.zhang).close()
    acked: list[int] = []
    each = size(12, 25)
    end = 2 + 3 * each

    def keep_writing(name: int) -> None:
        for n in range(each):
            body = {"body": f"{name}/{n}", "client_id": f"{name}-{n}"}
            while True:  # as the page does: the same client_id until there is an answer
                try:
                    status, message = own_server.send(wang, WRITE, body)
                except OSError:
                    time.sleep(0.02)
                    continue
                assert status in {200, 201}, message
                acked.append(message["seq"])
                break

    writers = [threading.Thread(target=keep_writing, args=[n]) for n in range(3)]
    with own_server.open(li) as page:
        for writer in writers:
            writer.start()
        while len(acked) < 15:
            time.sleep(0.01)
        first = page.next()  # those who write may be ahead of the stream
        own_server.kill()
        last = [first, *page.to_the_end()][-1][1]["message"]["seq"]
    own_server.restart()
    for writer in writers:
        writer.join()
    texts = list(Message.objects.filter(case=world.case, kind="text").order_by("seq").values_list("seq", "body"))
    assert sorted(body for _, body in texts) == sorted(f"{name}/{n}" for name in range(3) for n in range(each))
    assert sorted(acked) == [seq for seq, _ in texts] == list(range(2, end))
    missed = own_server.get(li, f"{WRITE}?after={last}&limit=100")
    assert [m["seq"] for m in missed["messages"]] == list(range(last + 1, end))
    assert missed["has_more"] is False
    assert Case.objects.get(pk=world.case.pk).last_seq == end - 1


class Reader:
    """A page that loses its connection again and again; it catches up by `seq` as static/js does."""

    def __init__(self, server: Server, who: Client, cases: list[int], seed: int) -> None:
        self.server, self.who, self.random = server, who, random.Random(seed)
        self.seen: dict[int, list[int]] = {case: [] for case in cases}
        self.strange: list[tuple[str, dict]] = []

    def run(self, writing: threading.Event) -> None:
        while writing.is_set():
            self.look(self.random.uniform(0, 0.3))
        self.look(0.5)

    def look(self, seconds: float) -> None:
        last_event_id = self.random.choice(["0", "-1", "9" * 4000, "1002", "\xff;", "a b"])
        with self.server.open(self.who, **{"Last-Event-ID": last_event_id}) as page:
            for case in self.seen:
                self.catch_up(case)
            for name, data in page.events(seconds):
                if name == "message" and data["case"] in self.seen:
                    self.take(data["case"], data["message"]["seq"])
                elif name != "presence":
                    self.strange.append((name, data))

    def take(self, case: int, seq: int) -> None:
        if seq == len(self.seen[case]) + 1:
            self.seen[case].append(seq)
        elif seq > len(self.seen[case]):
            self.catch_up(case)

    def catch_up(self, case: int) -> None:
        after = len(self.seen[case])
        found = self.server.get(self.who, f"/api/cases/{case}/messages/?after={after}&limit=100")["messages"]
        self.seen[case] += [message["seq"] for message in found]


@whole
def test_who_loses_the_connection_again_and_again_ends_up_with_exactly_what_is_theirs(
    server: Server, world: World
) -> None:
    mine = {"wang": [1001], "lin": [1002], "li": [1001, 1002], "zhang": []}
    clients = {name: signed_in(getattr(world, name)) for name in mine}
    readers = [Reader(server, clients[name], cases, seed) for seed, (name, cases) in enumerate(mine.items())]
    writing = threading.Event()
    writing.set()

    def keep_writing(name: str, case: int) -> None:
        for n in range(15):
            body = {"body": f"{name} {n}", "client_id": f"{name}-{n}"}
            assert server.send(clients[name], f"/api/cases/{case}/messages/", body)[0] == 201

    writers = [
        threading.Thread(target=keep_writing, args=[name, case])
        for name, case in (("wang", 1001), ("li", 1001), ("lin", 1002))
    ]
    reading = [threading.Thread(target=reader.run, args=[writing]) for reader in readers]
    for thread in (*reading, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in reading:
        thread.join()
    last = dict(Case.objects.values_list("number", "last_seq"))
    assert last == {1001: 31, 1002: 16}
    for reader in readers:
        assert reader.seen == {case: list(range(1, last[case] + 1)) for case in reader.seen}
        assert reader.strange == []


@whole
def test_sigterm_ends_the_server_within_five_seconds_with_streams_open(own_server: Server, world: World) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(own_server.open(signed_in(world.wang))) for _ in range(5)]
        assert own_server.terminate() < 5
        for page in opened:
            assert page.to_the_end() == []
            assert page.complete
    assert "Traceback" not in own_server.said()


def test_an_idle_stream_is_kept_alive(server: Server, idle: list[Page]) -> None:
    idle[0].wait_for_comment(20)


def test_the_server_met_no_error(server: Server) -> None:
    assert "Traceback" not in server.said()
    assert server.process.poll() is None
