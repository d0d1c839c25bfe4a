"""How to tell what an advisor typed for us from what is meant for a client: commands however they are written, and
slips that no client should read."""

import re
import unicodedata

RECALL, LIST, HELP = "撤回", "列表", "帮助"
COMMANDS = {
    "撤回": RECALL,
    "撤销": RECALL,
    "撤消": RECALL,
    "recall": RECALL,
    "undo": RECALL,
    "列表": LIST,
    "list": LIST,
    "帮助": HELP,
    "help": HELP,
}
# Of no use as a whole message to a client, and much like what people type to a machine.
LIKE_COMMANDS = {"取消", "菜单", "退出", "menu", "cancel"}
# What people say around a command when they speak to a person: 请帮我撤回一下上一条消息.
BEFORE = ("请", "麻烦", "您", "你", "帮我", "给我", "我要", "我想", "把", "上一条", "刚才", "那条", "please", "show")
AFTER = (
    "一下",
    "吧",
    "上一条",
    "上条",
    "刚才",
    "那条",
    "这条",
    "的",
    "消息",
    "谢谢",
    "呢",
    "啊",
    "please",
    "me",
    "all",
)
LONGEST = 40  # characters; whatever is longer is meant for somebody
_WORD = "|".join(COMMANDS)
_SPOKEN = re.compile(rf"(?:{'|'.join(BEFORE)})*(?:{_WORD})(?:{'|'.join(AFTER)})*")
# A number beside the word: after #, or right at it.
_BESIDE = re.compile(
    r"\W*(?:#\W*([0-9]{1,9})|([0-9]{1,9})(?=[^\W0-9]))?"
    r"(\D*?)"
    r"(?:#\W*([0-9]{1,9})|(?<=[^\W0-9])([0-9]{1,9}))?\W*",
    re.DOTALL,
)
_CHOICE = re.compile("[0-9]{1,2}")
_SAYS_NOTHING = set("~～|^`_=<>")


def bare(text: str) -> str:
    """Return the letters and digits alone, wide ones narrow, in lower case: 「帮 助。」 and `Help!` are commands."""
    return "".join(char for char in _narrow(text) if char.isalnum())


def _narrow(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def command_in(text: str) -> tuple[str, int | None] | None:
    """Return which command the whole text is, and the case number beside it, if one is; None for anything else."""
    found = _BESIDE.fullmatch(_narrow(text)) if len(text) <= LONGEST else None
    name = COMMANDS.get(bare(found[3])) if found else None
    if found is None or name is None:
        return None
    number = next((digits for digits in (found[1], found[2], found[4], found[5]) if digits), None)
    return name, int(number) if number else None


def choice_in(text: str) -> int | None:
    """Return the number of an item of a menu, if that is the whole text."""
    found = _CHOICE.fullmatch(bare(text)) if not _has_sign(text) else None
    return int(found[0]) if found else None


def looks_like_a_slip(text: str) -> bool:
    """Whether the text is nothing but punctuation or one or two digits, or is much like a command."""
    if len(text) > LONGEST:
        return False
    letters = bare(text)
    if not letters or _CHOICE.fullmatch(letters):
        return not _has_sign(text)
    return letters in LIKE_COMMANDS or _SPOKEN.fullmatch(letters) is not None


def _has_sign(text: str) -> bool:
    """Whether something stands in it that says something without letters: 👍, √, +1, 50%, $5."""
    return any(char in "%％‰" or (unicodedata.category(char)[0] == "S" and char not in _SAYS_NOTHING) for char in text)
