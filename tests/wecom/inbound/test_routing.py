"""Where a WeCom text goes, and what its sender is told."""

import time
from typing import Any

import pytest

from advisors.actions import bind_wecom_account, suspend_advisor
from cases.actions import assign_advisor, close_case, post_message
from cases.models import Case, Message
from tests.support.colleague import WeCom
from tests.support.people import World, says
from tests.support.robot import Robot
from wecom.inbound import routing
from wecom.inbound.routing import assign_held
from wecom.models import InboundMessage, Notification
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

State = InboundMessage.State


@pytest.fixture
def wecom(world: World) -> WeCom:
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    return WeCom()


def texts(case: Case) -> list[str]:
    return list(case.messages.filter(kind="text").values_list("body", flat=True))


def last() -> InboundMessage:
    return InboundMessage.objects.latest("pk")


def notified(case: Case, member: object, robot: Robot) -> None:
    """The member writes and the group really hears of it, so that the case becomes the reply target."""
    says(case, member, "在吗？")  # type: ignore[arg-type]
    send_due()
    assert robot.texts[-1].count(f"#{case.number}")


def test_a_reply_stands_in_the_most_recently_notified_case(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    notified(world.other_case, world.lin, robot)
    answer = wecom.say("LiMing", "您好，林女士")
    assert answer.status == 200
    assert f"✓ 已发送 → #{world.other_case.number} 林芳 · 配偶团聚移民\n" in answer.reply
    assert texts(world.other_case) == ["在吗？", "您好，林女士"]
    assert texts(world.case) == ["在吗？"]
    message = Message.objects.get(body="您好，林女士")
    assert (message.sender, message.source) == (world.li.user, "wecom")
    assert (last().state, last().case, last().message) == (State.DELIVERED, world.other_case, message)


def test_a_repeated_callback_writes_one_message_and_gets_the_same_receipt(
    world: World, wecom: WeCom, robot: Robot
) -> None:
    notified(world.case, world.wang, robot)
    answers = [wecom.say("LiMing", "您好", msg_id=42) for _ in range(4)]
    assert {a.reply for a in answers} == {answers[0].reply}
    assert texts(world.case) == ["在吗？", "您好"]
    assert InboundMessage.objects.count() == 1


def test_two_different_messages_with_the_same_words_are_two(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    wecom.say("LiMing", "好的")
    wecom.say("LiMing", "好的")
    assert texts(world.case) == ["在吗？", "好的", "好的"]


@pytest.mark.parametrize("sender", ["WangFang", "limin", "LiMing2"])
def test_an_unknown_sender_writes_nothing_and_is_told_who_can_help(
    world: World, wecom: WeCom, robot: Robot, sender: str
) -> None:
    notified(world.case, world.wang, robot)
    before = Message.objects.count()
    answer = wecom.say(sender, f"#{world.case.number} 您好")
    assert answer.status == 200
    assert "管理员" in answer.reply
    assert Message.objects.count() == before
    assert last().state == State.REFUSED


@pytest.mark.parametrize("spelling", ["liming", "LIMING", "LiMing"])
def test_the_account_is_recognised_in_any_case(world: World, wecom: WeCom, robot: Robot, spelling: str) -> None:
    notified(world.case, world.wang, robot)
    wecom.say(spelling, "您好")
    assert texts(world.case)[-1] == "您好"


def test_a_suspended_advisor_writes_nothing(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    suspend_advisor(world.li, by=world.admin)
    answer = wecom.say("LiMing", "您好")
    assert "不能使用" in answer.reply
    assert texts(world.case) == ["在吗？"]


def test_a_pending_advisor_writes_nothing(world: World, wecom: WeCom) -> None:
    bind_wecom_account(world.chen, "ChenJing")
    answer = wecom.say("ChenJing", f"#{world.case.number} 您好")
    assert "不能使用" in answer.reply
    assert texts(world.case) == []


def test_a_deactivated_account_writes_nothing(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    world.li.user.is_active = False
    world.li.user.save(update_fields=["is_active"])
    wecom.say("LiMing", "您好")
    assert texts(world.case) == ["在吗？"]


@pytest.mark.parametrize(
    "pattern",
    [
        "#{} 材料收到了",
        "＃{} 材料收到了",
        "#{}材料收到了",
        "#{}\n材料收到了",
        "#{}：材料收到了",
        "#{}，材料收到了",
        " # {}、 材料收到了",
    ],
)
def test_a_number_addresses_a_case(world: World, wecom: WeCom, robot: Robot, pattern: str) -> None:
    notified(world.other_case, world.lin, robot)
    wecom.say("LiMing", pattern.format(world.case.number))
    assert texts(world.case) == ["材料收到了"]


def test_a_number_may_be_written_full_width(world: World, wecom: WeCom) -> None:
    wide = str(world.case.number).translate({ord(str(n)): 0xFF10 + n for n in range(10)})
    wecom.say("LiMing", f"#{wide} 材料收到了")
    assert texts(world.case) == ["材料收到了"]


def test_a_number_alone_makes_the_case_the_reply_target(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.other_case, world.lin, robot)
    answer = wecom.say("LiMing", f"#{world.case.number}")
    assert f"→ #{world.case.number} 王小明 · 学签续签" in answer.reply
    wecom.say("LiMing", "您好，王先生")
    assert texts(world.case) == ["您好，王先生"]


def test_the_case_of_another_advisor_and_one_that_does_not_exist_look_the_same(world: World, wecom: WeCom) -> None:
    foreign = wecom.say("ZhangWei", f"#{world.case.number} 您好")
    unknown = wecom.say("ZhangWei", "#999999 您好")
    assert foreign.reply.replace(str(world.case.number), "N") == unknown.reply.replace("999999", "N")
    assert texts(world.case) == []
    assert last().state == State.HELD
    assert last().content == "#999999 您好"


def test_two_numbers_are_not_guessed_about(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number} #{world.other_case.number} 您好")
    assert texts(world.case) == texts(world.other_case) == []
    assert last().state == State.HELD


def test_a_number_that_is_too_long_is_not_cut_to_one_that_exists(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number:09d}5 您好")
    wecom.say("LiMing", f"#{world.case.number}" + "０" * 20)
    assert texts(world.case) == []
    assert last().state == State.HELD


@pytest.mark.parametrize(
    "text",
    [
        "#999999999999 请补交护照",
        "#9999999999请补交护照",
        "＃９９９９９９９９９９９９ 请补交护照",
        "#" + "9" * 5_000 + " 请补交护照",
        "#" + "9" * 5_000,
        "#  \t999999999999 请补交护照",
        "#\n\n2147483648 请补交护照",
        "\u200b#\u200b999999999999 请补交护照",
        "#\ufe0f\u20e31\ufe0f\u20e30 请补交护照",
        "﹟1001001 请补交护照",
        "#١٠٠١ 请补交护照",
        "#१००१ 请补交护照",
        "#①⓪⓪① 请补交护照",
        "#¹⁰⁰¹ 请补交护照",
        "#𝟏𝟎𝟎𝟏 请补交护照",
        "#0 请补交护照",
        "#000000000000001001 请补交护照",
        "@佳忆顾问 #999999999999 请补交护照",
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_begins_like_a_number_of_no_case_is_held_however_it_is_written(
    world: World, wecom: WeCom, robot: Robot, text: str
) -> None:
    """A mistyped number must never carry the text into the case that was notified last."""
    notified(world.case, world.wang, robot)
    reply = wecom.say("LiMing", text).reply
    assert "您没有跟进中的案件 #" in reply
    assert "没有送出" in reply
    assert len(reply) < 150, "the number is repeated, but not all of it"
    assert texts(world.case) == ["在吗？"]
    assert last().state == State.HELD


@pytest.mark.parametrize(
    "typed", ["##{}", "#({})", "#（{}）", "#【{}】", "#:{}", "#.{}", "#-{}", "#No.{}", "# no {}", "#案件{}"]
)
def test_what_was_meant_for_a_number_never_goes_to_the_case_notified_last(
    world: World, wecom: WeCom, robot: Robot, typed: str
) -> None:
    assign_advisor(world.other_case, world.li, by=None)
    notified(world.case, world.wang, robot)
    reply = wecom.say("LiMing", f"{typed.format(world.other_case.number)} 请补交护照").reply
    assert "看不清楚案件号" in reply
    assert (texts(world.case), texts(world.other_case)) == (["在吗？"], [])
    assert last().state == State.HELD


def test_a_list_may_follow_the_number_at_once(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number}①护照 ②照片")
    assert texts(world.case) == ["①护照 ②照片"]
    wecom.say("LiMing", f"#{world.case.number}①②")
    assert texts(world.case) == ["①护照 ②照片"], "and this is no list"


def test_the_number_of_no_case_is_repeated_as_far_as_anybody_needs_it(world: World, wecom: WeCom) -> None:
    assert "您没有跟进中的案件 #999999999999。" in wecom.say("LiMing", "#999999999999 您好").reply
    assert "您没有跟进中的案件 #999999999999…。" in wecom.say("LiMing", "#" + "9" * 5_000 + " 您好").reply
    assert wecom.say("LiMing", f"#{world.case.number} #999999999999 您好").reply.endswith("请分开发送。")


def test_held_with_a_number_of_no_case_it_is_put_into_a_case_without_it(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", "#999999999999 请补交护照")
    assign_held(last(), world.case)
    assert texts(world.case) == ["请补交护照"]


@pytest.mark.parametrize("words", ["您好", "#{} 您好"])
def test_a_case_handed_over_between_receipt_and_commit_takes_nothing(
    world: World, wecom: WeCom, robot: Robot, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    notified(world.case, world.wang, robot)

    def handed_over_first(case: Case, *given: Any, **more: Any) -> Any:
        assign_advisor(world.case, world.zhang, by=world.admin)
        return post_message(case, *given, **more)

    monkeypatch.setattr(routing, "post_message", handed_over_first)
    answer = wecom.say("LiMing", words.format(world.case.number))
    assert "没有送出" in answer.reply
    assert texts(world.case) == ["在吗？"]
    assert last().state == State.HELD


def test_without_a_delivered_notification_nothing_is_written(world: World, wecom: WeCom, robot: Robot) -> None:
    robot.script = [{"errcode": 93000, "errmsg": "invalid webhook url"}]
    says(world.case, world.wang, "在吗？")
    send_due()
    answer = wecom.say("LiMing", "您好")
    assert "没有送出" in answer.reply
    assert texts(world.case) == ["在吗？"]
    assert (last().state, last().content) == (State.HELD, "您好")


def test_a_case_handed_over_since_is_no_longer_the_target(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    assign_advisor(world.case, world.zhang, by=world.admin)
    answer = wecom.say("LiMing", "您好")
    assert "没有送出" in answer.reply
    assert texts(world.case) == ["在吗？"]
    assert last().state == State.HELD


def test_while_another_case_is_being_notified_nothing_is_guessed(world: World, wecom: WeCom, robot: Robot) -> None:
    """WeCom may have shown it already; only its answer is still missing."""
    notified(world.case, world.wang, robot)
    says(world.other_case, world.lin, "在吗？")
    under_way = Notification.objects.get(case=world.other_case, event="member_wrote")
    Notification.objects.filter(pk=under_way.pk).update(state="sending", advisor=world.li, lease="x")
    assert "没有送出" in wecom.say("LiMing", "您好").reply
    assert texts(world.case) == ["在吗？"]
    assert texts(world.other_case) == ["在吗？"]
    assert last().state == State.HELD


def test_a_text_that_wecom_delivers_a_second_time_goes_by_when_it_was_written(
    world: World, wecom: WeCom, robot: Robot
) -> None:
    notified(world.case, world.wang, robot)
    wecom.clock = lambda: time.time() - 6
    plaintext = wecom.message("LiMing", "text", {"Content": "您好，王先生"})  # and nobody answered WeCom
    notified(world.other_case, world.lin, robot)
    wecom.clock = time.time
    assert "没有送出" in wecom.post(plaintext).reply
    assert texts(world.other_case) == ["在吗？"]
    assert last().state == State.HELD


def test_a_closed_case_takes_no_reply(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    close_case(world.case)
    for text in ("您好", f"#{world.case.number} 您好"):
        assert "没有送出" in wecom.say("LiMing", text).reply
        assert last().state == State.HELD
    assert texts(world.case) == ["在吗？"]


def test_the_mention_of_the_app_is_not_part_of_the_message(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    wecom.say("LiMing", "@佳忆顾问 您好")
    assert texts(world.case)[-1] == "您好"


def test_unbinding_and_rebinding_take_effect_with_the_next_message(world: World, wecom: WeCom, robot: Robot) -> None:
    notified(world.case, world.wang, robot)
    bind_wecom_account(world.li, "LiMing.New")
    wecom.say("LiMing", "旧账号")
    wecom.say("LiMing.New", "新账号")
    bind_wecom_account(world.li, "")
    wecom.say("LiMing.New", "已解绑")
    assert texts(world.case) == ["在吗？", "新账号"]
