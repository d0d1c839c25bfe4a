"""撤回, 列表, 帮助, opening the app, and choosing a case by a digit."""

import time

import pytest
import time_machine
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, close_case, open_case
from cases.models import Case, Message
from tests.support.colleague import WeCom
from tests.support.people import World, says
from tests.support.size import size, sized
from wecom.models import InboundMessage

pytestmark = pytest.mark.django_db

State = InboundMessage.State


@pytest.fixture
def wecom(clock: time_machine.Traveller, world: World) -> WeCom:
    bind_wecom_account(world.li, "LiMing")
    return WeCom()


def texts(case: Case) -> list[str]:
    return list(case.messages.filter(kind="text", recalled_at=None).values_list("body", flat=True))


# 撤回 ---------------------------------------------------------------------------------------------------


def test_recall_takes_back_the_last_wecom_message_and_keeps_the_original(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number} 第一条")
    wecom.say("LiMing", f"#{world.case.number} 第二条")
    answer = wecom.say("LiMing", "撤回")
    assert f"#{world.case.number}" in answer.reply
    assert texts(world.case) == ["第一条"]
    recalled = Message.objects.get(body="第二条")
    assert recalled.recalled_at is not None


def test_recall_is_not_repeated_on_the_message_before(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number} 第一条")
    wecom.say("LiMing", f"#{world.case.number} 第二条")
    wecom.say("LiMing", "撤回", msg_id=9)
    wecom.say("LiMing", "撤回", msg_id=9)
    assert "没有可以撤回" in wecom.say("LiMing", "撤回").reply
    assert texts(world.case) == ["第一条"]


def test_recall_is_too_late_after_two_minutes(world: World, wecom: WeCom, clock: time_machine.Traveller) -> None:
    wecom.say("LiMing", f"#{world.case.number} 第一条")
    clock.shift(121)
    assert "2 分钟" in wecom.say("LiMing", "撤回").reply
    assert texts(world.case) == ["第一条"]


def test_recall_does_nothing_in_a_case_handed_over(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number} 第一条")
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert "不能撤回" in wecom.say("LiMing", "撤回").reply
    assert texts(world.case) == ["第一条"]


def test_recall_without_a_message_says_so(world: World, wecom: WeCom) -> None:
    says(world.case, world.li, "在网站上写的")
    assert "没有可以撤回" in wecom.say("LiMing", "撤回").reply
    assert texts(world.case) == ["在网站上写的"]


def test_a_command_inside_a_sentence_is_a_message(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number}")
    wecom.say("LiMing", "请先撤回旧的申请")
    assert texts(world.case) == ["请先撤回旧的申请"]


# 列表, 帮助, opening the app ----------------------------------------------------------------------------


def test_the_list_shows_who_waits_and_how_long(world: World, wecom: WeCom, clock: time_machine.Traveller) -> None:
    says(world.case, world.wang, "在吗？")
    clock.shift(3 * 3600 + 300)
    says(world.other_case, world.lin, "您好")
    lines = wecom.say("LiMing", "列表").reply.splitlines()
    assert lines[1] == f"#{world.case.number} 王小明 · 学签续签 已等待 3 小时 5 分"
    assert lines[2] == f"#{world.other_case.number} 林芳 · 配偶团聚移民 已等待 0 分钟"
    says(world.case, world.li, "在")
    assert f"#{world.case.number}（" not in wecom.say("LiMing", "列表").reply
    close_case(world.other_case)
    assert "没有等待" in wecom.say("LiMing", "列表").reply


@sized
def test_a_long_list_fits_into_one_reply(world: World, wecom: WeCom) -> None:
    for number in range(size(60, 120)):
        says(open_case(world.wang, f"案件 {number}", advisor=world.li), world.wang, "在吗？")
    reply = wecom.say("LiMing", "列表").reply
    assert len(reply.encode()) <= 2048
    assert "还有" in reply


def test_help_explains_every_command(world: World, wecom: WeCom) -> None:
    reply = wecom.say("LiMing", "帮助").reply
    assert all(word in reply for word in ("撤回", "列表", "帮助", "#1042"))


def test_opening_the_app_shows_the_waiting_cases_once_in_ten_minutes(
    world: World, wecom: WeCom, clock: time_machine.Traveller
) -> None:
    says(world.case, world.wang, "在吗？")
    replies = []
    for _ in range(3):
        replies.append(wecom.send("LiMing", "event", {"Event": "enter_agent", "EventKey": ""}).reply)
        clock.shift(60)
    clock.shift(600)
    replies.append(wecom.send("LiMing", "event", {"Event": "enter_agent", "EventKey": ""}).reply)
    assert [bool(reply) for reply in replies] == [True, False, False, True]


def test_a_stranger_who_opens_the_app_is_not_bothered(world: World, wecom: WeCom) -> None:
    assert wecom.send("WangFang", "event", {"Event": "enter_agent", "EventKey": ""}).reply == ""


# Asking to which case -----------------------------------------------------------------------------------


@pytest.fixture
def ask(settings: Settings, world: World, wecom: WeCom) -> WeCom:
    """WECHAT_REPLY_ROUTING=ask, two cases wait, and the first has been made the reply target."""
    settings.WECHAT_REPLY_ROUTING = "ask"
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    wecom.say("LiMing", f"#{world.case.number}")
    return wecom


