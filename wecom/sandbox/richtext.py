"""A parser of WeCom's texts: links, mentions and its little markup, as parts that the page shows one by one."""

import re
from collections.abc import Iterable, Iterator

from wecom.sandbox.colleagues import Colleague, find

Part = dict[str, str]

_MENTION = r"<@(?P<mention>[^<>\s]{1,64})>"
_URL = r"(?P<url>https?://[!#-&(-;=?-~]+)"
_TEXT = re.compile(rf"{_MENTION}|<a href=[\"'](?P<href>https?://[^\"'<>\s]+)[\"']>(?P<label>[^<>]*)</a>|{_URL}")
_MARKDOWN = re.compile(
    rf"{_MENTION}|\[(?P<label>[^\[\]]+)\]\((?P<href>https?://[^()\s]+)\)|\*\*(?P<bold>[^*]+)\*\*|`(?P<code>[^`]+)`"
    rf"|<font color=[\"'](?P<color>info|comment|warning)[\"']>(?P<colored>[^<]*)</font>|{_URL}"
)
_LINE = re.compile(r"(?P<heading>#{1,6} +)|(?P<quote>> ?)")


def parts_of(text: str, people: list[Colleague], *, markdown: bool = False) -> list[Part]:
    """Split a text into parts with "text" and, where there is one, "style" or "href"."""
    if not markdown:
        return list(_scan(_TEXT, text, people, ""))
    parts: list[Part] = []
    for number, line in enumerate(text.split("\n")):
        start = _LINE.match(line)
        style = (start.lastgroup or "") if start else ""
        parts += [{"text": "\n"}] if number else []
        parts += [{"text": "▏", "style": "quote"}] if style == "quote" else []
        parts += _scan(_MARKDOWN, line[start.end() :] if start else line, people, style)
    return parts


def mention_parts(mentioned: Iterable[str], people: list[Colleague]) -> list[Part]:
    """Give what WeCom puts behind a text for its mentioned_list. Unknown accounts are left out without an error."""
    names = [_mentioned(userid, people) for userid in mentioned]
    return [{"text": f" {name}", "style": "mention"} for name in names if name]


def _scan(pattern: re.Pattern[str], text: str, people: list[Colleague], style: str) -> Iterator[Part]:
    end = 0
    for match in pattern.finditer(text):
        if before := text[end : match.start()]:
            yield _part(before, style)
        end = match.end()
        if url := match["url"]:
            shown = url.rstrip(".,;:!?)")  # the sentence's, not the address's
            end -= len(url) - len(shown)
            yield {"text": shown, "href": shown}
        else:
            yield _markup(match.groupdict(), people, match[0])
    if rest := text[end:]:
        yield _part(rest, style)


def _markup(found: dict[str, str | None], people: list[Colleague], written: str) -> Part:
    if found["mention"]:
        name = _mentioned(found["mention"], people)
        return _part(name or written, "mention" if name else "")
    if found["href"]:
        return {"text": found["label"] or found["href"], "href": found["href"]}
    if found.get("color"):
        return _part(found["colored"] or "", found["color"] or "")
    style = "bold" if found["bold"] else "code"
    return _part(found[style] or "", style)


def _part(text: str, style: str) -> Part:
    return {"text": text, "style": style} if style else {"text": text}


def _mentioned(userid: str, people: list[Colleague]) -> str:
    colleague = find(userid, people)
    if userid == "@all":
        return "@所有人"
    return f"@{colleague.name}" if colleague else ""
