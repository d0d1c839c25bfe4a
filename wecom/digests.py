"""One robot's message about several notifications: a line for each member, with masked names."""

from collections.abc import Sequence
from itertools import groupby

from django.conf import settings
from django.urls import reverse

from advisors.models import Advisor
from wecom.models import NEWS, Notification
from wecom.names import masked, masked_user
from wecom.texts import Payload, group_text, local_time, name_of, news, waits_since, where

Event = Notification.Event
Told = tuple[Notification, int]  # with the number of messages it tells about

MOST_NAMED = 10  # members or advisors; how many there are stands before
MOST_NUMBERS = 3  # cases of one member
HEADS = {
    Event.MEMBER_WROTE: "个案件等待回复",
    Event.STILL_UNREAD: "个案件久未阅读",
    Event.CASE_ASSIGNED: "个案件指派",
    Event.CASE_TAKEN: "个案件转出",
}


def digest_payload(told: list[Told]) -> Payload:
    """Return one robot's message about many notifications, each with its count of messages."""
    rows = [row for row, _count in told]
    if rows[0].event in NEWS:
        return group_text(_news(rows), rows, _references(rows))
    of_member = [list(each) for _key, each in groupby(sorted(told, key=_member_of), key=_member_of)]
    of_member.sort(key=lambda each: min(told.index(one) for one in each))
    lines = [f"{_line(each)}（{_references([row for row, _count in each])}）" for each in of_member]
    head = [f"【汇总】{len(rows)} {HEADS[Event(rows[0].event)]}："] if len(lines) > 1 else []
    return group_text("\n".join([*head, *lines, *_what_to_do(rows)]), rows, rows[0].reference)


def _member_of(one: Told) -> int:
    return one[0].member_id or 0


def _references(rows: list[Notification]) -> str:
    return rows[0].reference + (f" 等 {len(rows)} 条" if len(rows) > 1 else "")


def _line(told: list[Told]) -> str:
    """Return what is said of one member: the case by its number, or several and their number."""
    row, count = told[0]
    assert row.case is not None
    if len(told) == 1:
        return f"{masked(row.case)}：{_said([row], count)}"
    numbers = "、".join(f"#{one.case.number}" for one, _count in told[:MOST_NUMBERS] if one.case)
    more = " 等" if len(told) > MOST_NUMBERS else ""
    rows = [one for one, _count in told]
    said = _said(rows, sum(each for _row, each in told))
    return f"{masked_user(row.case.member.user)}：{len(told)} 个案件（{numbers}{more}）{said}"


def _said(rows: list[Notification], count: int) -> str:
    first = rows[0]
    advisors = list(dict.fromkeys(row.advisor for row in rows))
    if first.event == Event.CASE_ASSIGNED:
        return f"现在由 {_names(advisors)} 跟进。"
    if first.event == Event.CASE_TAKEN:
        return f"不再由 {_names(advisors)} 跟进。"
    since = local_time(min(waits_since(row) for row in rows))
    together = "共 " if len(rows) > 1 else ""
    calls = sum(row.missed_calls for row in rows)
    return f"{together}{news(count, calls)}，{since} 起等待。{_who_follows(advisors)}"


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
    if rows[0].event in {Event.CASE_ASSIGNED, Event.CASE_TAKEN}:
        return [f"查看：{settings.SITE_URL}{reverse('messages')}"]
    unable = any(row.advisor is None or not row.advisor.wecom_userid for row in rows)
    acts = [f"管理员：{_admin('cases_case')}"] if unable else []
    return [f"{where()}输入 #案件号 内容 回复。查看：{settings.SITE_URL}{reverse('messages')}", *acts]


def _news(rows: list[Notification]) -> str:
    """Return how many signed up, applied and were reviewed, the first of them by masked name, and where to look."""
    members = [row.member.user for row in rows if row.event == Event.MEMBER_REGISTERED and row.member]
    applied = [row.advisor.user for row in rows if row.event == Event.ADVISOR_APPLIED and row.advisor]
    reviewed = [row.advisor for row in rows if row.event == Event.ADVISOR_REVIEWED and row.advisor]
    parts = [
        ("位新会员", [masked_user(user) for user in members], "members_member"),
        ("位顾问待审核", [masked_user(user) for user in applied], "advisors_advisor"),
        ("个顾问审核结果", [_review(advisor) for advisor in reviewed], "advisors_advisor"),
    ]
    parts = [part for part in parts if part[1]]
    head = "，".join(f"{len(names)} {what}" for what, names, _model in parts)
    lines = [f"{what[1:]}：{_some(names)}" for what, names, _model in parts]
    links = [f"查看：{_admin(model)}" for model in dict.fromkeys(model for _what, _names, model in parts)]
    return "\n".join([f"【汇总】{head}", *lines, *links])


def _some(names: list[str]) -> str:
    return "、".join(names[:MOST_NAMED]) + (" 等" if len(names) > MOST_NAMED else "")


def _review(advisor: Advisor) -> str:
    return f"{name_of(advisor)}：{advisor.get_status_display()}"


def _admin(model: str) -> str:
    return settings.SITE_URL + reverse(f"admin:{model}_changelist")
