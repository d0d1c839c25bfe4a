"""HTTP on bare sockets, so that what is measured is the server and not the client."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TIMEOUT = 20.0  # seconds after which a benchmark gives up


def request(method: str, path: str, body: bytes = b"", /, **headers: str) -> bytes:
    """Give the bytes of one request; `_` in a header's name stands for `-`."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def connect(port: int) -> socket.socket:
    """Open a connection to the server on loopback."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def body_of(answer: bytes) -> bytes | None:
    """Give the body of an answer (by its length, or chunked) as it came, or None while it is incomplete."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return None
    lowered = head.lower()
    if b"transfer-encoding: chunked" in lowered:
        return body if body.endswith(b"0\r\n\r\n") else None
    _, found, rest = lowered.partition(b"content-length:")
    length = int(rest.split(b"\r\n", 1)[0]) if found else 0
    return body if len(body) >= length else None


def exchange(sock: socket.socket, sent: bytes) -> bytes:
    """Send a request on a keep-alive connection and give the whole answer."""
    sock.sendall(sent)
    answer = b""
    while body_of(answer) is None:
        answer += _received(sock)
    return answer


def read_until(sock: socket.socket, token: bytes, seen: bytes = b"") -> bytes:
    """Read a stream until `token` has come; give all that was read."""
    while token not in seen:
        seen += _received(sock)
    return seen


def open_stream(port: int, path: str, **headers: str) -> socket.socket:
    """Open a live stream and wait for its first event."""
    sock = connect(port)
    sock.sendall(request("GET", path, **headers))
    first = read_until(sock, b"event: hello")
    if not first.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the stream was refused: {first[:200]!r}")
    return sock


@dataclass
class Both:
    """One POST and the event it causes, in seconds since the POST began."""

    answered: float
    arrived: float


def post_and_wait(post: socket.socket, sent: bytes, stream: socket.socket, token: bytes) -> Both:
    """POST, and wait for the answer on one connection and for `token` on the other, whichever comes first."""
    with selectors.DefaultSelector() as selector:
        selector.register(post, selectors.EVENT_READ)
        selector.register(stream, selectors.EVENT_READ)
        seen = {post: b"", stream: b""}
        answered = arrived = 0.0
        began = time.perf_counter()
        post.sendall(sent)
        while not (answered and arrived):
            ready = selector.select(TIMEOUT)
            if not ready:
                raise SystemExit(f"no event within {TIMEOUT:g} s; the answer was {seen[post][:300]!r}")
            now = time.perf_counter() - began
            for sock in _sockets(ready):
                seen[sock] += _received(sock)
            answered = answered or (now if body_of(seen[post]) is not None else 0.0)
            arrived = arrived or (now if token in seen[stream] else 0.0)
    expect_ok(seen[post])
    return Both(answered, arrived)


@dataclass
class Load:
    """What came of a load: seconds for each request, and for all of it; CPU seconds that this process needed."""

    seconds: list[float]
    wall: float
    cpu: float
    answers: list[bytes]


def load(port: int, requests: Sequence[bytes], clients: int) -> Load:
    """Send every request once over that many keep-alive connections, each with one request under way."""
    waiting = iter(requests)
    began_at: dict[socket.socket, float] = {}
    seen: dict[socket.socket, bytes] = {}
    result = Load([], 0.0, 0.0, [])
    socks = [connect(port) for _ in range(clients)]
    with selectors.DefaultSelector() as selector:
        began, cpu = time.perf_counter(), time.process_time()
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ)
            _next(sock, waiting, began_at, seen)
        while seen:
            ready = selector.select(TIMEOUT)
            if not ready:
                raise SystemExit(f"no answer within {TIMEOUT:g} s")
            for sock in _sockets(ready):
                seen[sock] += _received(sock)
                if body_of(seen[sock]) is not None:
                    result.seconds.append(time.perf_counter() - began_at[sock])
                    result.answers.append(seen[sock])
                    _next(sock, waiting, began_at, seen)
        result.wall, result.cpu = time.perf_counter() - began, time.process_time() - cpu
    for sock in socks:
        sock.close()
    for answer in result.answers:
        expect_ok(answer)
    return result


def _next(
    sock: socket.socket,
    waiting: Iterator[bytes],
    began_at: dict[socket.socket, float],
    seen: dict[socket.socket, bytes],
) -> None:
    sent = next(waiting, None)
    if sent is None:
        del seen[sock]
        return
    seen[sock] = b""
    began_at[sock] = time.perf_counter()
    sock.sendall(sent)


def _sockets(ready: Sequence[tuple[selectors.SelectorKey, int]]) -> list[socket.socket]:
    return [key.fileobj for key, _events in ready if isinstance(key.fileobj, socket.socket)]


def expect_ok(answer: bytes) -> None:
    """End the benchmark unless this is an answer with status 200 or 201: a wrong answer is quick."""
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise SystemExit(f"not what was expected: {answer[:500]!r}")


def _received(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise SystemExit("the server closed a connection")
    return data
