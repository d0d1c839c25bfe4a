"""Recognition of commands, however they are typed, and of slips that no client should read."""

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
# What people say around a command when they speak to a person: 请帮我撤回一下最后一条消息.
BEFORE = "请 麻烦 您 你 帮忙 帮 我 给我 我要 我想 把 上一条 刚才 刚刚 那条 查看 看 回复 please"
AFTER = "一下 下 吧 最后一条 最后 上一条 上一句 刚才 刚刚 那条 这条 这个 它 的 消息 案件 发错了 谢谢 呢 啊 please all"
LONGEST = 40  # characters; a longer text is meant for a client
SHORT = 8  # letters; a text of so many that begins with 撤回 is asked about
_ANY = "(?:" + "|".join(COMMANDS) + ")"
_SPOKEN = re.compile(f"(?:{BEFORE.replace(' ', '|')})*{_ANY}(?:{AFTER.replace(' ', '|')})*")
# A number beside a word counts only after #, but for 撤回 1042: "2024 list" and "100% help" are meant for a client.
_WITH_NUMBER_SIGN = re.compile(r"\W*(?:#\W*[0-9]+\W*)?[^\W\d]+\W*(?:#\W*[0-9]+\W*)?")
_CHOICE = re.compile(r"[\W_]*(0|[1-9][0-9]?)[\W_]*")
_DIGITS = re.compile("[0-9]+")
_SAYS_NOTHING = set("~～|^`_=<>")


def bare(text: str) -> str:
    """Return the letters and digits alone, wide ones narrow, in lower case: 「帮 助。」 and `Help!` are commands."""
    return "".join(char for char in _narrow(text) if char.isalnum())


def _narrow(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def command_in(text: str) -> tuple[str, int | None] | None:
    """Return which command the whole text is, and the case number beside it, if one is; None for anything else."""
    narrow = _narrow(text)
    word, numbers = _DIGITS.sub("", bare(text)), _DIGITS.findall(narrow)
    if len(text) > LONGEST or word not in COMMANDS or len(numbers) > 1:
        return None
    signed = word.isascii() or COMMANDS[word] != RECALL
    if numbers and (len(numbers[0]) > 9 or (signed and not _WITH_NUMBER_SIGN.fullmatch(narrow))):
        return None
    return COMMANDS[word], int(numbers[0]) if numbers else None


def choice_in(text: str) -> int | None:
    """Return the number of an item of a menu, if that is the whole text; 6.5, 1-2, -1 and 02 are none."""
    narrow = _narrow(text).lstrip()
    if _has_sign(text) or unicodedata.category(narrow[:1] or " ") == "Pd":
        return None
    found = _CHOICE.fullmatch(narrow)
    return int(found[1]) if found else None


def looks_like_a_slip(text: str) -> bool:
    """Return whether the text is nothing but punctuation or one or two digits, or is much like a command."""
    letters = bare(text)
    word, numbers = _DIGITS.sub("", letters), _DIGITS.findall(_narrow(text))
    if not letters or (numbers == [letters] and len(letters) <= 2):
        return not _has_sign(text)
    if len(text) > LONGEST:
        return False
    if word in LIKE_COMMANDS:
        return True
    if word.isascii():
        return word == letters and _SPOKEN.fullmatch(word) is not None
    begins = word.startswith(("撤回", "撤销", "撤消")) and len(word) <= SHORT
    return begins or _SPOKEN.fullmatch(word) is not None


def asks_to_recall(text: str) -> bool:
    """Return whether a slip asks for 撤回 in the words one uses to a person."""
    words = [word for word, command in COMMANDS.items() if command == RECALL]
    return looks_like_a_slip(text) and any(word in bare(text) for word in words)


def _has_sign(text: str) -> bool:
    """Return whether the text has a sign that has a meaning without letters: 👍, √, +1, 50%, $5."""
    return any(char in "%％‰" or (unicodedata.category(char)[0] == "S" and char not in _SAYS_NOTHING) for char in text)
