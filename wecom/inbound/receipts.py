"""What an advisor is answered in WeCom, in Chinese. The passive reply cuts each to WeCom's 2048 bytes."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from cases.models import RECALL_MINUTES, Case
from wecom.models import InboundMessage
from wecom.names import in_full, in_short, plain
from wecom.outbound.words import local_time
from wecom.textcut import cut

NEWLINE = "\n"
CAN_BE_RECALLED = f"{RECALL_MINUTES} 分钟内回复「撤回」可以撤回"
LONGEST_NUMBER = 12  # digits
SLIP = 60  # bytes
KINDS = {"text": "消息", "image": "图片", "voice": "语音", "video": "视频", "file": "文件"}
LIST_LIMIT = 1_700  # bytes of the list itself, so that what follows it still fits
UNBOUND = "您的企业微信账号还没有绑定网站顾问账号，消息没有送出。请联系管理员在后台「RCIC 顾问审核」中绑定。"
NOT_APPROVED = "您的顾问账号目前不能使用（未通过审核或已停用），消息没有送出。请联系管理员。"
NEXT_NOWHERE = "接下来的文字没有去处：请写 #案件号 内容。"
NOTHING_WAITS = "没有等待回复的案件。"
DROPPED = "已取消，消息没有送出。"
MENU_STALE = "这个选择已过期，消息没有送出。请重新发送，或输入 #案件号 内容。"
MENU_AGAIN = "这个选择已过期，消息没有送出。要送出请再选一次："
NOTHING_TO_RECALL = "没有可以撤回的消息。"
PUT_ASIDE = "网站正忙，您的消息已收下，稍后处理，不用重发。结果写在您的下一次回执里；回复「列表」也能看到。"
NOT_SENT = "消息没有送出（已保留，管理员可以代为分配）。"


def help_text() -> str:
    asks = settings.WECHAT_REPLY_ROUTING == "ask"
    plain_goes = "发到等待回复的案件，不止一个时会先问您" if asks else "发到最近被通知的案件"
    number_alone = "没有几个案件同时等待时，之后的文字都发到 #1042" if asks else "之后的文字都发到 #1042"
    return (
        f"直接输入文字：{plain_goes}。\n"
        "#1042 内容：发到案件 #1042。\n"
        f"#1042：{number_alone}。\n"
        f"撤回：撤回 {RECALL_MINUTES} 分钟内发出的最后一条。\n"
        "列表：等待回复的案件。\n"
        "帮助：这份说明。"
    )


def sent(case: Case) -> str:
    return f"✓ 已发送 → {in_full(case)}\n{CAN_BE_RECALLED}。"


def fetching(case: Case) -> str:
    return f"正在转发 → {in_full(case)}\n稍后可在网站看到；{CAN_BE_RECALLED}。"


def kind_name(message_type: str) -> str:
    return KINDS.get(message_type, "内容")


def untold(row: InboundMessage) -> str:
    """Return the line that tells later what became of something."""
    what = f"您 {local_time(row.received_at)} 发的{kind_name(row.message_type)}"
    if row.state == InboundMessage.State.HELD:
        return f"⚠ {what}没有送出（已保留）：{row.reason}"
    return f"{what}：{row.reply.partition(NEWLINE)[0]}"


def target_set(case: Case) -> str:
    return f"已选定 {in_full(case)}"


def next_to(case: Case) -> str:
    return f"接下来的文字发到 → {in_full(case)}"


def next_asks(count: int) -> str:
    return f"接下来的文字会先问您发到哪个案件（{count} 个可选）；也可以写 #案件号 内容。"


def next_joins(held: int) -> str:
    return f"有 {held} 条消息在等您选择案件：回复数字选择，0 取消；接下来的文字会一起发。"


def recalled(case: Case) -> str:
    return f"已撤回最后一条消息 → {in_full(case)}"


def not_yours(number: str) -> str:
    # The same words whether the case exists or not, and whatever was typed for a number.
    return f"{NOT_SENT}\n您没有跟进中的案件 #{shortened(number)}。回复「列表」查看等待您回复的案件。"


def shortened(number: str) -> str:
    """Return the digits as they were typed, or their beginning when there are more than any case has."""
    return number if len(number) <= LONGEST_NUMBER else f"{number[:LONGEST_NUMBER]}…"


def unreadable_number() -> str:
    return f"{NOT_SENT}\n看不清楚案件号：请把数字紧写在 # 后面，例如 #1042 内容。"


def two_numbers() -> str:
    return f"{NOT_SENT}\n一条消息只能写一个案件号，请分开发送。"


def no_target() -> str:
    return (
        f"{NOT_SENT}\n不知道该发到哪个案件：请输入 #案件号 内容；图片、语音请先单独发 #案件号，再发一次。"
        "回复「列表」查看等待您回复的案件。"
    )


def target_lost(number: int) -> str:
    return f"{NOT_SENT}\n案件 #{number} 已结案或不再由您跟进。请输入 #案件号 内容，或回复「列表」。"


def target_changed() -> str:
    return f"{NOT_SENT}\n您发出之后，最近被通知的案件换了。请输入 #案件号 内容。"


def several_wait() -> str:
    return f"{NOT_SENT}\n等待您回复的案件不止一个：请输入 #案件号 内容，或回复「列表」。"


def refused(reason: str) -> str:
    return f"{NOT_SENT}\n{reason}"


def only_text(advisor_case: Case | None) -> str:
    page = settings.SITE_URL + (reverse("conversation", args=[advisor_case.number]) if advisor_case else "/messages/")
    return f"这里只能转发文字，您发的内容没有送出。图片和文件请在网站上传：\n{page}"


def waiting_list(cases: Sequence[Case | None], *, numbered: bool = False) -> str:
    """Return the cases, one a line with how long each waits; as many as fit. None is one that is theirs no more."""
    lines: list[str] = []
    for position, case in enumerate(cases, start=1):
        head = f"{position}） " if numbered else ""
        line = f"{head}{_waits(case)}"
        if len("\n".join([*lines, line]).encode()) > LIST_LIMIT:
            return "\n".join([*lines, f"……还有 {len(cases) - len(lines)} 个，请在网站查看。"])
        lines.append(line)
    return "\n".join(lines)


def _waits(case: Case | None) -> str:
    if case is None:
        return "（已不由您跟进）"
    return f"{in_short(case)} {f'已等待 {how_long(case.waiting_since)}' if case.waiting_since else '已回复'}"


def waiting(cases: list[Case]) -> str:
    if not cases:
        return NOTHING_WAITS
    return f"等待您回复的案件（{len(cases)}）：\n{waiting_list(cases)}\n输入 #案件号 内容 即可回复。"


def menu(cases: Sequence[Case | None], held: int) -> str:
    choices = waiting_list(cases, numbered=True)
    what = f"{held} 条消息" if held > 1 else "消息"
    return f"{what}还没有送出，请选择发到哪个案件：\n{choices}\n回复数字发送，回复 0 取消（10 分钟内有效）。"


def no_such_choice(choice: int, question: str) -> str:
    return f"没有第 {choice} 项。\n{question}"


def chosen(case: Case, sent: int, kept: list[str], *, under_way: bool) -> str:
    """Return what became of several held texts for which the advisor chose this case; `kept` says why some stay.

    `under_way`: a picture, voice or video among them is still to be fetched.
    """
    lines = [f"✓ 已发送 {sent} 条 → {in_full(case)}\n{CAN_BE_RECALLED}最后一条。"] if sent else []
    lines += ["图片、语音和视频稍后可在网站看到。"] if under_way else []
    return NEWLINE.join([*lines, *dict.fromkeys(kept)])


def shown(text: str) -> str:
    return cut(plain(text), SLIP)


def dropped(text: str) -> str:
    return f"已取消，消息没有送出：「{shown(text)}」" if text else DROPPED


def slip(text: str) -> str:
    return f"「{shown(text)}」看起来像误发，没有送出（已保留）。可用的指令：撤回、列表、帮助。"


def really(text: str, case: Case) -> str:
    return f"{slip(text)}\n确实要发给 {in_full(case)} 请回复 1，不发请回复 0（10 分钟内有效）。"


def how_long(since: datetime | None) -> str:
    minutes = int((timezone.now() - since).total_seconds() // 60) if since else 0
    if minutes < 60:
        return f"{minutes} 分钟"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} 小时 {minutes} 分" if hours < 24 else f"{hours // 24} 天 {hours % 24} 小时"
