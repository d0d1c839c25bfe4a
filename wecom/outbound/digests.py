"""Digests: one message about several notifications.

The group reads a line for each member, with masked names; an advisor a line for each case, in full.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from django.conf import settings
from django.urls import reverse

from advisors.models import Advisor
from wecom.models import Notification
from wecom.names import masked, masked_user
from wecom.outbound.events import EVENTS, Priority, Rule
from wecom.outbound.words import Rendered, admin_list, counted, fill, local_time, name_of, render, waits_since, where

MOST_NAMED = 10  # members or advisors; how many there are stands before
MOST_NUMBERS = 3  # cases of one member


def for_the_group(rows: list[Notification]) -> tuple[Rendered, str]:
    """Return what the group reads about these rows of one digest, and the reference that stands below it."""
    first = rows[0]
    if first.priority == Priority.NEWS:
        return _open(_news(rows)), _references(rows)
    of_member = [list(each) for _key, each in groupby(sorted(rows, key=_member_of), key=_member_of)]
    of_member.sort(key=lambda each: min(rows.index(one) for one in each))
    lines = [f"{_line(each)}（{_references(each)}）" for each in of_member]
    head = [_head(rows)] if len(lines) > 1 else []
    return _open("\n".join([*head, *lines, *_what_to_do(rows)])), first.reference


def for_an_advisor(rows: list[Notification]) -> Rendered:
    """Return a head, a line for each of the first cases, and the numbers of the others."""
    named = [render(row.rules.direct_line, row) for row in rows[:MOST_NAMED]]
    others = [f"#{row.case.number}" for row in rows[MOST_NAMED:] if row.case]
    below = ["、".join(others)] if others else []
    below += ["输入 #案件号 内容 回复。"] if rows[0].rules.moves_target else []
    below += [f"查看：{_cases()}"]
    return Rendered(
        "\n".join([_head(rows), *(one.text for one in named), *below]),
        "\n".join([_head(rows), *(one.record for one in named), *below]),
    )


def _open(text: str) -> Rendered:
    """Return what the group reads, where nothing is private: the record is the same."""
    return Rendered(text, text)


def _head(rows: list[Notification]) -> str:
    return f"【汇总】{len(rows)} {rows[0].rules.digest_head}："


def _member_of(row: Notification) -> int:
    return row.member_id or 0


def _references(rows: list[Notification]) -> str:
    return rows[0].reference + (f" 等 {len(rows)} 条" if len(rows) > 1 else "")


def _line(rows: list[Notification]) -> str:
    """Return the line about one member: the case by its number, or several and their number."""
    row = rows[0]
    assert row.case is not None
    if len(rows) == 1:
        return f"{masked(row.case)}：{_of_cases(rows)}"
    numbers = "、".join(f"#{one.case.number}" for one in rows[:MOST_NUMBERS] if one.case)
    more = " 等" if len(rows) > MOST_NUMBERS else ""
    return f"{masked_user(row.case.member.user)}：{len(rows)} 个案件（{numbers}{more}）{_of_cases(rows)}"


def _of_cases(rows: list[Notification]) -> str:
    advisors = list(dict.fromkeys(row.advisor for row in rows))
    came = sum((Counter(row.came) for row in rows), Counter())
    since = local_time(min(waits_since(row) for row in rows))
    waiting = f"{'共 ' if len(rows) > 1 else ''}{counted(came)}，{since} 起等待。" if came else ""
    names = {"advisors": _names(advisors), "waiting": waiting, "who_follows": _who_follows(advisors)}
    return fill(rows[0].rules.group_line, names).text


def _who_follows(advisors: list[Advisor | None]) -> str:
    able = [advisor for advisor in advisors if advisor and advisor.wecom_userid]
    unbound = [advisor for advisor in advisors if advisor and not advisor.wecom_userid]
    words = [f"跟进人：{_names(able)}"] if able else []
    words += [f"跟进人：{_names(unbound)}，没有绑定企业微信，请管理员绑定"] if unbound else []
    words += ["没有跟进人，请管理员指派"] if None in advisors else []
    return "；".join(words)


def _names(advisors: Sequence[Advisor | None]) -> str:
    named = [name_of(advisor) for advisor in advisors[:MOST_NUMBERS]]
    return "、".join(named) + (" 等" if len(advisors) > MOST_NUMBERS else "")


def _what_to_do(rows: list[Notification]) -> list[str]:
    if rows[0].rules.rule is not Rule.MEMBER_WAITS:
        return [f"查看：{_cases()}"]
    unable = any(row.advisor is None or not row.advisor.wecom_userid for row in rows)
    acts = [f"管理员：{admin_list('cases_case')}"] if unable else []
    return [f"{where()}输入 #案件号 内容 回复。查看：{_cases()}", *acts]


def _cases() -> str:
    return f"{settings.SITE_URL}{reverse('messages')}"


def _news(rows: list[Notification]) -> str:
    """Return how many signed up, applied and were reviewed, the first of them by masked name, and where to look."""
    of_event = {event: [row for row in rows if row.event == event.name] for event in EVENTS.values()}
    parts = [(event, some) for event, some in of_event.items() if some]
    head = "，".join(f"{len(some)} {event.digest_head}" for event, some in parts)
    lines = [f"{event.digest_head[1:]}：{_some(some)}" for event, some in parts]
    links = [f"查看：{admin_list(model)}" for model in dict.fromkeys(event.admin for event, _some in parts)]
    return "\n".join([f"【汇总】{head}", *lines, *links])


def _some(rows: list[Notification]) -> str:
    named = [render(row.rules.group_line, row).text for row in rows[:MOST_NAMED]]
    return "、".join(named) + (" 等" if len(rows) > MOST_NAMED else "")