def test_with_two_waiting_cases_a_text_is_held_until_a_digit_chooses(world: World, ask: WeCom) -> None:
    menu = ask.say("LiMing", "材料收到了").reply
    assert "1）" in menu
    assert "2）" in menu
    assert texts(world.case) == ["一"]
    assert texts(world.other_case) == ["二"]
    ask.say("LiMing", "2")
    assert texts(world.other_case) == ["二", "材料收到了"]
    assert texts(world.case) == ["一"]
    held = InboundMessage.objects.get(content="材料收到了")
    assert (held.state, held.case) == (State.DELIVERED, world.other_case)


def test_a_digit_chooses_once(world: World, ask: WeCom) -> None:
    ask.say("LiMing", "材料收到了")
    ask.say("LiMing", "２", msg_id=5)
    ask.say("LiMing", "２", msg_id=5)
    assert texts(world.other_case) == ["二", "材料收到了"]


def test_zero_drops_the_held_text(world: World, ask: WeCom) -> None:
    ask.say("LiMing", "材料收到了")
    assert "取消" in ask.say("LiMing", "0").reply
    assert InboundMessage.objects.get(content="材料收到了").state == State.IGNORED
    assert texts(world.case) == ["一"]


def test_a_menu_goes_stale_after_ten_minutes(world: World, ask: WeCom, clock: time_machine.Traveller) -> None:
    ask.say("LiMing", "材料收到了")
    clock.shift(601)
    assert "过期" in ask.say("LiMing", "1").reply
    assert texts(world.case) == ["一"]
    assert InboundMessage.objects.get(content="材料收到了").state == State.HELD


def test_a_digit_written_before_the_menu_does_not_answer_it(
    world: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    ask.clock = lambda: time.time() - 6
    digit = ask.message("LiMing", "text", {"Content": "2"})  # WeCom calls again with it
    ask.clock = time.time
    ask.say("LiMing", "材料收到了")
    assert "过期" in ask.post(digit).reply
    assert texts(world.other_case) == ["二"]


def test_a_second_line_joins_the_first_and_the_choice_sends_both_in_order(world: World, ask: WeCom) -> None:
    ask.say("LiMing", "第一句")
    assert ask.say("LiMing", "第二句").reply.startswith("2 条消息还没有送出")
    assert "✓ 已发送 2 条" in ask.say("LiMing", "1").reply
    assert texts(world.case) == ["一", "第一句", "第二句"]
    assert {row.state for row in InboundMessage.objects.filter(content__endswith="句")} == {State.DELIVERED}


def test_a_choice_that_is_not_on_the_menu_sends_nothing(world: World, ask: WeCom) -> None:
    ask.say("LiMing", "材料收到了")
    assert "没有第 7 项" in ask.say("LiMing", "7").reply
    ask.say("LiMing", "1")
    assert texts(world.case) == ["一", "材料收到了"]


def test_a_chosen_case_handed_over_meanwhile_takes_nothing(world: World, ask: WeCom) -> None:
    ask.say("LiMing", "材料收到了")
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert "没有送出" in ask.say("LiMing", "1").reply
    assert texts(world.case) == ["一"]


def test_with_one_waiting_case_nobody_is_asked(world: World, ask: WeCom) -> None:
    says(world.other_case, world.li, "好的")
    ask.say("LiMing", "材料收到了")
    assert texts(world.case) == ["一", "材料收到了"]


def test_a_number_needs_no_question(world: World, ask: WeCom) -> None:
    ask.say("LiMing", f"#{world.other_case.number} 材料收到了")
    assert texts(world.other_case) == ["二", "材料收到了"]


# Other kinds --------------------------------------------------------------------------------------------


def test_location_and_link_become_readable_text(world: World, wecom: WeCom) -> None:
    wecom.say("LiMing", f"#{world.case.number}")
    wecom.send(
        "LiMing",
        "location",
        {"Location_X": "43.65", "Location_Y": "-79.38", "Scale": "15", "Label": "多伦多市政厅", "AppType": "wxwork"},
    )
    wecom.send(
        "LiMing", "link", {"Title": "IRCC", "Description": "审理时间", "Url": "https://www.canada.ca/", "PicUrl": ""}
    )
    place, link = texts(world.case)
    assert "多伦多市政厅" in place
    assert "https://" in place
    assert "43.65" in place
    assert link.splitlines() == ["[链接] IRCC", "审理时间", "https://www.canada.ca/"]


@pytest.mark.parametrize("kind", ["image", "voice", "video", "file", "hologram"])
def test_without_a_secret_only_text_goes_through_and_the_advisor_is_told_where_to_upload(
    world: World, wecom: WeCom, kind: str
) -> None:
    wecom.say("LiMing", f"#{world.case.number}")
    answer = wecom.send("LiMing", kind, {"MediaId": "m", "PicUrl": "https://example.com/p"})
    assert answer.status == 200
    assert f"/messages/{world.case.number}/" in answer.reply
    row = InboundMessage.objects.latest("pk")
    assert (row.state, row.message_type) == (State.REFUSED, kind)
    assert texts(world.case) == []
