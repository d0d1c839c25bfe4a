"""WeCom's API for the self-built app, on a real HTTP server: token, messages, cards, media."""

from typing import Any

from tests.support.hostile import Received, Response, ScriptedServer, answer, http_answer


class App(ScriptedServer):
    """Takes what the app sends; `invalid` are accounts WeCom cannot deliver to, `script` what it says next,
    `media` the files it has."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.invalid: set[str] = set()
        self.script: list[dict[str, Any]] = []
        self.media: dict[str, bytes] = {}
        self.token: dict[str, Any] = {"access_token": "token-of-app", "expires_in": 7200}
        super().__init__(self._answer)

    def _answer(self, request: Received) -> Response:
        if request.path.endswith("/gettoken"):
            return answer(**self.token)
        if request.path.endswith("/agent/get") and not request.query.get("access_token"):
            return answer(41001, "access_token missing")
        if self.script:
            return answer(**self.script.pop(0))
        if request.path.endswith("/agent/get"):
            return answer(agentid=1000002, name="佳忆顾问", close=0)
        if request.path.endswith("/media/get"):
            found = self.media.get(request.query["media_id"])
            return http_answer(200, found, "application/octet-stream") if found else answer(40007, "invalid media_id")
        if request.path.endswith("/update_template_card"):
            self.updates.append(request.json)
            return answer()
        self.messages.append(request.json)
        to = str(request.json["touser"])
        invalid = to.lower() if to in self.invalid else ""
        return answer(msgid=f"m{len(self.messages)}", invaliduser=invalid, response_code=f"code{len(self.messages)}")
