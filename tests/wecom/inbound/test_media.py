"""Pictures and voice an advisor sends in WeCom: fetched by the worker, checked, put into the case routed at receipt."""

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from PIL import Image
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor
from cases.models import Case, Message
from tests.support.app import App
from tests.support.clamd import Clamd
from tests.support.clamd import says as says_to_scan
from tests.support.colleague import WeCom
from tests.support.files import PDF
from tests.support.people import World, says
from tests.support.size import whole
from wecom.api import client
from wecom.inbound import media
from wecom.inbound.media import fetch_due_media
from wecom.models import InboundMessage

pytestmark = pytest.mark.django_db

State = InboundMessage.State
# One second of silence: the header and 50 frames that say "nothing" (AMR-NB, 12.2 kbit/s).
AMR = b"#!AMR\n" + (b"\x3c" + b"\x00" * 31) * 50


@pytest.fixture
def app(settings: Settings, clock: time_machine.Traveller, world: World) -> Iterator[App]:
    bind_wecom_account(world.li, "LiMing")
    with App() as server:
        settings.WECHAT_API_BASE_URL = server.url
        settings.WECHAT_APP_SECRET = "the-secret"
        server.media["pic"] = picture()
        yield server


def picture() -> bytes:
    made = BytesIO()
    Image.new("RGB", (80, 60), "green").save(made, "JPEG")
    return made.getvalue()


def sends(world: World, kind: str, media_id: str, case: Case | None = None) -> InboundMessage:
    """李明 chooses a case and sends something into it."""
    wecom = WeCom()
    wecom.say("LiMing", f"#{(case or world.case).number}")
    wecom.send("LiMing", kind, {"MediaId": media_id, "PicUrl": "https://example.com/p", "Format": "amr"})
    return InboundMessage.objects.filter(message_type=kind).latest("pk")


def files(case: Case) -> list[Message]:
    return list(case.messages.filter(kind="file").order_by("seq"))


def test_a_picture_stands_in_the_case_once(world: World, app: App) -> None:
    row = sends(world, "image", "pic")
    assert row.state == State.FETCHING
    assert "正在转发" in row.reply
    assert fetch_due_media() == 1
    assert fetch_due_media() == 0
    (message,) = files(world.case)
    assert (message.sender, message.source) == (world.li.user, "wecom")
    assert message.attachment.content_type == "image/jpeg"
    row.refresh_from_db()
    assert (row.state, row.message) == (State.DELIVERED, message)


def test_what_wecom_sends_is_scanned_like_everything_else(
    world: World, app: App, settings: Settings, clock: time_machine.Traveller
) -> None:
    with Clamd(says_to_scan(b"stream: Bad.Picture FOUND\0")) as scanner:
        settings.CLAMD_URL = scanner.address
        row = sends(world, "image", "pic")
        fetch_due_media()
        (message,) = files(world.case)
        assert scanner.scanned == [app.media["pic"]]
    assert (message.attachment.state, message.attachment.finding) == ("infected", "Bad.Picture")
    row.refresh_from_db()
    assert row.state == State.DELIVERED
    with Clamd(says_to_scan(b"ERROR\0")) as scanner:
        settings.CLAMD_URL = scanner.address
        sends(world, "image", "pic")
        fetch_due_media()
    assert files(world.case)[-1].attachment.state == "waiting"


def test_it_goes_into_the_case_routed_at_receipt(world: World, app: App) -> None:
    sends(world, "image", "pic", world.case)
    WeCom().say("LiMing", f"#{world.other_case.number}")
    fetch_due_media()
    assert len(files(world.case)) == 1
    assert files(world.other_case) == []


