"""How a stand-in of socketserver's kind runs: in a thread of the test, for as long as a `with` block."""

import threading
from socketserver import BaseServer
from typing import Self


class InThread(BaseServer):
    """Mixed into a server, makes it serve inside `with`. `stopping` is set when the block is left."""

    def __init__(self, *args: object, **more: object) -> None:
        self.stopping = threading.Event()
        super().__init__(*args, **more)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
