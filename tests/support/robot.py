"""The group robot for tests that are about our side: a real HTTP server that says ok, or what it is told to."""

from typing import Any

from tests.support.hostile import Received, Response, ScriptedServer, answer


class Robot(ScriptedServer):
    """Answers `ok`, or what `script` says next; what it accepted is in `payloads` and `texts`."""

    def __init__(self) -> None:
        self.script: list[dict[str, Any]] = []
        self.payloads: list[dict[str, Any]] = []
        super().__init__(self._answer)

    def _answer(self, received: Received) -> Response:
        said = self.script.pop(0) if self.script else {"errcode": 0}
        if said["errcode"] == 0:
            self.payloads.append(received.json)
        return answer(**said)

    @property
    def texts(self) -> list[str]:
        return [payload["text"]["content"] for payload in self.payloads]
