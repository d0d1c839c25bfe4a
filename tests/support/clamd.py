"""A virus scanner to test against: speaks clamd's INSTREAM over a real socket, and misbehaves when asked to.

Not HTTP and not mocked: what the product says is read byte by byte, as clamd does.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from jiayi.clamd import Address

# The industry's test "virus", in two pieces, so that no scanner takes this file for one.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"
Answer = Callable[[socket.socket, bytes], None]


def verdict(connection: socket.socket, content: bytes) -> None:
    """What clamd answers."""
    found = b"stream: Eicar-Signature FOUND\0" if EICAR in content else b"stream: OK\0"
    connection.sendall(found)


def says(answer: bytes) -> Answer:
    return lambda connection, _content: connection.sendall(answer)


class Clamd:
    """`answer` is called with each connection and what came through it; `scanned` is all that was whole."""

    def __init__(self, answer: Answer = verdict, *, limit: int = 2**31, path: Path | None = None) -> None:
        self.answer, self.limit = answer, limit
        self.scanned: list[bytes] = []
        self.released = threading.Event()  # ends those that hang
        if path:
            self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.server.bind(str(path))
            self.server.listen()
            self.address = Address(path=str(path))
        else:
            self.server = socket.create_server(("127.0.0.1", 0))
            self.address = Address("127.0.0.1", self.server.getsockname()[1])
        self.accepting = threading.Thread(target=self._serve, daemon=True)
        self.accepting.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(30)
            try:
                content = self._read(connection)
                if content is not None:
                    self.scanned.append(content)
                    self.answer(connection, content)
            except OSError:
                pass  # the product went away, as it may

    def _read(self, connection: socket.socket) -> bytes | None:
        stream = connection.makefile("rb")
        assert stream.read(10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack(">I", stream.read(4))[0]:
            content += stream.read(length)
            if len(content) > self.limit:
                connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                return None
        return content

    def hang(self, _connection: socket.socket, _content: bytes) -> None:
        self.released.wait(30)

    def __enter__(self) -> "Clamd":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.released.set()
        # Wake the thread first: one that still waits for this socket when it is closed would go on, once a signal
        # interrupts it, with the next socket of the same number, and answer in place of the next scanner.
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.accepting.join(5)
        self.server.close()
