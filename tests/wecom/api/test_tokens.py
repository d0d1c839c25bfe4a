"""The app's access token: one for all processes, refreshed once, never asked for with a refused secret."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings

from tests.support.hostile import Received, Response, ScriptedServer, answer
from wecom.api.client import WeComError, send_to_member
from wecom.api.tokens import app_token, with_token

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


class Api(ScriptedServer):
    """WeCom's API. Unless told otherwise it gives the tokens t1, t2, … and takes any."""

    def __init__(self) -> None:
        self.given = 0
        super().__init__(self.normal)

    def normal(self, request: Received) -> Response:
        if not request.path.endswith("/gettoken"):
            return answer(msgid="m")
        self.given += 1
        return answer(access_token=f"t{self.given}", expires_in=7200)


@pytest.fixture
def wecom(settings: Settings) -> Iterator[Api]:
    with Api() as server:
        settings.WECHAT_API_BASE_URL = server.url
        settings.WECHAT_APP_SECRET = "the-secret"
        yield server


def asked(server: Api) -> int:
    return len([request for request in server.requests if request.path.endswith("/gettoken")])


def test_one_token_serves_until_shortly_before_it_ends(wecom: Api) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert [app_token(), app_token()] == ["t1", "t1"]
        clock.shift(7200 - 299)
        assert app_token() == "t2"
    assert asked(wecom) == 2


@pytest.mark.django_db(transaction=True)
def test_many_at_once_ask_once(wecom: Api) -> None:
    def one(_number: int) -> str:
        try:
            return app_token()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(one, range(8))) == {"t1"}
    assert asked(wecom) == 1


@pytest.mark.parametrize("errcode", [40014, 42001])
def test_a_refused_token_is_refreshed_once_and_the_call_repeated(wecom: Api, errcode: int) -> None:
    def respond(request: Received) -> Response:
        return answer(errcode) if request.query.get("access_token") == "t1" else wecom.normal(request)

    wecom.play(respond)
    app_token()
    sent = with_token(lambda token: send_to_member(token, {"touser": "LiMing"}))
    assert sent.errcode == 0
    assert asked(wecom) == 2


def test_a_new_token_that_is_refused_too_ends_the_matter(wecom: Api) -> None:
    wecom.play(lambda request: wecom.normal(request) if request.path.endswith("/gettoken") else answer(40014))
    with pytest.raises(WeComError):
        with_token(lambda token: send_to_member(token, {}))
    assert asked(wecom) == 2


def test_a_wrong_secret_is_not_tried_again_until_it_is_changed_or_an_hour_has_passed(
    wecom: Api, settings: Settings
) -> None:
    wecom.play(lambda request: answer(40001, "invalid credential"))
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(5):
            with pytest.raises(WeComError) as refused:
                app_token()
            assert "the-secret" not in str(refused.value)
        assert asked(wecom) == 1
        clock.shift(3601)
        with pytest.raises(WeComError):
            app_token()
        assert asked(wecom) == 2
        settings.WECHAT_APP_SECRET = "the-right-secret"
        wecom.play(wecom.normal)
        assert app_token() == "t1"


def test_a_busy_wecom_is_asked_again_the_next_time(wecom: Api) -> None:
    wecom.play([answer(-1)])
    with pytest.raises(WeComError):
        app_token()
    wecom.play(wecom.normal)
    assert app_token() == "t1"
