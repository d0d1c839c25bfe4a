"""A text goes to no case that does not wait while another does, and a slip reaches no client."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker, Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, mark_read, open_case
from cases.models import Case, ReadMark
from tests.support.app import App
from tests.support.clock import NOON
from tests.support.colleague import WeCom
from tests.support.files import image
from tests.support.people import World, make_world, says, send, signed_in
from tests.support.recording import Recording, record
from tests.support.robot import Robot
from tests.support.size import sized, some
from wecom.inbound.media import fetch_due_media
from wecom.models import InboundMessage, Notification, ReplyTarget
from wecom.outbound.sending import send_due

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

State = InboundMessage.State
NEXT = "接下来的文字发到 → "


@pytest.fixture
def app(settings: Settings, robot: Robot) -> Iterator[App]:
    """The app is configured and reachable."""
    with App() as server:
        settings.WECHAT_API_BASE_URL = server.url
        settings.WECHAT_APP_SECRET = "the-secret"
        yield server


@pytest.fixture
def wecom(app: App, clock: time_machine.Traveller) -> WeCom:
    return WeCom()


def make_told() -> World:
    """The cast; 林芳 waits for two minutes, 王小明 for one; 李明 was told of both, of 王小明 last."""
    with time_machine.travel(timezone.now() - timedelta(minutes=2), tick=False) as clock:
        world = make_world()
        Notification.objects.all().delete()
        bind_wecom_account(world.li, "LiMing")
        bind_wecom_account(world.zhang, "ZhangWei")
        for case, member in ((world.other_case, world.lin), (world.case, world.wang)):
            says(case, member, "在吗？")
            send_due()
            clock.shift(60)
    return world


@pytest.fixture(scope="module")
def recorded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Recording[World]:
    with (
        Robot() as robot,
        App() as app,
        pytest.MonkeyPatch.context() as patched,
        time_machine.travel(NOON + timedelta(minutes=2), tick=False),
        django_db_blocker.unblock(),
    ):
        patched.setattr(settings, "WECHAT_WEBHOOK_URL", robot.webhook_url("test-robot-key"))
        patched.setattr(settings, "WECHAT_API_BASE_URL", app.url)
        patched.setattr(settings, "WECHAT_APP_SECRET", "the-secret")
        patched.setattr("wecom.clock._database_time", timezone.now)
        return record(make_told)


@pytest.fixture
def told(recorded: Recording[World], db: None, wecom: WeCom, clock: time_machine.Traveller) -> World:
    """林芳 waits since noon, 王小明 since a minute later; 李明 was told of both, of 王小明 last."""
    clock.shift(120)
    return recorded.replay()


def written(case: Case) -> list[str]:
    return list(case.messages.filter(source="wecom", recalled_at=None).order_by("seq").values_list("body", flat=True))


def name(case: Case) -> str:
    return f"#{case.number} {case.member.user.name} · {case.title}"


# Not to a case that does not wait while another does ------------------------------------------------------


def test_a_second_line_to_an_answered_case_is_asked_about_while_another_waits(told: World, wecom: WeCom) -> None:
    assert wecom.say("LiMing", "您好").reply.startswith(f"✓ 已发送 → {name(told.case)}")
    asked = wecom.say("LiMing", "还需要护照").reply
    assert f"1） {name(told.case)} 已回复" in asked
    assert f"2） {name(told.other_case)} 已等待 2 分钟" in asked
    assert (written(told.case), written(told.other_case)) == (["您好"], [])
    assert f"✓ 已发送 → {name(told.case)}" in wecom.say("LiMing", "1").reply
    assert (written(told.case), written(told.other_case)) == (["您好", "还需要护照"], [])


def test_when_nobody_else_waits_further_lines_go_where_the_last_one_went(told: World, wecom: WeCom) -> None:
    says(told.other_case, told.li, "在网站上回复了")
    for line in ("您好", "还需要护照"):
        wecom.say("LiMing", line)
    assert written(told.case) == ["您好", "还需要护照"]


def test_a_case_the_advisor_named_themselves_needs_no_question_until_another_begins_to_wait(
    told: World, wecom: WeCom, clock: time_machine.Traveller
) -> None:
    says(told.case, told.li, "在网站上回复了")
    assert wecom.say("LiMing", f"#{told.case.number}").reply == f"已选定 {name(told.case)}\n{NEXT}{name(told.case)}"
    wecom.say("LiMing", "补充一点")
    assert written(told.case) == ["补充一点"]
    says(told.other_case, told.li, "您好")
    clock.shift(60)
    says(told.other_case, told.lin, "谢谢，还有一个问题")
    assert "请选择发到哪个案件" in wecom.say("LiMing", "再补充一点").reply


def test_every_receipt_the_list_and_the_help_say_where_the_next_text_goes(told: World, wecom: WeCom) -> None:
    to_wang, asks = f"{NEXT}{name(told.case)}", "接下来的文字会先问您发到哪个案件（2 个可选）"
    for said in ("列表", "帮助", f"#{told.other_case.number} 您好", "撤回", "#9999 您好"):
        assert wecom.say("LiMing", said).reply.splitlines()[-1] == to_wang, said
    wecom.say("LiMing", f"#{told.case.number} 您好")
    assert asks in wecom.say("LiMing", "列表").reply
    ReplyTarget.objects.all().delete()
    assert wecom.say("LiMing", "列表").reply.endswith("接下来的文字没有去处：请写 #案件号 内容。")


def test_what_a_receipt_promises_is_where_the_next_text_goes(told: World, wecom: WeCom) -> None:
    assert wecom.say("LiMing", "帮助").reply.endswith(f"{NEXT}{name(told.case)}")
    wecom.say("LiMing", "您好")
    assert written(told.case) == ["您好"]


@pytest.fixture
def ask(told: World, wecom: WeCom, settings: Settings) -> WeCom:
    settings.WECHAT_REPLY_ROUTING = "ask"
    return wecom


def test_in_ask_mode_the_one_waiting_case_beats_an_old_target(told: World, ask: WeCom) -> None:
    says(told.case, told.li, "在网站上回复了")
    assert ReplyTarget.objects.get().case == told.case
    assert ask.say("LiMing", "列表").reply.endswith(f"{NEXT}{name(told.other_case)}")
    ask.say("LiMing", "您好")
    assert (written(told.case), written(told.other_case)) == ([], ["您好"])


def test_in_ask_mode_a_waiting_case_that_the_advisor_has_not_been_told_of_is_asked_about(
    world: World, wecom: WeCom, settings: Settings
) -> None:
    settings.WECHAT_REPLY_ROUTING = "ask"
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "在吗？")
    send_due()
    says(world.case, world.li, "在网站上回复了")
    says(world.other_case, world.lin, "在吗？")  # nobody has been told yet
    assert "请选择发到哪个案件" in wecom.say("LiMing", "您好").reply
    assert written(world.case) == written(world.other_case) == []


# Several held texts ---------------------------------------------------------------------------------------


def test_lines_held_for_a_choice_are_all_sent_in_order(told: World, ask: WeCom, clock: time_machine.Traveller) -> None:
    for number, line in enumerate(("第一句", "第二句", "第三句"), start=1):
        reply = ask.say("LiMing", line).reply
        assert reply.startswith(f"{number} 条消息还没有送出" if number > 1 else "消息还没有送出")
        clock.shift(5)
    assert ask.say("LiMing", "列表").reply.endswith(
        "有 3 条消息在等您选择案件：回复数字选择，0 取消；接下来的文字会一起发。"
    )
    assert ask.say("LiMing", "2").reply.startswith(f"✓ 已发送 3 条 → {name(told.case)}\n")
    assert written(told.case) == ["第一句", "第二句", "第三句"]
    assert written(told.other_case) == []


def test_zero_drops_all_of_them(told: World, ask: WeCom) -> None:
    ask.say("LiMing", "第一句")
    ask.say("LiMing", "第二句")
    assert "已取消" in ask.say("LiMing", "0").reply
    assert set(InboundMessage.objects.filter(content__endswith="句").values_list("state", flat=True)) == {State.IGNORED}


def test_a_case_handed_over_keeps_its_place_in_the_question_but_not_its_name(told: World, ask: WeCom) -> None:
    ask.say("LiMing", "第一句")
    assign_advisor(told.other_case, told.zhang, by=told.admin)
    menu = ask.say("LiMing", "第二句").reply
    assert "1） （已不由您跟进）" in menu
    assert "林芳" not in menu
    assert "没有送出" in ask.say("LiMing", "1").reply
    assert written(told.other_case) == []
    assert InboundMessage.objects.filter(content__endswith="句", state=State.HELD).count() == 2


def test_recall_takes_back_the_held_line_and_not_the_one_sent_before(
    told: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    ask.say("LiMing", f"#{told.case.number} 已经送出的")
    clock.shift(1)
    says(told.case, told.wang, "谢谢，还有一个问题")
    ask.say("LiMing", "写错了")
    clock.shift(1)
    assert "消息没有送出" in ask.say("LiMing", "撤回").reply
    assert written(told.case) == ["已经送出的"]
    assert "过期" in ask.say("LiMing", "1").reply
    assert written(told.case) == ["已经送出的"]


# Slips ----------------------------------------------------------------------------------------------------


RECALLS = ["撤回", "撤回。", " 撤 回 ", "撤销", "撤消！", "【撤回】", "Recall", "#{} 撤回", "撤回 #{}", "撤回 {}"]


@sized
@pytest.mark.parametrize("said", some(RECALLS, 3))
def test_a_recall_however_it_is_written_takes_the_last_one_back(told: World, wecom: WeCom, said: str) -> None:
    wecom.say("LiMing", f"#{told.case.number} 写错了")
    assert "已撤回" in wecom.say("LiMing", said.format(told.case.number)).reply
    assert written(told.case) == []


def test_a_recall_with_a_number_takes_back_the_last_one_of_that_case(
    told: World, wecom: WeCom, clock: time_machine.Traveller
) -> None:
    wecom.say("LiMing", f"#{told.case.number} 写错了")
    clock.shift(1)
    wecom.say("LiMing", f"#{told.other_case.number} 没有写错")
    assert "已撤回" in wecom.say("LiMing", f"#{told.case.number} 撤回").reply
    assert (written(told.case), written(told.other_case)) == ([], ["没有写错"])
    assert "没有可以撤回" in wecom.say("LiMing", "#9999 撤回").reply


@sized
@pytest.mark.parametrize("said", some(["列表。", "List", "＃{} 列表", "LIST!", "列 表"], 2))
def test_the_list_however_it_is_asked_for(told: World, wecom: WeCom, said: str) -> None:
    assert wecom.say("LiMing", said.format(told.case.number)).reply.startswith("等待您回复的案件（2）")
    assert written(told.case) == []


@sized
@pytest.mark.parametrize("said", some(["帮助。", "帮助？", "Ｈｅｌｐ", "help!"], 2))
def test_help_however_it_is_asked_for(told: World, wecom: WeCom, said: str) -> None:
    assert "这份说明" in wecom.say("LiMing", said).reply
    assert written(told.case) == []


SLIPS = ["？", "。。。", "。" * 41, "3", "02", "00", "—1", "①", "１２.", "{}", "#{} ？"]
SLIPS += [
    "请撤回",
    "撤回上一条消息",
    "帮我撤回一下",
    "2024 列表",
    "请撤回 #{}",
    "撤回，发错了",
    "查看列表",
    "取消",
    "list all",
]


@sized
@pytest.mark.parametrize("said", some(SLIPS, 3))
def test_what_looks_like_a_slip_is_held_and_sent_by_confirming(told: World, wecom: WeCom, said: str) -> None:
    said = said.format(told.case.number)
    reply = wecom.say("LiMing", said).reply
    assert "看起来像误发，没有送出" in reply
    assert f"确实要发给 {name(told.case)} 请回复 1" in reply
    assert written(told.case) == []
    assert "✓ 已发送" in wecom.say("LiMing", "1").reply
    assert written(told.case) == [said.removeprefix(f"#{told.case.number} ")]


MEANT = ["好", "OK", "👍", "√", "50%", "6.5", "1-2", "12月3日", "#{} 2", "帮助您准备材料是我们的工作", "500 加元"]
MEANT += ["申请已撤回", "签证被撤销", "很有帮助", "谢谢帮助", "材料列表", "helpful", "100% help", "2024 list"]


@sized
@pytest.mark.parametrize("said", some(MEANT, 3))
def test_what_is_meant_for_the_client_is_not_held_up(told: World, wecom: WeCom, said: str) -> None:
    wecom.say("LiMing", said.format(told.case.number))
    assert written(told.case) == [said.removeprefix("#{} ")]


def test_a_second_slip_takes_the_question_and_the_first_is_not_sent_with_it(told: World, wecom: WeCom) -> None:
    wecom.say("LiMing", "帮我撤回一下吧")
    assert "⚠" in wecom.say("LiMing", "。").reply
    wecom.say("LiMing", "1")
    assert written(told.case) == ["。"]


def test_a_slip_where_several_cases_wait_is_called_one_beside_the_choice(told: World, ask: WeCom) -> None:
    reply = ask.say("LiMing", "帮我撤回一下").reply
    assert "「帮我撤回一下」看起来像误发" in reply
    assert f"2） {name(told.case)}" in reply
    ask.say("LiMing", "0")
    assert written(told.case) == written(told.other_case) == []


def test_recall_after_it_was_asked_for_in_words_takes_back_what_was_sent(told: World, wecom: WeCom) -> None:
    wecom.say("LiMing", "写错了")
    assert "可用的指令：撤回" in wecom.say("LiMing", "请帮我撤回一下").reply
    assert f"已撤回最后一条消息 → {name(told.case)}" in wecom.say("LiMing", "撤回").reply
    assert written(told.case) == []


def test_what_recall_drops_is_named(told: World, ask: WeCom) -> None:
    ask.say("LiMing", "第一句")
    assert "消息没有送出：「第一句」" in ask.say("LiMing", "撤回").reply


def test_a_digit_that_is_no_answer_is_held_as_a_slip(told: World, wecom: WeCom) -> None:
    wecom.say("LiMing", "？")
    assert "「3」看起来像误发" in wecom.say("LiMing", "3").reply
    assert InboundMessage.objects.get(content="3").state == State.HELD


def test_what_is_no_item_of_a_menu_chooses_none(told: World, ask: WeCom) -> None:
    ask.say("LiMing", "第一句")
    for said in ("0.2", "0-1", "02", "-1", "－1", "–1", "1.5"):
        ask.say("LiMing", said)
    assert written(told.case) == written(told.other_case) == []


def test_a_question_whose_texts_are_gone_takes_no_later_digit(
    told: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    ask.say("LiMing", "第一句")
    ask.say("LiMing", "撤回")
    clock.shift(3600)
    says(told.other_case, told.li, "在网站上回复了")
    assert "看起来像误发" in ask.say("LiMing", "2").reply
    assert InboundMessage.objects.get(content="2").state == State.HELD


def test_a_digit_after_a_lapsed_slip_is_a_slip_of_its_own(
    told: World, wecom: WeCom, clock: time_machine.Traveller
) -> None:
    wecom.say("LiMing", "？")
    clock.shift(700)
    assert "「5」看起来像误发" in wecom.say("LiMing", "5").reply


def test_a_question_that_lapsed_is_asked_again_before_a_digit_sends_anything(
    told: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    ask.say("LiMing", "第一句")
    clock.shift(601)
    reply = ask.say("LiMing", "2").reply
    assert "过期" in reply
    assert f"2） {name(told.case)}" in reply
    assert written(told.case) == []
    clock.shift(5)
    ask.say("LiMing", "2")
    assert written(told.case) == ["第一句"]


def test_recall_takes_back_what_was_written_into_a_case_last(
    told: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    ask.say("LiMing", "给王小明")
    clock.shift(5)
    ask.say("LiMing", f"#{told.other_case.number} 给林芳")
    clock.shift(5)
    ask.say("LiMing", "2")
    assert f"已撤回最后一条消息 → {name(told.case)}" in ask.say("LiMing", "撤回").reply
    assert (written(told.case), written(told.other_case)) == ([], ["给林芳"])


def test_recall_goes_by_when_a_picture_was_sent_and_not_by_when_it_arrived(
    told: World, wecom: WeCom, app: App, clock: time_machine.Traveller
) -> None:
    app.media["m1"] = image("JPEG")
    wecom.say("LiMing", f"#{told.case.number}")
    wecom.send("LiMing", "image", {"MediaId": "m1", "PicUrl": "http://x/"})
    clock.shift(2)
    wecom.say("LiMing", f"#{told.other_case.number} 写错了")
    clock.shift(2)
    fetch_due_media()
    clock.shift(2)
    assert f"已撤回最后一条消息 → {name(told.other_case)}" in wecom.say("LiMing", "撤回").reply


def test_in_ask_mode_an_answered_case_stands_in_the_question_too(
    told: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    third = open_case(told.wang, "工签", advisor=told.li)
    says(third, told.wang, "在吗？")
    send_due()
    ask.say("LiMing", f"#{third.number} 您好")
    reply = ask.say("LiMing", "还有一点").reply
    assert f"1） {name(third)} 已回复" in reply
    ask.say("LiMing", "1")
    assert written(third) == ["您好", "还有一点"]


def test_a_slip_that_is_not_confirmed_holds_nothing_else_up_and_is_not_sent_later(
    told: World, wecom: WeCom, clock: time_machine.Traveller
) -> None:
    wecom.say("LiMing", "？")
    wecom.say("LiMing", "您好，请补交护照")
    assert written(told.case) == ["您好，请补交护照"]
    clock.shift(601)
    assert "过期" in wecom.say("LiMing", "1").reply
    assert written(told.case) == ["您好，请补交护照"]
    assert InboundMessage.objects.get(content="？").state == State.HELD


def test_while_a_choice_is_open_a_slip_joins_nothing_and_shows_the_choice_again(told: World, ask: WeCom) -> None:
    ask.say("LiMing", "您好")
    reply = ask.say("LiMing", "？").reply
    assert "看起来像误发" in reply
    assert f"2） {name(told.case)}" in reply
    ask.say("LiMing", "2")
    assert written(told.case) == ["您好"]


def test_a_numbered_slip_leaves_an_open_choice_as_it_is(told: World, ask: WeCom) -> None:
    ask.say("LiMing", "您好")
    assert "请选择发到哪个案件" in ask.say("LiMing", f"#{told.case.number} ？").reply
    ask.say("LiMing", "2")
    assert written(told.case) == ["您好"]


def test_what_was_held_for_a_question_that_lapsed_is_told_with_the_next_receipt(
    told: World, ask: WeCom, clock: time_machine.Traveller
) -> None:
    ask.say("LiMing", "第一句")
    clock.shift(601)
    reply = ask.say("LiMing", "第二句").reply
    assert reply.startswith("消息还没有送出")
    assert "⚠ 您 12:02 发的消息没有送出（已保留）：没有等到选择或确认" in reply
    ask.say("LiMing", "2")
    assert written(told.case) == ["第二句"]


# Answering is reading ----------------------------------------------------------------------------------------


def read_up_to(world: World) -> int:
    return ReadMark.objects.filter(case=world.case, user=world.li.user).values_list("seq", flat=True).first() or 0


def test_an_answer_from_wecom_marks_read_what_the_advisor_had_been_told_of(told: World, wecom: WeCom) -> None:
    message = told.case.messages.filter(sender=told.wang.user).get()
    wecom.say("LiMing", "您好")
    assert read_up_to(told) == message.seq
    (mine,) = [one for one in signed_in(told.wang).get("/api/cases/").json() if one["number"] == told.case.number]
    assert mine["peer_read_seq"] == message.seq
    theirs = signed_in(told.li).get("/api/cases/").json()
    unread = {one["number"]: one["unread"] > 0 for one in theirs}
    assert unread == {told.case.number: False, told.other_case.number: True}


def test_a_message_they_were_not_told_of_stays_unread(told: World, wecom: WeCom, clock: time_machine.Traveller) -> None:
    later = says(told.case, told.wang, "还有……")
    wecom.say("LiMing", "您好")
    assert 0 < read_up_to(told) < later.seq


def test_an_answer_written_before_the_alert_arrived_reads_nothing(
    told: World, wecom: WeCom, clock: time_machine.Traveller
) -> None:
    mark_read(told.case, told.li.user, 1)
    wecom.say("LiMing", f"#{told.case.number} 好的")
    before = read_up_to(told)
    late = wecom.message("LiMing", "text", {"Content": f"#{told.case.number} 还有一点"})
    clock.shift(10)
    says(told.case, told.wang, "新的问题")
    clock.shift(20)
    send_due()
    wecom.post(late)  # WeCom calls again, half a minute later
    assert read_up_to(told) == before


def test_the_advisors_open_page_and_the_members_hear_of_the_reading(told: World, wecom: WeCom) -> None:
    path = f"/api/cases/{told.case.number}/read/"
    wecom.say("LiMing", "您好")
    assert send(signed_in(told.li), path, {"seq": 1}).status_code in {200, 204}
    assert read_up_to(told) > 1
