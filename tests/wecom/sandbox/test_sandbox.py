"""The stand-in for WeCom: what it refuses, what it shows, and that it calls back as WeCom does."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
import xmltodict  # type: ignore[import-untyped]
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from wechatpy.enterprise.crypto import WeChatCrypto

from advisors.actions import bind_wecom_account
from cases.files.uploads import read_upload
from tests.support.people import World
from tests.support.standin import InThread
from tests.support.threads import at_once
from wecom.sandbox import callback
from wecom.sandbox.models import SandboxMessage

pytestmark = pytest.mark.django_db

AES_KEY = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPA"
CORP, AGENT = "wwdemo0000000000", 1000002
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _configured(settings: Settings) -> None:
    settings.SITE_URL = "http://127.0.0.1:8731"
    settings.WECHAT_WEBHOOK_URL = f"{settings.SITE_URL}/sandbox/cgi-bin/webhook/send?key=demo"
    settings.WECHAT_API_BASE_URL = f"{settings.SITE_URL}/sandbox"
    settings.WECHAT_CORP_ID, settings.WECHAT_AGENT_ID = CORP, str(AGENT)
    settings.WECHAT_CALLBACK_TOKEN, settings.WECHAT_ENCODING_AES_KEY = "demotoken", AES_KEY
    settings.WECHAT_APP_SECRET, settings.WECHAT_APP_NAME = "demosecret", "佳忆顾问"


def to_group(client: Client, payload: Json | str, key: str = "demo") -> int:
    body = payload if isinstance(payload, str) else json.dumps(payload)
    answer = client.post(f"/sandbox/cgi-bin/webhook/send?key={key}", body, content_type="application/json")
    assert answer.status_code == 200  # WeCom says no by errcode only
    return answer.json()["errcode"]


def text(content: Any = "有新会员注册", **more: Any) -> Json:
    return {"msgtype": "text", "text": {"content": content, **more}}


def chat(client: Client, conversation: str = "group", since: int = 0) -> list[Json]:
    lines = client.get(f"/sandbox/state/?since={since}").json()["messages"]
    return [line for line in lines if line["conversation"] == conversation]


def words(line: Json) -> str:
    return "".join(part["text"] for part in line["parts"])


# The page ------------------------------------------------------------------------------------------------


def test_the_page_shows_the_group_and_the_app(client: Client, world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    page = client.get("/sandbox/").content.decode()
    assert "群（机器人只能写入）" in page
    assert "应用会话（顾问在这里回复）" in page
    assert '<option value="LiMing">李明 LiMing</option>' in page
    assert '<option value="WangFang">王芳 WangFang (未绑定)</option>' in page


@pytest.mark.parametrize("debug", [True, False])
def test_every_page_says_that_this_is_a_trial_run(client: Client, settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    assert ("sandbox-strip" in client.get("/").content.decode()) is debug


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/sandbox/"),
        ("get", "/sandbox/state/"),
        ("post", "/sandbox/api/say/"),
        ("post", "/sandbox/api/event/"),
        ("get", "/sandbox/image.png"),
        ("post", "/sandbox/cgi-bin/webhook/send?key=demo"),
        ("get", "/sandbox/cgi-bin/gettoken"),
        ("post", "/sandbox/cgi-bin/message/send"),
        ("post", "/sandbox/cgi-bin/message/update_template_card"),
        ("get", "/sandbox/cgi-bin/media/get"),
    ],
)
@pytest.mark.parametrize(
    "origin",
    [
        {"REMOTE_ADDR": "203.0.113.7"},
        {"REMOTE_ADDR": "192.168.1.20"},
        {"REMOTE_ADDR": "::ffff:203.0.113.7"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"},
    ],
)
def test_nobody_from_elsewhere_gets_in(client: Client, method: str, path: str, origin: dict[str, str]) -> None:
    assert getattr(client, method)(path, **origin).status_code == 404
    assert not SandboxMessage.objects.exists()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_gets_in(client: Client, address: str) -> None:
    assert client.get("/sandbox/", REMOTE_ADDR=address).status_code == 200


def test_what_the_page_posts_needs_a_csrf_token_and_what_wecom_takes_does_not() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/sandbox/api/say/", {}, content_type="application/json").status_code == 403
    assert client.post("/sandbox/api/event/", {}, content_type="application/json").status_code == 403
    assert to_group(client, text()) == 0


# The robot -----------------------------------------------------------------------------------------------


def test_what_the_robot_posts_stands_in_the_group(client: Client, world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    content = "会员 王* 来信，见 http://127.0.0.1:8731/messages/1001/。"
    assert to_group(client, text(content, mentioned_list=["liming", "@all"])) == 0
    (line,) = chat(client)
    assert line["author"] == "robot"
    assert words(line) == f"{content} @李明 @所有人"
    assert {"text": " @李明", "style": "mention"} in line["parts"]
    address = "http://127.0.0.1:8731/messages/1001/"
    assert {"text": address, "href": address} in line["parts"]


def test_a_mention_of_nobody_succeeds_and_reminds_nobody(client: Client) -> None:
    assert to_group(client, text("来信", mentioned_list=["ghost"])) == 0
    (line,) = chat(client)
    assert words(line) == "来信"
    assert "ghost" in line["note"]


@pytest.mark.parametrize(
    ("payload", "errcode"),
    [
        ("{not json", 40008),
        ("[]", 40008),
        ({"msg_type": "text"}, 40008),
        ({"msgtype": "telegram"}, 40008),
        ({"msgtype": ["text"]}, 40008),
        ({"msgtype": "\ud800"}, 40008),
        ({"msgtype": "text"}, 44004),
        (text(""), 44004),
        (text(7), 40058),
        (text("a" * 2049), 40058),
        (text("字" * 683), 40058),
        ({"msgtype": "markdown", "markdown": {"content": "字" * 1366}}, 40058),
        (text(mentioned_list="LiMing"), 40035),
        (text(mentioned_list=[1]), 40035),
        ({"msgtype": "template_card", "template_card": {"card_type": "button_interaction"}}, 42031),
        ({"msgtype": "template_card", "template_card": {"card_type": []}}, 42031),
        ({"msgtype": "file", "file": {"media_id": "x"}}, 40007),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "image", "image": {"base64": "YQ==", "md5": "0"}}, 301019),
    ],
)
def test_what_wecom_would_refuse_is_refused_and_shown_as_such(
    client: Client, payload: Json | str, errcode: int
) -> None:
    assert to_group(client, payload) == errcode
    (line,) = chat(client)
    assert (line["author"], line["tone"], line["errcode"]) == ("sandbox", "bad", errcode)
    assert str(errcode) in words(line)


@pytest.mark.parametrize(
    "payload",
    [
        text("a" * 2048),
        text("字" * 682 + "ab"),
        text("正文\x00", mentioned_list=None),
        {"msgtype": "markdown", "markdown": {"content": "字" * 1365}},
        {
            "msgtype": "template_card",
            "template_card": {
                "card_type": "text_notice",
                "main_title": {"title": "案件"},
                "card_action": {"type": 1, "url": "http://127.0.0.1:8731/"},
            },
        },
    ],
)
def test_what_wecom_takes_is_taken(client: Client, payload: Json) -> None:
    assert to_group(client, payload) == 0


@pytest.mark.parametrize("key", ["", "Demo", "demo%20", "字"])
def test_a_wrong_key_posts_nothing(client: Client, key: str) -> None:
    assert to_group(client, text(), key=key) == 93000
    assert [line["author"] for line in chat(client)] == ["sandbox"]


def test_without_a_robot_every_key_is_wrong(client: Client, settings: Settings) -> None:
    settings.WECHAT_WEBHOOK_URL = ""
    assert to_group(client, text(), key="") == 93000


def test_a_get_to_the_robot_is_refused(client: Client) -> None:
    assert client.get("/sandbox/cgi-bin/webhook/send?key=demo").json()["errcode"] == 43002


def test_the_21st_message_of_a_minute_is_refused_and_gone(client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [to_group(client, text()) for _ in range(21)] == [0] * 20 + [45009]
        clock.shift(timedelta(seconds=59))
        assert to_group(client, text()) == 45009
        clock.shift(timedelta(seconds=2))
        assert to_group(client, text()) == 0
    assert sum(line["errcode"] == 0 for line in chat(client)) == 21


def test_refused_messages_do_not_count(client: Client) -> None:
    assert [to_group(client, text("")) for _ in range(25)] == [44004] * 25
    assert to_group(client, text()) == 0


def test_markdown_and_its_mention_are_shown(client: Client) -> None:
    content = '# 汇总\n> **3** 个案件\n<font color="warning">久等</font> [列表](http://127.0.0.1/) <@WangFang>'
    assert to_group(client, {"msgtype": "markdown", "markdown": {"content": content}}) == 0
    (line,) = chat(client)
    styles = {part["text"]: part.get("style", part.get("href", "")) for part in line["parts"]}
    assert styles["汇总"] == "heading"
    assert styles["3"] == "bold"
    assert styles["久等"] == "warning"
    assert styles["列表"] == "http://127.0.0.1/"
    assert styles["@王芳"] == "mention"


def test_a_link_of_another_kind_is_no_link(client: Client) -> None:
    to_group(client, text('<a href="javascript:alert(1)">x</a> javascript:alert(1)'))
    assert all("href" not in part for part in chat(client)[0]["parts"])


def test_only_the_newest_500_lines_are_kept(client: Client) -> None:
    old = timezone.now() - timedelta(hours=1)
    rows = [SandboxMessage(author="robot", kind="text", errcode=0, created_at=old) for _ in range(520)]
    SandboxMessage.objects.bulk_create(rows)
    assert to_group(client, text()) == 0
    assert SandboxMessage.objects.count() == 500


def test_the_page_is_told_only_what_is_new_and_when_to_start_again(client: Client) -> None:
    to_group(client, text("一"))
    first = chat(client)[0]["id"]
    to_group(client, text("二"))
    assert [words(line) for line in chat(client, since=first)] == ["二"]
    again = client.get(f"/sandbox/state/?since={first + 1000}").json()
    assert again["reset"] is True
    assert [words(line) for line in again["messages"]] == ["一", "二"]


# The app -------------------------------------------------------------------------------------------------


def token(client: Client) -> str:
    answer = client.get("/sandbox/cgi-bin/gettoken", {"corpid": CORP, "corpsecret": "demosecret"}).json()
    assert (answer["errcode"], answer["expires_in"]) == (0, 7200)
    return answer["access_token"]


def api(client: Client, path: str, payload: Json, access_token: str | None = None) -> Json:
    url = f"/sandbox/cgi-bin/message/{path}?access_token={access_token or token(client)}"
    answer = client.post(url, payload, content_type="application/json")
    assert answer.status_code == 200
    return answer.json()


def to_member(touser: str = "WangFang", content: str = "您好", **more: Any) -> Json:
    return {"touser": touser, "msgtype": "text", "agentid": AGENT, "text": {"content": content}, **more}


def card(task_id: str = "task-1", touser: str = "WangFang", **more: Any) -> Json:
    buttons = [{"text": "回复此案件", "key": "reply:1001"}, {"text": "稍后", "key": "later"}]
    shape = {"card_type": "button_interaction", "main_title": {"title": "案件 #1001"}, "button_list": buttons}
    section = {**shape, "task_id": task_id, **more}
    return {"touser": touser, "msgtype": "template_card", "agentid": AGENT, "template_card": section}


@pytest.mark.parametrize(
    ("corp", "secret", "errcode"), [(CORP, "wrong", 40001), (CORP, "", 40001), ("wwother", "demosecret", 40013)]
)
def test_a_wrong_secret_gets_no_token(client: Client, corp: str, secret: str, errcode: int) -> None:
    answer = client.get("/sandbox/cgi-bin/gettoken", {"corpid": corp, "corpsecret": secret}).json()
    assert answer["errcode"] == errcode
    assert "access_token" not in answer


def test_without_a_secret_there_is_no_token(client: Client, settings: Settings) -> None:
    settings.WECHAT_APP_SECRET = ""
    answer = client.get("/sandbox/cgi-bin/gettoken", {"corpid": CORP, "corpsecret": ""}).json()
    assert answer["errcode"] == 40001


@pytest.mark.parametrize(("bad", "errcode"), [(" ", 40014), ("x", 40014), ("1783000000-00", 40014)])
def test_a_wrong_token_sends_nothing(client: Client, bad: str, errcode: int) -> None:
    assert api(client, "send", to_member(), bad)["errcode"] == errcode
    assert chat(client, "app") == []


def test_a_token_expires_after_two_hours(client: Client) -> None:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as clock:
        good = token(client)
        clock.shift(timedelta(hours=2))
        assert api(client, "send", to_member(), good)["errcode"] == 0
        clock.shift(timedelta(seconds=1))
        assert api(client, "send", to_member(), good)["errcode"] == 42001


def test_a_changed_secret_ends_its_tokens(client: Client, settings: Settings) -> None:
    good = token(client)
    settings.WECHAT_APP_SECRET = "another"
    assert api(client, "send", to_member(), good)["errcode"] == 40014


def test_a_message_reaches_a_member_in_any_spelling(client: Client, world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    answer = api(client, "send", to_member("LIMING|Ghost|wangfang"))
    assert (answer["errcode"], answer["invaliduser"]) == (0, "ghost")
    assert [(line["userid"], words(line)) for line in chat(client, "app")] == [("LiMing", "您好"), ("WangFang", "您好")]


@pytest.mark.parametrize(
    ("payload", "errcode"),
    [
        (to_member("ghost"), 81013),
        (to_member(""), 82001),
        (to_member("", toparty="1"), 81013),
        (to_member(agentid=1), 40056),
        ({"touser": "WangFang", "msgtype": "text", "text": {"content": "x"}}, 41011),
        (to_member(msgtype="hologram"), 40008),
        (to_member(content=""), 44004),
        (card(task_id=""), 42014),
        (card(task_id="有字"), 42014),
        (card(button_list=[]), 42038),
        (card(button_list=[{"text": "a", "key": "k"}, {"text": "b", "key": "k"}]), 42039),
        (card(main_title={}), 42033),
    ],
)
def test_what_the_app_may_not_send(client: Client, payload: Json, errcode: int) -> None:
    assert api(client, "send", payload)["errcode"] == errcode
    assert chat(client, "app") == []


def test_a_text_too_long_for_the_app_is_cut_without_an_error(client: Client) -> None:
    assert api(client, "send", to_member(content="字" * 700))["errcode"] == 0
    assert words(chat(client, "app")[0]) == "字" * 682


def test_the_31st_message_to_a_member_is_dropped_without_an_error(client: Client) -> None:
    good = token(client)
    assert {api(client, "send", to_member(content=str(n)), good)["errcode"] for n in range(31)} == {0}
    assert [line["kind"] for line in chat(client, "app")] == ["text"] * 30 + ["dropped"]


def test_a_repetition_within_the_duplicate_check_is_not_shown_again(client: Client) -> None:
    once = to_member(enable_duplicate_check=1, duplicate_check_interval=600)
    answers = [api(client, "send", once) for _ in range(2)]
    assert answers[0]["msgid"] == answers[1]["msgid"]
    assert len(chat(client, "app")) == 1
    api(client, "send", to_member())
    assert len(chat(client, "app")) == 2


def test_a_task_id_is_good_for_one_card(client: Client) -> None:
    assert api(client, "send", card())["errcode"] == 0
    assert api(client, "send", card())["errcode"] == 42014
    assert api(client, "send", card("task-2"))["errcode"] == 0


def test_a_card_is_changed_once_with_each_response_code(client: Client) -> None:
    code = api(client, "send", card())["response_code"]
    change = {"userids": ["wangfang"], "agentid": AGENT, "response_code": code, "button": {"replace_name": "已选"}}
    assert api(client, "update_template_card", {**change, "response_code": "other"})["errcode"] == 60140
    assert api(client, "update_template_card", {**change, "userids": ["LiMing"]})["errcode"] == 82102
    assert api(client, "update_template_card", {**change, "userids": []})["errcode"] == 82101
    assert api(client, "update_template_card", change)["errcode"] == 0
    assert api(client, "update_template_card", change)["errcode"] == 60140
    sent, update = chat(client, "app")
    assert [button["text"] for button in sent["card"]["buttons"]] == ["回复此案件", "稍后"]
    assert (update["handle"], update["update"]) == ("task-1", {"replace_name": "已选"})


# The callback --------------------------------------------------------------------------------------------


class Site:
    """A site in its simplest form, which reads WeCom with a library that is not ours."""

    def __init__(self) -> None:
        self.crypto = WeChatCrypto("demotoken", AES_KEY, CORP)
        self.messages: list[Json] = []
        self.answer: Callable[[Json], bytes | None] = lambda message: b""
        self.port = 0
        self.seconds_between_bytes = 0.0
        self.whole_answers = 0

    def read(self, query: dict[str, str], body: bytes) -> Json:
        signed = (query["msg_signature"], query["timestamp"], query["nonce"])
        return xmltodict.parse(self.crypto.decrypt_message(body.decode(), *signed))["xml"]

    def passive(self, content: str, *, to: str = "LiMing", sender: str = CORP) -> bytes:
        fields = {"ToUserName": to, "FromUserName": sender, "CreateTime": 1, "MsgType": "text", "Content": content}
        plain = xmltodict.unparse({"xml": fields}, full_document=False)
        return self.crypto.encrypt_message(plain, "17", str(int(time.time()))).encode()


@contextmanager
def serving(site: Site) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                message = site.read(query, body)
            except Exception:
                self._say(b"invalid request", 400)
                return
            site.messages.append(message)
            answer = site.answer(message)
            if answer is not None:
                self._say(answer)

        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            signed = (query["msg_signature"], query["timestamp"], query["nonce"])
            self._say(site.crypto.check_signature(*signed, query["echostr"]).encode())

        def _say(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # the other side may have given up
                for n in range(len(body)):
                    self.wfile.write(body[n : n + 1])
                    time.sleep(site.seconds_between_bytes)
                site.whole_answers += 1

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Threaded(InThread, ThreadingHTTPServer):
        pass

    with Threaded(("127.0.0.1", 0), Handler) as server:
        site.port = server.server_port
        yield


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    one = Site()
    with serving(one):
        settings.SITE_URL = f"http://127.0.0.1:{one.port}"
        yield one


def post(client: Client, path: str, **payload: Any) -> Any:
    return client.post(f"/sandbox/api/{path}/", payload, content_type="application/json")


def say(client: Client, content: str = "您好", userid: str = "LiMing") -> Json:
    answer = post(client, "say", userid=userid, text=content)
    assert answer.status_code == 200, answer.content
    return answer.json()


def act(client: Client, event: str, userid: str = "LiMing", **more: Any) -> Json:
    answer = post(client, "event", userid=userid, event=event, **more)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_what_a_colleague_writes_reaches_the_site_encrypted_and_its_receipt_is_shown(
    client: Client, site: Site
) -> None:
    site.answer = lambda message: site.passive(f"已发送：{message['Content']}")
    outcome = say(client, "#1001 ]]> <您好> &amp;")
    assert (outcome["status"], outcome["reply"]) == (200, "已发送：#1001 ]]> <您好> &amp;")
    (message,) = site.messages
    assert (message["ToUserName"], message["FromUserName"]) == (CORP, "LiMing")
    assert (message["MsgType"], message["AgentID"], message["Content"]) == (
        "text",
        str(AGENT),
        "#1001 ]]> <您好> &amp;",
    )
    assert 0 < int(message["MsgId"]) < 2**63
    mine, reply = chat(client, "app")
    assert (mine["author"], mine["userid"], words(mine)) == ("colleague", "LiMing", "#1001 ]]> <您好> &amp;")
    assert (reply["author"], words(reply)) == ("app", "已发送：#1001 ]]> <您好> &amp;")
    assert f"{outcome['ms']} ms" in reply["note"]


def test_an_empty_answer_is_no_reply(client: Client, site: Site) -> None:
    assert say(client)["reply"] == ""
    assert [(line["author"], line["tone"]) for line in chat(client, "app")] == [("colleague", ""), ("sandbox", "")]


@pytest.mark.parametrize(
    "answer",
    [
        lambda site: b"success",
        lambda site: site.passive("x").replace(b"<MsgSignature><![CDATA[", b"<MsgSignature><![CDATA[0"),
        lambda site: site.passive("x", to="ZhangWei"),
        lambda site: site.passive("x", sender="wwother"),
    ],
)
def test_a_reply_wecom_would_not_show_is_shown_as_a_mistake(
    client: Client, site: Site, answer: Callable[[Site], bytes]
) -> None:
    site.answer = lambda message: answer(site)
    outcome = say(client)
    assert (outcome["reply"], outcome["status"]) == ("", 200)
    assert outcome["problem"].startswith("reply: ")
    assert [line["tone"] for line in chat(client, "app")] == ["", "bad"]


def test_a_message_without_an_answer_is_delivered_again_with_the_same_id(client: Client, site: Site) -> None:
    site.answer = lambda message: None if len(site.messages) < 3 else b""
    assert say(client)["deliveries"] == 3
    assert len(site.messages) == 3
    assert len({message["MsgId"] for message in site.messages}) == 1


def test_wecom_gives_up_after_three_more_deliveries(client: Client, site: Site) -> None:
    site.answer = lambda message: None
    outcome = say(client)
    assert (outcome["status"], outcome["deliveries"], len(site.messages)) == (None, 4, 4)
    assert chat(client, "app")[-1]["tone"] == "bad"


def test_an_answer_that_drips_is_cut_off(client: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each byte comes in time for the socket, the whole does not.
    monkeypatch.setattr(callback, "SECONDS", 0.3)
    site.answer, site.seconds_between_bytes = (lambda message: b"x" * 10), 0.1
    outcome = say(client)
    assert (outcome["status"], outcome["problem"], outcome["deliveries"]) == (None, "timeout", 4)
    assert site.whole_answers == 0


def test_a_refusal_is_shown_and_not_repeated(client: Client, site: Site) -> None:
    outcome = act(client, "forged")
    assert (outcome["status"], outcome["problem"], outcome["body"]) == (400, "refused", "invalid request")
    assert site.messages == []
    shown = chat(client, "app")[-1]
    assert shown["tone"] == "bad"
    assert "HTTP 400" in words(shown)
    assert "invalid request" in words(shown)


def test_sending_the_last_one_again_sends_the_same_message(client: Client, site: Site) -> None:
    say(client, "一")
    say(client, "二", userid="ZhangWei")
    act(client, "resend")
    assert [message["Content"] for message in site.messages] == ["一", "二", "一"]
    assert site.messages[0] == site.messages[2]


def test_there_must_be_something_to_send_again(client: Client, site: Site) -> None:
    assert post(client, "event", userid="LiMing", event="resend").status_code == 409


def test_the_callback_url_is_verified_by_its_echo(client: Client, site: Site) -> None:
    outcome = act(client, "verify")
    assert (outcome["status"], outcome["problem"], len(outcome["reply"])) == (200, "", 19)
    site.crypto = WeChatCrypto("demotoken", AES_KEY, CORP)
    site.crypto.check_signature = lambda *values: "something else"
    assert act(client, "verify")["problem"] == "echo"


@pytest.mark.parametrize(
    ("event", "kind", "field"),
    [
        ("image", "image", "PicUrl"),
        ("voice", "voice", "Format"),
        ("video", "video", "ThumbMediaId"),
        ("file", "file", "FileName"),
        ("location", "location", "Label"),
        ("link", "link", "Url"),
        ("unknown", "hologram", "HologramId"),
    ],
)
def test_other_kinds_are_well_formed(client: Client, site: Site, event: str, kind: str, field: str) -> None:
    act(client, event)
    (message,) = site.messages
    assert message["MsgType"] == kind
    assert message[field]
    assert message["MsgId"]


def test_entering_the_app_is_an_event_without_an_id(client: Client, site: Site) -> None:
    act(client, "enter_agent")
    (message,) = site.messages
    assert (message["MsgType"], message["Event"], message["EventKey"]) == ("event", "enter_agent", None)
    assert "MsgId" not in message


@pytest.mark.parametrize(
    ("kind", "content_type", "start"),
    [("image", "image/png", b"\x89PNG"), ("voice", "audio/amr", b"#!AMR"), ("file", "text/plain", b"")],
)
def test_what_a_colleague_sent_can_be_fetched(
    client: Client, site: Site, kind: str, content_type: str, start: bytes
) -> None:
    act(client, kind)
    asked = {"access_token": token(client), "media_id": site.messages[0]["MediaId"]}
    answer = client.get("/sandbox/cgi-bin/media/get", asked)
    assert answer["Content-Type"] == content_type
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer.content.startswith(start)
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1), tick=False):
        late = client.get("/sandbox/cgi-bin/media/get", {**asked, "access_token": token(client)})
    assert late.json()["errcode"] == 40007


@pytest.mark.parametrize(
    ("kind", "taken_as"), [("image", "image"), ("voice", "file"), ("video", "video"), ("file", "file")]
)
def test_the_site_takes_what_a_colleague_sent_for_what_it_is(
    client: Client, site: Site, kind: str, taken_as: str
) -> None:
    act(client, kind)
    asked = {"access_token": token(client), "media_id": site.messages[0]["MediaId"]}
    answer = client.get("/sandbox/cgi-bin/media/get", asked)
    name = answer["Content-Disposition"].partition('filename="')[2].rstrip('"')
    assert read_upload(BytesIO(answer.content), name).kind == taken_as


def test_nobody_sent_that_medium(client: Client) -> None:
    answer = client.get("/sandbox/cgi-bin/media/get", {"access_token": token(client), "media_id": ""})
    assert answer.json()["errcode"] == 40007


def test_a_pressed_button_calls_back_with_a_code_that_changes_the_card(client: Client, site: Site) -> None:
    api(client, "send", card())
    sent = chat(client, "app")[0]["id"]
    act(client, "press", userid="wangfang", message=sent, key="reply:1001")
    (event,) = site.messages
    assert (event["Event"], event["EventKey"]) == ("template_card_event", "reply:1001")
    assert (event["TaskId"], event["CardType"]) == ("task-1", "button_interaction")
    change = {"userids": ["WangFang"], "agentid": AGENT, "button": {"replace_name": "已选"}}
    assert api(client, "update_template_card", {**change, "response_code": event["ResponseCode"]})["errcode"] == 0
    assert api(client, "update_template_card", {**change, "response_code": event["ResponseCode"]})["errcode"] == 60140


def test_only_a_button_of_ones_own_card_can_be_pressed(client: Client, site: Site) -> None:
    api(client, "send", card())
    sent = chat(client, "app")[0]["id"]
    for userid, message, key in [
        ("WangFang", sent, "else"),
        ("LiMing", sent, "later"),
        ("WangFang", sent + 1, "later"),
    ]:
        answer = post(client, "event", userid=userid, event="press", message=message, key=key)
        assert answer.status_code == 404
    assert site.messages == []


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("say", {"userid": "LiMing", "text": " "}),
        ("say", {"userid": "LiMing", "text": 1}),
        ("say", {"userid": "李明", "text": "您好"}),
        ("say", {"userid": "", "text": "您好"}),
        ("say", {"text": "您好"}),
        ("say", {"userid": "LiMing", "text": "字" * 10_001}),
        ("event", {"userid": "LiMing", "event": "explode"}),
        ("event", {"userid": "LiMing", "event": "press", "message": "1", "key": "k"}),
        ("event", {"userid": "LiMing"}),
    ],
)
def test_nonsense_is_refused_with_a_reason(client: Client, site: Site, path: str, payload: Json) -> None:
    answer = post(client, path, **payload)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert site.messages == []
    assert chat(client, "app") == []


def test_without_keys_it_says_so(client: Client, settings: Settings) -> None:
    settings.WECHAT_CALLBACK_TOKEN = ""
    answer = post(client, "say", userid="LiMing", text="您好")
    assert answer.status_code == 400
    assert "token" in answer.json()["detail"]
    assert client.get("/sandbox/").status_code == 200


def test_who_can_write_follows_what_the_admin_binds(client: Client, world: World) -> None:
    def known() -> dict[str, tuple[str, bool]]:
        people = client.get("/sandbox/state/").json()["colleagues"]
        return {one["userid"]: (one["name"], one["bound"]) for one in people}

    assert known()["LiMing"] == ("李明", False)
    bind_wecom_account(world.zhang, "liming")
    assert "LiMing" not in known()
    assert known()["liming"] == ("张伟", True)
    bind_wecom_account(world.zhang, "Zhang.W")
    assert known()["Zhang.W"] == ("张伟", True)
    assert known()["LiMing"] == ("李明", False)


# Several at once -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_25_posts_at_once_20_get_through() -> None:
    answers = at_once(*[lambda: to_group(Client(), text())] * 25)
    assert sorted(answers) == [0] * 20 + [45009] * 5


@pytest.mark.django_db(transaction=True)
def test_the_site_can_write_while_it_is_called(client: Client, site: Site) -> None:
    def write(message: Json) -> bytes:
        SandboxMessage.objects.create(author="sandbox", kind="event", text="written meanwhile")
        connection.close()
        return b""

    site.answer = write
    assert say(client)["deliveries"] == 1
    assert [words(line) for line in chat(client) if line["kind"] == "event"] == ["written meanwhile"]


@pytest.mark.django_db(transaction=True)
def test_one_thread_of_the_server_is_always_left_to_answer(client: Client, site: Site, settings: Settings) -> None:
    # Each call is made while the one before waits for its answer, as in a server whose threads all wait.
    statuses: list[int] = []

    def call_again(message: Json) -> bytes:
        statuses.append(post(Client(), "say", userid="LiMing", text="again").status_code)
        connection.close()
        return b""

    site.answer = call_again
    assert say(client)["status"] == 200
    assert sorted(statuses) == [200] * (settings.WEB_THREADS - 2) + [409]
