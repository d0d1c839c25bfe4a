"""Client of a virus scanner that speaks clamd's protocol (INSTREAM)."""

import re
import socket
import struct
import time
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

CHUNK = 128 * 1024
MAX_ANSWER = 4096  # bytes
_FOUND = re.compile(r"stream: (?P<name>.{1,300}) FOUND", re.DOTALL)


@dataclass(frozen=True)
class Address:
    """Where the scanner listens: a host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""


class ScannerUnavailable(Exception):
    """No verdict: the scanner is down, too slow, or said something else. Nothing is known of the file."""


def parse_address(text: str) -> Address:
    """Return the address of `tcp://host:port` or `unix:///path`. Raises ValueError for anything else."""
    parts = urlsplit(text)
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
        return Address(path=parts.path)
    if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
        return Address(parts.hostname, parts.port)
    raise ValueError("must be tcp://host:port or unix:///path/of/the/socket")


def scan(file: IO[bytes], address: Address, *, seconds: float) -> str:
    """Have an open file scanned from its beginning; return the name of what was found, "" when it is clean.

    Raises ScannerUnavailable when there is no verdict within `seconds`. OSError when the file cannot be read.
    """
    deadline = time.monotonic() + seconds
    file.seek(0)
    with _Connection(address, deadline) as scanner:
        scanner.send(b"zINSTREAM\0")
        while chunk := file.read(CHUNK):
            if not scanner.send(struct.pack(">I", len(chunk)) + chunk):
                break  # it has said why, or hung up
        scanner.send(struct.pack(">I", 0))
        return _verdict(scanner.answer())


def _verdict(answer: str) -> str:
    # Compared exactly: any other answer does not mean "clean".
    if answer == "stream: OK":
        return ""
    if found := _FOUND.fullmatch(answer):
        return found["name"]
    raise ScannerUnavailable(f"the scanner answered {answer[:200]!r}")


class _Connection:
    """A connection every step of which ends by the same deadline."""

    def __init__(self, address: Address, deadline: float) -> None:
        self.deadline = deadline
        try:
            self.socket = self._connect(address)
        except OSError as error:
            raise ScannerUnavailable(f"the scanner cannot be reached: {error}") from error

    def _connect(self, address: Address) -> socket.socket:
        if not address.path:
            return socket.create_connection((address.host, address.port), self._left())
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(self._left())
        try:
            made.connect(address.path)
        except OSError:
            made.close()
            raise
        return made

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise ScannerUnavailable("the scanner took too long")
        return left

    def send(self, data: bytes) -> bool:
        """Send all of it; False when the scanner does not listen any more."""
        try:
            self.socket.settimeout(self._left())
            self.socket.sendall(data)
        except TimeoutError as error:
            raise ScannerUnavailable("the scanner took too long") from error
        except OSError:
            return False
        return True

    def answer(self) -> str:
        """Read up to the NUL that ends an answer."""
        said = b""
        try:
            while b"\0" not in said and len(said) < MAX_ANSWER:
                self.socket.settimeout(self._left())
                if not (more := self.socket.recv(MAX_ANSWER)):
                    raise ScannerUnavailable("the scanner hung up without a verdict")
                said += more
        except OSError as error:
            raise ScannerUnavailable(f"the scanner did not answer: {error}") from error
        return said.split(b"\0")[0].decode("utf-8", "replace").strip()

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
