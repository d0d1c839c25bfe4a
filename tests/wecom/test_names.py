"""How a case is called: in full to its advisor alone, masked to the group, and never so that it could be another."""

import re
from typing import Any

import pytest
import time_machine

from advisors.models import Advisor
from cases.actions import assign_advisor, open_case
from cases.models import Case
from members.actions import register_member
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.people import PASSWORD, World, says, some_members
from tests.support.robot import Robot
from wecom.inbound import receipts
from wecom.models import InboundMessage, Notification
from wecom.names import in_full, in_short, masked
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db


def called(case: Case, name: str, title: str) -> Case:
    """Have the case and its member be called so, as nothing prevents in the database."""
    type(case.member.user).objects.filter(pk=case.member.user.pk).update(name=name)
    Case.objects.filter(pk=case.pk).update(title=title)
    return Case.objects.select_related("member__user").get(pk=case.pk)


# In full ------------------------------------------------------------------------------------------------


def test_five_namesakes_are_told_apart(world: World, app: App, settings: Any) -> None:
    settings.WECHAT_REPLY_ROUTING = "ask"
    cases = []
    for number, title in enumerate(("配偶访客签证", "学签续签", "工签", "入籍", "枫叶卡")):
        member = register_member(email=f"chen{number}@example.com", name=f"陈静{number}", password=PASSWORD)
        cases.append(open_case(member, title, advisor=world.li))
        says(cases[-1], member, "在吗？")
    names = [f"#{case.number} 陈静{number} · {case.title}" for number, case in enumerate(cases)]
    wecom = WeCom()
    listed, asked = wecom.say("LiMing", "列表").reply, wecom.say("LiMing", "您好").reply
    assert [line for line in listed.splitlines() if line.startswith("#")] == [f"{name} 已等待 0 分钟" for name in names]
    assert all(f"\n{place}） {name} 已等待" in asked for place, name in enumerate(names, start=1))
    asks = "接下来的文字会先问您发到哪个案件（{} 个可选）；也可以写 #案件号 内容。"
    sent = f"✓ 已发送 → {names[1]}\n2 分钟内回复「撤回」可以撤回。\n{asks.format(4)}"
    assert wecom.say("LiMing", "2").reply == sent
    assert wecom.say("LiMing", "撤回").reply == f"已撤回最后一条消息 → {names[1]}\n{asks.format(5)}"
    assert wecom.say("LiMing", f"#{cases[3].number}").reply == f"已选定 {names[3]}\n{asks.format(5)}"
    picture = wecom.send("LiMing", "image", {"MediaId": "m1", "PicUrl": "http://x/"}).reply
    assert names[3] in picture or "请选择" in picture


def test_what_goes_to_the_advisor_alone_is_in_full_and_the_group_is_masked(
    world: World, app: App, robot: Robot, clock: time_machine.Traveller
) -> None:
    assign_advisor(world.other_case, world.zhang, by=world.admin)
    Advisor.objects.filter(pk=world.zhang.pk).update(plain_text=True)
    says(world.case, world.wang, "护照到期了")
    says(world.other_case, world.lin, "配偶的表格")
    send_due()
    card = next(message["template_card"] for message in app.messages if "template_card" in message)
    assert card["main_title"] == {
        "title": f"#{world.case.number} 王小明 · 学签续签",
        "desc": "1 条消息，12:00 起等待",
    }
    said = {message["touser"] + message["text"]["content"] for message in app.messages if "text" in message}
    other = f"#{world.other_case.number} 林芳 · 配偶团聚移民"
    assert [text for text in said if text.startswith(f"LiMing{other}：案件转出，不再由您跟进。\n")]
    given = f"ZhangWei{other}：现在由您跟进，1 条消息，12:00 起等待\n「配偶的表格」\n"
    assert [text for text in said if text.startswith(given)]
    assert [text.partition("\n")[0] for text in robot.texts] == [
        f"#{world.case.number} 王*：1 条消息，12:00 起等待",
        f"#{world.other_case.number} 林*：1 条消息，12:00 起等待",
    ]
    for secret in ("小明", "林芳", "学签", "配偶"):
        assert secret not in "".join(str(payload) for payload in robot.payloads)


def test_a_long_title_is_cut_before_the_name_and_the_number_never(world: World) -> None:
    case = called(world.case, "王小明" * 20, "配偶访客签证" * 20)
    for name, most in ((in_full(case), 300), (in_short(case), 110)):
        assert name.startswith(f"#{case.number} 王小明王小明王小明")
        assert len(name.encode()) <= most
        assert " · 配偶访客签证" in name
    case = called(world.case, "王小明", "配偶访客签证" * 20)
    assert in_short(case).startswith(f"#{case.number} 王小明 · 配偶访客签证")


