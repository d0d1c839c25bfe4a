"""A real HTTP server in the place of WeCom's group robot."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Robot:
    """Answers `ok`, or what `script` says next; keeps what it accepted in `texts` and `payloads`."""

    def __init__(self) -> None:
        self.script: list[dict[str, Any]] = []
        self.payloads: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        robot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                robot.requests.append(body)
                answer = robot.script.pop(0) if robot.script else {"errcode": 0, "errmsg": "ok"}
                if answer["errcode"] == 0:
                    robot.payloads.append(body)
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/cgi-bin/webhook/send?key=test-robot-key"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    @property
    def texts(self) -> list[str]:
        return [payload["text"]["content"] for payload in self.payloads]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
