"""Receipts: what an advisor is answered in WeCom, in Chinese. The passive reply cuts each to WeCom's 2048 bytes."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from cases.models import RECALL_MINUTES, Case
from wecom.kinds import kind_in_receipt
from wecom.models import InboundMessage
from wecom.names import in_full, in_short, plain
from wecom.outbound.words import local_time
from wecom.textcut import cut

NEWLINE = "\n"
CAN_BE_RECALLED = f"{RECALL_MINUTES} 分钟内回复「撤回」可以撤回"
LONGEST_NUMBER = 12  # digits
SLIP = 60  # bytes
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
NOT_POSTED = "消息没有送出（已保留，管理员可以代为分配）。"


def help_text() -> str:
    """Return how to write to clients, and the commands."""
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


def posted(case: Case) -> str:
    """Return that the text was posted into this case, and how to recall it."""
    return f"✓ 已发送 → {in_full(case)}\n{CAN_BE_RECALLED}。"


def fetching(case: Case) -> str:
    """Return that a picture, voice or video is being fetched for this case, and how to recall it."""
    return f"正在转发 → {in_full(case)}\n稍后可在网站看到；{CAN_BE_RECALLED}。"


def untold(row: InboundMessage) -> str:
    """Return the line that tells the outcome of an earlier message whose receipt could not."""
    what = f"您 {local_time(row.received_at)} 发的{kind_in_receipt(row.message_type)}"
    if row.state == InboundMessage.State.HELD:
        return f"⚠ {what}没有送出（已保留）：{row.reason}"
    return f"{what}：{row.reply.partition(NEWLINE)[0]}"


def target_set(case: Case) -> str:
    """Return that this case was made the reply target."""
    return f"已选定 {in_full(case)}"


def next_to(case: Case) -> str:
    """Return the line that the next text goes to this case."""
    return f"接下来的文字发到 → {in_full(case)}"


def next_asks(count: int) -> str:
    """Return the line that the next text will be asked about, with so many cases to choose from."""
    return f"接下来的文字会先问您发到哪个案件（{count} 个可选）；也可以写 #案件号 内容。"


def next_joins(held: int) -> str:
    """Return the line that so many texts are held for the open question, and that the next text joins them."""
    return f"有 {held} 条消息在等您选择案件：回复数字选择，0 取消；接下来的文字会一起发。"


def recalled(case: Case) -> str:
    """Return that the last message of this case was recalled."""
    return f"已撤回最后一条消息 → {in_full(case)}"


def not_yours(number: str) -> str:
    """Return that the advisor follows no case of this number, given as it was typed."""
    # The same words whether the case exists or not, and whatever was typed for a number.
    return f"{NOT_POSTED}\n您没有跟进中的案件 #{shortened(number)}。回复「列表」查看等待您回复的案件。"


def shortened(number: str) -> str:
    """Return the digits as they were typed, or their beginning when there are more than any case has."""
    return number if len(number) <= LONGEST_NUMBER else f"{number[:LONGEST_NUMBER]}…"


def unreadable_number() -> str:
    """Return that the case number before the text could not be read."""
    return f"{NOT_POSTED}\n看不清楚案件号：请把数字紧写在 # 后面，例如 #1042 内容。"


def two_numbers() -> str:
    """Return that the text has two case numbers."""
    return f"{NOT_POSTED}\n一条消息只能写一个案件号，请分开发送。"


def no_target() -> str:
    """Return that no case was named or notified, so that the text goes nowhere."""
    return (
        f"{NOT_POSTED}\n不知道该发到哪个案件：请输入 #案件号 内容；图片、语音请先单独发 #案件号，再发一次。"
        "回复「列表」查看等待您回复的案件。"
    )


def target_lost(number: int) -> str:
    """Return that the case of this number was closed or is not theirs any more."""
    return f"{NOT_POSTED}\n案件 #{number} 已结案或不再由您跟进。请输入 #案件号 内容，或回复「列表」。"


def target_changed() -> str:
    """Return that another case was notified after the text had been written."""
    return f"{NOT_POSTED}\n您发出之后，最近被通知的案件换了。请输入 #案件号 内容。"


def several_wait() -> str:
    """Return that several cases wait for a reply, and that one must be named."""
    return f"{NOT_POSTED}\n等待您回复的案件不止一个：请输入 #案件号 内容，或回复「列表」。"


def refused(reason: str) -> str:
    """Return that posting was refused, and why."""
    return f"{NOT_POSTED}\n{reason}"


def only_text(advisor_case: Case | None) -> str:
    """Return that this kind cannot be forwarded, with the page of the case to upload it on."""
    page = settings.SITE_URL + (reverse("conversation", args=[advisor_case.number]) if advisor_case else "/messages/")
    return f"这里只能转发文字，您发的内容没有送出。图片和文件请在网站上传：\n{page}"


def waiting_list(cases: Sequence[Case | None], *, numbered: bool = False) -> str:
    """Return the cases, one a line with how long each waits; as many as fit. None stands for one taken from them."""
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
    """Return the list of the cases that wait for a reply."""
    if not cases:
        return NOTHING_WAITS
    return f"等待您回复的案件（{len(cases)}）：\n{waiting_list(cases)}\n输入 #案件号 内容 即可回复。"


def menu(cases: Sequence[Case | None], held: int) -> str:
    """Return the question to which of these cases the held texts go; `held` is how many there are."""
    choices = waiting_list(cases, numbered=True)
    what = f"{held} 条消息" if held > 1 else "消息"
    return f"{what}还没有送出，请选择发到哪个案件：\n{choices}\n回复数字发送，回复 0 取消（10 分钟内有效）。"


def no_such_choice(choice: int, question: str) -> str:
    """Return that the menu has no such item, and the question again."""
    return f"没有第 {choice} 项。\n{question}"


def chosen(case: Case, posted: int, kept: list[str], *, under_way: bool) -> str:
    """Return the receipt of a choice: how many held texts were posted into this case, and why others stay (`kept`).

    `under_way` says that a picture, voice or video among them is still to be fetched.
    """
    lines = [f"✓ 已发送 {posted} 条 → {in_full(case)}\n{CAN_BE_RECALLED}最后一条。"] if posted else []
    lines += ["图片、语音和视频稍后可在网站看到。"] if under_way else []
    return NEWLINE.join([*lines, *dict.fromkeys(kept)])


def shown(text: str) -> str:
    """Return the beginning of an advisor's text, as it is quoted in a receipt."""
    return cut(plain(text), SLIP)


def dropped(text: str) -> str:
    """Return that a held text was cancelled, quoting it if it is known."""
    return f"已取消，消息没有送出：「{shown(text)}」" if text else DROPPED


def slip(text: str) -> str:
    """Return that a text looks like a slip and was held."""
    return f"「{shown(text)}」看起来像误发，没有送出（已保留）。可用的指令：撤回、列表、帮助。"


def really(text: str, case: Case) -> str:
    """Return the question whether a text that looks like a slip is to be posted into this case."""
    return f"{slip(text)}\n确实要发给 {in_full(case)} 请回复 1，不发请回复 0（10 分钟内有效）。"


def how_long(since: datetime | None) -> str:
    """Return how long ago something was, in Chinese: minutes, hours or days."""
    minutes = int((timezone.now() - since).total_seconds() // 60) if since else 0
    if minutes < 60:
        return f"{minutes} 分钟"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} 小时 {minutes} 分" if hours < 24 else f"{hours // 24} 天 {hours % 24} 小时"