def test_a_worker_killed_before_the_mark_writes_it_once(
    world: World, app: App, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends(world, "image", "pic")

    def killed(row: InboundMessage) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(media, "_fetch", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch_due_media()
    assert fetch_due_media() == 0, "leased"
    clock.shift(91)
    fetch_due_media()
    assert len(files(world.case)) == 1


def test_an_advisor_who_lost_the_case_meanwhile_writes_nothing_and_is_told(world: World, app: App) -> None:
    row = sends(world, "image", "pic")
    assign_advisor(world.case, world.zhang, by=world.admin)
    fetch_due_media()
    assert files(world.case) == []
    row.refresh_from_db()
    assert (row.state, row.untold) == (State.HELD, True)
    receipt = WeCom().say("LiMing", "帮助").reply
    assert "图片没有送出" in receipt
    assert "图片没有送出" not in WeCom().say("LiMing", "帮助").reply


def test_media_that_expired_is_held_and_said(world: World, app: App) -> None:
    row = sends(world, "image", "gone")
    fetch_due_media()
    row.refresh_from_db()
    assert row.state == State.HELD
    assert row.reason


@whole
def test_a_busy_wecom_is_asked_again_for_three_days(world: World, app: App, clock: time_machine.Traveller) -> None:
    row = sends(world, "image", "pic")
    app.script = [{"errcode": -1}] * 2
    fetch_due_media()
    clock.shift(40)
    fetch_due_media()
    clock.shift(150)
    fetch_due_media()
    assert len(files(world.case)) == 1
    app.script = [{"errcode": -1}] * 5000
    row = sends(world, "image", "pic")
    for _ in range(200):
        clock.shift(1800)
        fetch_due_media()
    row.refresh_from_db()
    assert row.state == State.HELD


@pytest.mark.parametrize("content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ" + b"\0" * 100])
def test_what_an_upload_may_not_be_does_not_come_in_by_wecom_either(world: World, app: App, content: bytes) -> None:
    app.media["bad"] = content
    row = sends(world, "image", "bad")
    fetch_due_media()
    row.refresh_from_db()
    assert row.state == State.HELD
    assert files(world.case) == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed: voice is offered as a download")
def test_voice_becomes_something_browsers_play(world: World, app: App) -> None:
    app.media["voice"] = AMR
    sends(world, "voice", "voice")
    fetch_due_media()
    (message,) = files(world.case)
    assert message.attachment.kind == "audio"
    assert message.attachment.content_type in {"audio/mp4", "audio/x-m4a"}


def test_without_ffmpeg_voice_is_a_download_and_says_so(
    world: World, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wecom.inbound.media.shutil.which", lambda name: None)
    app.media["voice"] = AMR
    sends(world, "voice", "voice")
    fetch_due_media()
    (message,) = files(world.case)
    assert "下载" in message.body


def test_a_converter_that_fails_leaves_the_original(
    world: World, app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("wecom.inbound.media.shutil.which", lambda name: str(broken))
    app.media["voice"] = AMR
    sends(world, "voice", "voice")
    fetch_due_media()
    assert "下载" in files(world.case)[0].body


def test_in_ask_mode_a_picture_waits_for_the_choice(world: World, app: App, settings: Settings) -> None:
    settings.WECHAT_REPLY_ROUTING = "ask"
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    row = sends(world, "image", "pic")
    assert row.state == State.HELD
    WeCom().say("LiMing", "2")
    fetch_due_media()
    assert len(files(world.other_case)) == 1
    assert files(world.case) == []


def test_a_picture_still_under_way_can_be_taken_back(world: World, app: App) -> None:
    wecom = WeCom()
    wecom.say("LiMing", f"#{world.case.number} 您好")
    row = sends(world, "image", "pic")
    assert "撤回" in row.reply
    assert "已撤回" in wecom.say("LiMing", "撤回").reply
    fetch_due_media()
    assert files(world.case) == []
    assert Message.objects.get(body="您好").recalled_at is None, "the picture was meant, not the text before it"
    row.refresh_from_db()
    assert (row.state, row.reason) == (State.IGNORED, "顾问撤回")


def test_taking_back_a_picture_that_failed_leaves_the_text_before_it(world: World, app: App) -> None:
    wecom = WeCom()
    wecom.say("LiMing", f"#{world.case.number} 您好")
    sends(world, "image", "gone")
    fetch_due_media()
    assert "没有可以撤回" in wecom.say("LiMing", "撤回").reply
    assert Message.objects.get(body="您好").recalled_at is None


def test_a_picture_taken_back_while_it_is_fetched_does_not_appear(
    world: World, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends(world, "image", "pic")

    def slowly(*given: Any) -> client.Media:
        WeCom().say("LiMing", "撤回")
        return client.fetch_media(*given)

    monkeypatch.setattr(media, "fetch_media", slowly)
    fetch_due_media()
    assert files(world.case) == []


def test_a_picture_already_in_the_case_is_recalled_there(world: World, app: App) -> None:
    sends(world, "image", "pic")
    fetch_due_media()
    WeCom().say("LiMing", "撤回")
    assert files(world.case)[0].recalled_at is not None


def test_failures_are_told_as_far_as_a_receipt_holds_them_and_the_rest_with_the_next(world: World, app: App) -> None:
    for _ in range(40):
        sends(world, "image", "gone")
    fetch_due_media()
    told = 0
    for _ in range(10):
        reply = WeCom().say("LiMing", "帮助").reply
        assert len(reply.encode()) <= 2048
        told += reply.count("图片没有送出")
    assert told == 40


def test_a_file_name_from_wecom_holds_nothing_that_turns_or_hides(
    world: World, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = client.Media(PDF, "application/pdf", "护照\u202efdp\u2066\u200b\u3164.pdf")
    monkeypatch.setattr(media, "fetch_media", lambda *asked: named)
    sends(world, "file", "any")
    assert fetch_due_media() == 1
    (message,) = files(world.case)
    assert (message.attachment.name, message.body) == ("护照fdp.pdf", "护照fdp.pdf")
