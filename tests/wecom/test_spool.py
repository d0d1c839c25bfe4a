"""A verified message the database cannot take waits on the disk, and is brought in once."""

from pathlib import Path

import pytest
from django.db import OperationalError
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.models import Message
from tests.people import World
from tests.wecom.colleague import WeCom
from wecom import callback, replies
from wecom.models import InboundMessage
from wecom.spool import bring_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def spool(world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bind_wecom_account(world.li, "LiMing")
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(callback, "close_old_connections", lambda: None)
    monkeypatch.setattr(callback, "ANSWER_WITHIN", 0.2)
    return tmp_path / "spool"


@pytest.mark.parametrize("error", [OperationalError("database is locked"), RuntimeError("a mistake of ours")])
def test_a_message_that_cannot_be_stored_is_answered_and_brought_in_later(
    world: World, spool: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*given: object, **more: object) -> None:
        raise error

    wecom = WeCom()
    with monkeypatch.context() as broken:
        broken.setattr(callback, "receive", fail)
        answer = wecom.say("LiMing", f"#{world.case.number} 您好", msg_id=1)
    assert (answer.status, answer.reply) == (200, replies.PUT_ASIDE)
    assert not Message.objects.filter(source="wecom").exists()
    assert len(list(spool.rglob("*.json"))) == 1
    assert bring_in() == 1
    assert Message.objects.get(source="wecom").body == "您好"
    assert list(spool.rglob("*.json")) == []


def test_wecom_delivering_it_again_meanwhile_does_not_double_it(
    world: World, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **more: object) -> None:
        raise OperationalError("database is locked")

    wecom = WeCom(clock=lambda: 1_795_473_135)
    with monkeypatch.context() as broken:
        broken.setattr(callback, "receive", fail)
        wecom.say("LiMing", f"#{world.case.number} 您好", msg_id=1)
    wecom.say("LiMing", f"#{world.case.number} 您好", msg_id=1)
    bring_in()
    assert Message.objects.filter(source="wecom").count() == 1
    assert InboundMessage.objects.count() == 1


def test_one_that_cannot_be_handled_does_not_hold_up_the_others(
    world: World, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **more: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(callback, "receive", fail)
        WeCom().say("LiMing", f"#{world.case.number} 您好")
    (waiting,) = spool.rglob("*.json")
    (waiting.parent / "0000.json").write_text("half a mess")
    assert bring_in() == 1
    assert Message.objects.filter(source="wecom").count() == 1
    assert len(list(spool.rglob("*.failed"))) == 1, "kept for a person to look at"
    assert bring_in() == 0


def test_only_the_owner_may_read_the_spool(world: World, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object, **more: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(callback, "receive", fail)
        WeCom().say("LiMing", "您好")
    (waiting,) = spool.rglob("*.json")
    assert waiting.parent.stat().st_mode & 0o077 == 0
    assert waiting.stat().st_mode & 0o077 == 0


def test_with_a_full_disk_wecom_is_left_without_an_answer_in_time_rather_than_told_a_lie(
    world: World, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    def fail(*given: object, **more: object) -> None:
        raise OperationalError("database is locked")

    waited: list[float] = []
    monkeypatch.setattr(callback, "receive", fail)
    monkeypatch.setattr(callback, "put_aside", full)
    monkeypatch.setattr("wecom.callback.time.sleep", waited.append)
    answer = WeCom().say("LiMing", "您好")
    assert answer.status == 400
    assert max(waited) >= 5
