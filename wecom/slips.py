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
LIKE_COMMANDS = {"取消", "菜单", "退出", "menu", "cancel", "stop"}
LONGER = 3  # characters beside a command, as in 请撤回 or 撤回上一条
_WORD = "|".join(COMMANDS)
_COMMAND = re.compile(rf"([0-9]{{0,9}})({_WORD})([0-9]{{0,9}})")
_CHOICE = re.compile("[0-9]{1,2}")


def bare(text: str) -> str:
    """Return the letters and digits alone, wide ones narrow, in lower case: 「帮 助。」 and `Help!` are commands."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def command_in(text: str) -> tuple[str, int | None] | None:
    """Return which command the whole text is, and the case number beside it, if one is; None for anything else."""
    found = _COMMAND.fullmatch(bare(text))
    if found is None:
        return None
    number = found[1] or found[3]
    return COMMANDS[found[2]], int(number) if number else None


def choice_in(text: str) -> int | None:
    """Return the number of an item of a menu, if that is the whole text."""
    found = _CHOICE.fullmatch(bare(text)) if not _has_picture(text) else None
    return int(found[0]) if found else None


def looks_like_a_slip(text: str) -> bool:
    """Whether the text is nothing but punctuation or one or two digits, or is much like a command."""
    letters = bare(text)
    if not letters:
        return not _has_picture(text)
    if _CHOICE.fullmatch(letters) or letters in LIKE_COMMANDS:
        return True
    return any(
        len(letters) <= len(word) + LONGER and (letters.startswith(word) or letters.endswith(word)) for word in COMMANDS
    )


def _has_picture(text: str) -> bool:
    """Whether something stands in it that says something without letters, like 👍."""
    return any(unicodedata.category(char) == "So" for char in text)