def test_a_card_whose_title_was_cut_has_it_below(world: World, app: App) -> None:
    case = called(world.case, "王小明", "配偶访客签证和子女学习许可的联合申请")
    says(case, case.member, "在吗？")
    send_due()
    card = app.messages[0]["template_card"]
    assert card["main_title"]["title"] == f"#{case.number} 王小明 · 配偶访客签证和子女学习许可的联…"
    fields = {row["keyname"]: row["value"] for row in card["horizontal_content_list"]}
    assert fields["案件"] == f"#{case.number} 王小明 · 配偶访客签证和子女学习许可的联合申请"


def test_a_long_list_fits_wecoms_limit_and_says_how_many_are_left(world: World) -> None:
    members = some_members(60)
    cases = [open_case(member, "配偶访客签证和子女学习许可" * 9, advisor=world.li) for member in members]
    reply = receipts.waiting([called(case, "欧阳" * 30, case.title) for case in cases])
    assert len(reply.encode()) <= 2048
    lines = reply.splitlines()
    assert all(line.startswith(f"#{case.number} 欧阳欧阳") for line, case in zip(lines[1:-2], cases, strict=False))
    assert lines[-2] == f"……还有 {60 - len(lines[1:-2])} 个，请在网站查看。"


# Whatever people are called -----------------------------------------------------------------------------

NASTY = [
    "#1002 李明",
    "＃１００２ 李明",
    "王\n✓ 已发送 → #1002 李明",
    "王\r\n\u2028✓ 已发送 → #1002 李明",
    "王" + "\u3000" * 40 + "✓ 已发送 → ﹟1002",
    "\u202e8002#",
    "\u200b#\u200b1002",
    "\u3164\u2800#1002",
    "<a href=http://evil.example>王</a>",
    "@all",
]


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_no_name_or_title_can_be_taken_for_another_case_or_begin_a_line(world: World, nasty: str) -> None:
    for case in (called(world.case, nasty, "学签"), called(world.case, "王", nasty), called(world.case, nasty, nasty)):
        for name in (in_full(case), in_short(case), masked(case)):
            assert name.startswith(f"#{case.number} ")
            assert re.findall("[#＃﹟]", name) == ["#"], "the only number is the case's own"
            assert len(name.splitlines()) == 1
            assert not re.search(r"\s\s|[<@\u200b\u202e\u2028\u3164]", name)
        assert len(receipts.posted(case).splitlines()) == 2


@pytest.mark.parametrize("name", ["محمد", "דוד", "محمد 2024"])
def test_a_name_from_right_to_left_does_not_take_the_numbers_along(world: World, name: str) -> None:
    """U+2068 and U+2069 around it; without them `#1001 محمد · 2024` is shown with the numbers changed about."""
    case = called(world.case, name, "2024 学签")
    assert in_full(case) == f"#{case.number} \u2068{name}\u2069 · 2024 学签"
    assert masked(case) == f"#{case.number} \u2068{name[0]}*\u2069"


# Who reads it -------------------------------------------------------------------------------------------


def test_who_no_longer_works_here_reads_no_name_of_a_case_that_was_taken_away(world: World, app: App) -> None:
    Advisor.objects.filter(pk=world.li.pk).update(status=Advisor.Status.SUSPENDED)
    assign_advisor(world.case, world.zhang, by=world.admin)
    send_due()
    (text,) = [message["text"]["content"] for message in app.messages if message["touser"] == "LiMing"]
    assert text.startswith(f"#{world.case.number} 王*：案件转出，不再由您跟进。")
    assert "小明" not in text
    assert "学签" not in text


def test_who_is_told_that_nothing_was_sent_reads_no_name(world: World, app: App) -> None:
    wecom = WeCom()
    assign_advisor(world.case, world.zhang, by=world.admin)
    for userid in ("LiMing", "WangFang"):
        for text in (f"#{world.case.number} 您好", f"#{world.case.number}", "您好", "撤回", "列表"):
            reply = wecom.say(userid, text).reply
            assert reply
            assert "小明" not in reply
            assert "学签" not in reply


def test_what_is_kept_of_a_private_message_has_neither_name_nor_title(world: World, app: App) -> None:
    Advisor.objects.filter(pk=world.zhang.pk).update(plain_text=True)
    assign_advisor(world.other_case, world.zhang, by=world.admin)
    says(world.case, world.wang, "在吗？")
    says(world.other_case, world.lin, "在吗？")
    send_due()
    kept = "".join(Notification.objects.filter(channel="app").values_list("sent_text", flat=True))
    assert f"#{world.case.number} 王*" in kept
    assert f"#{world.other_case.number} 林*" in kept
    for secret in ("小明", "林芳", "学签", "配偶"):
        assert secret not in kept
    assert InboundMessage.objects.count() == 0
