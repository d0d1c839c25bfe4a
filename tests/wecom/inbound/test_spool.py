"""A verified message the database cannot take waits on the disk, and is brought in once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import time_machine
from django.db import InterfaceError, InternalError, OperationalError
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, open_case
from cases.models import Case, Message
from tests.support.colleague import WeCom
from tests.support.people import World, says
from wecom.diagnosis.checkup import checkup
from wecom.inbound import callback, receipts
from wecom.inbound.spool import bring_in
from wecom.models import InboundMessage, ReplyMenu, ReplyTarget
from wecom.reply_target import set_target

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


@pytest.fixture
def spool(world: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bind_wecom_account(world.li, "LiMing")
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(callback, "close_old_connections", lambda: None)
    monkeypatch.setattr(callback, "RESPOND_WITHIN", 0.2)
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
    assert (answer.status, answer.reply) == (200, receipts.PUT_ASIDE)
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
    monkeypatch.setattr("wecom.inbound.callback.time.sleep", waited.append)
    answer = WeCom().say("LiMing", "您好")
    assert answer.status == 400
    assert max(waited) >= 5


# In order, and where it belonged ------------------------------------------------------------------------


@contextmanager
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*given: object, **more: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(callback, "receive", fail)
        broken.setattr("wecom.inbound.spool.receive", fail)
        broken.setattr(callback, "RESPOND_WITHIN", 0.02)  # asking again would not help
        yield


def texts(case: Case) -> list[str]:
    return list(case.messages.filter(kind="text").order_by("seq").values_list("body", flat=True))


def test_what_was_put_aside_comes_in_in_the_order_in_which_it_came(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wecom = WeCom()
    wecom.say("LiMing", f"#{world.other_case.number}")
    said = [f"第 {number} 句" for number in range(12)]
    with no_database(monkeypatch):
        for text in (f"#{world.case.number}", *said):
            clock.shift(1)
            wecom.say("LiMing", text)
    clock.shift(30)
    assert bring_in() == 13
    assert texts(world.case) == said, "all after the number that was written first, none before it"
    assert texts(world.other_case) == []
    rows = InboundMessage.objects.filter(late=True).order_by("pk")
    assert [row.received_at for row in rows] == sorted(row.received_at for row in rows)


def test_what_comes_now_does_not_overtake_what_waits(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wecom = WeCom()
    wecom.say("LiMing", f"#{world.other_case.number}")
    with no_database(monkeypatch):
        wecom.say("LiMing", f"#{world.case.number}")
    clock.shift(5)
    assert f"✓ 已发送 → #{world.case.number} 王小明 · 学签续签" in wecom.say("LiMing", "您好，王先生").reply
    assert texts(world.case) == ["您好，王先生"]
    assert texts(world.other_case) == []
    assert list(spool.rglob("*.json")) == []


def test_while_another_brings_in_what_comes_now_waits_behind_it(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wecom = WeCom()
    with no_database(monkeypatch):
        wecom.say("LiMing", f"#{world.case.number}")
    clock.shift(5)
    (waiting,) = spool.rglob("*.json")
    with (waiting.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert bring_in() is None
        assert wecom.say("LiMing", "您好，王先生").reply == receipts.PUT_ASIDE
    assert bring_in() == 2
    assert texts(world.case) == ["您好，王先生"]


def test_a_text_from_before_the_last_notification_goes_into_no_case(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advisor meant the case they had heard of when they wrote, not the one notified since."""
    wecom = WeCom()
    set_target(world.li, world.case)
    clock.shift(10)
    with no_database(monkeypatch):
        wecom.say("LiMing", "您好，王先生")
    clock.shift(10)
    set_target(world.li, world.other_case)
    clock.shift(10)
    bring_in()
    assert texts(world.case) == texts(world.other_case) == []
    assert InboundMessage.objects.get().state == InboundMessage.State.HELD
    assert "12:00 发的消息没有送出" in wecom.say("LiMing", "帮助").reply
    assert "没有送出" not in wecom.say("LiMing", "帮助").reply


def test_a_notification_of_the_same_case_meanwhile_changes_nothing(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_target(world.li, world.case)
    clock.shift(10)
    with no_database(monkeypatch):
        WeCom().say("LiMing", "您好，王先生")
    clock.shift(10)
    set_target(world.li, world.case)
    bring_in()
    assert texts(world.case) == ["您好，王先生"]


def test_a_late_number_does_not_undo_a_later_notification(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_target(world.li, world.lin.cases.get())
    clock.shift(10)
    with no_database(monkeypatch):
        WeCom().say("LiMing", f"#{world.case.number}")
    clock.shift(10)
    third = open_case(world.lin, "三", advisor=world.li)
    set_target(world.li, third)
    bring_in()
    assert ReplyTarget.objects.get().case == third


def test_a_case_handed_over_meanwhile_takes_nothing(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_database(monkeypatch):
        WeCom().say("LiMing", f"#{world.case.number} 您好，王先生")
    assign_advisor(world.case, world.zhang, by=world.admin)
    bring_in()
    assert texts(world.case) == []
    assert InboundMessage.objects.get().state == InboundMessage.State.HELD


def test_in_ask_mode_no_menu_appears_that_nobody_sees(
    world: World, spool: Path, settings: Settings, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WECHAT_REPLY_ROUTING = "ask"
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    wecom = WeCom()
    with no_database(monkeypatch):
        wecom.say("LiMing", "材料收到了")
    clock.shift(5)
    bring_in()
    assert not ReplyMenu.objects.exists()
    wecom.say("LiMing", "1")
    assert "材料收到了" not in texts(world.case) + texts(world.other_case)


def test_the_next_receipt_says_where_it_went(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    wecom = WeCom()
    with no_database(monkeypatch):
        wecom.say("LiMing", f"#{world.case.number} 您好，王先生")
        assert wecom.send("LiMing", "event", {"Event": "enter_agent", "EventKey": ""}).reply == ""
    clock.shift(5)
    bring_in()
    assert "12:00 发的消息：✓ 已发送 → #" in wecom.say("LiMing", "帮助").reply


def test_a_database_that_is_away_spoils_nothing(world: World, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wecom = WeCom()
    with no_database(monkeypatch):
        wecom.say("LiMing", f"#{world.case.number} 您好")
    for error in (InterfaceError("connection already closed"), InternalError("read-only"), OperationalError("away")):

        def fail(*given: object, error: Exception = error, **more: object) -> None:
            raise error

        with monkeypatch.context() as broken:
            broken.setattr("wecom.inbound.spool.receive", fail)
            with pytest.raises(type(error)):
                bring_in()
    assert bring_in() == 1
    assert texts(world.case) == ["您好"]


def test_the_check_up_tells_of_what_waits_too_long_and_of_what_cannot_be_handled(
    world: World, spool: Path, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str]:
        return [finding.detail for finding in checkup(ask_wecom=False) if finding.title == "搁置的来信"]

    assert told() == []
    with no_database(monkeypatch):
        WeCom().say("LiMing", "您好")
    clock.shift(300)
    assert told() == ["最久的一条已等待 5 分钟。"]
    (waiting,) = spool.rglob("*.json")
    waiting.write_text("half a mess")
    bring_in()
    assert told() == ["1 条来信无法处理，留在服务器的 var/spool 里。"]
