"""WeCom's group robot in a process of its own: a real HTTP server that answers at once, or accepts and says nothing.

    python -m benchmarks.robot PORT

Reads `answer` or `hang` from standard input, a word a line, and confirms each. Writes one line for each message it
receives: the moment it was complete (time.monotonic(), which on Linux all processes share), a tab, its text as JSON.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scripts.processes import ROOT

HANG = 30.0  # seconds; the worker gives up before
ANSWER = b'{"errcode":0,"errmsg":"ok"}'
_answering = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _say(f"{time.monotonic()!r}\t{json.dumps(json.loads(body)['text']['content'])}")
        _answering.wait(HANG)
        with contextlib.suppress(OSError):  # whoever hung up does not want it any more
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

    def log_message(self, *args: object) -> None:
        pass


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Robot:
    """The robot as its benchmark sees it. `received` holds the moment and the text of each message."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.received: list[tuple[float, str]] = []
        self._process = process
        self._confirmed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            moment, tab, text = line.partition("\t")
            if tab:
                self.received.append((float(moment), json.loads(text)))
            else:
                self._confirmed.set()

    def become(self, mode: str) -> None:
        """Make it `answer` at once or `hang`, from the next message on."""
        assert self._process.stdin is not None
        self._confirmed.clear()
        self._process.stdin.write(f"{mode}\n")
        self._process.stdin.flush()
        if not self._confirmed.wait(10):
            raise SystemExit("the robot does not answer")

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until it has received that many messages; tell whether it has."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(self.received) >= count


@contextlib.contextmanager
def robot(port: int) -> Iterator[Robot]:
    """Run a robot on `port` until the end of the block; it begins by answering."""
    command = [sys.executable, "-m", "benchmarks.robot", str(port)]
    pipes = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipes, stdout=pipes) as process:
        try:
            one = Robot(process)
            one.become("answer")
            yield one
        finally:
            process.terminate()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:  # it ends when whoever started us does
        if line.strip() == "answer":
            _answering.set()
        else:
            _answering.clear()
        _say(line.strip())


if __name__ == "__main__":
    main()
