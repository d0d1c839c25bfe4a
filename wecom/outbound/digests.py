"""One message about several notifications: to the group a line for each member, with masked names; to an advisor
a line for each case, in full."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from django.conf import settings
from django.urls import reverse

from advisors.models import Advisor
from wecom.models import NEWS, Channel, Notification
from wecom.names import in_short, masked, masked_user
from wecom.outbound.texts import (
    Payload,
    direct_text,
    group_text,
    local_time,
    name_of,
    news,
    there_waits,
    waits_since,
    where,
)

Event = Notification.Event

MOST_NAMED = 10  # members or advisors; how many there are stands before
MOST_NUMBERS = 3  # cases of one member
HEADS = {
    Event.MEMBER_WROTE: "个案件等待回复",
    Event.STILL_UNREAD: "个案件久未阅读",
    Event.STILL_UNANSWERED: "个案件久未回复",
    Event.CASE_ASSIGNED: "个案件指派",
    Event.CASE_TAKEN: "个案件转出",
}


def digest_payload(rows: list[Notification]) -> Payload:
    """Return one message about many notifications of one way: the robot's, or a text to the advisor of them all."""
    first = rows[0]
    if first.channel == Channel.Name.APP:
        return direct_text("\n".join([*_direct_lines(rows), f"查看：{_cases()}"]), first)
    if first.event in NEWS:
        return group_text(_news(rows), rows, _references(rows))
    of_member = [list(each) for _key, each in groupby(sorted(rows, key=_member_of), key=_member_of)]
    of_member.sort(key=lambda each: min(rows.index(one) for one in each))
    lines = [f"{_line(each)}（{_references(each)}）" for each in of_member]
    head = [f"【汇总】{len(rows)} {HEADS[Event(first.event)]}："] if len(lines) > 1 else []
    return group_text("\n".join([*head, *lines, *_what_to_do(rows)]), rows, first.reference)


def _direct_lines(rows: list[Notification]) -> list[str]:
    """Return a head, a line for each of the first cases, and the numbers of the others."""
    head = f"【汇总】{len(rows)} {HEADS[Event(rows[0].event)]}："
    named = [_direct_line(row) for row in rows[:MOST_NAMED]]
    others = [f"#{row.case.number}" for row in rows[MOST_NAMED:] if row.case]
    what_to_do = [] if rows[0].event == Event.CASE_TAKEN else ["输入 #案件号 内容 回复。"]
    return [head, *named, *(["、".join(others)] if others else []), *what_to_do]


def _direct_line(row: Notification) -> str:
    case = row.case
    assert case is not None
    if row.event == Event.CASE_TAKEN:
        # Who was suspended reads no more of it than that it is gone.
        return in_short(case) if row.advisor and row.advisor.may_work else masked(case)
    if row.event == Event.CASE_ASSIGNED:
        return f"{in_short(case)}{'：' if row.came else ''}{there_waits(row)}"
    return f"{in_short(case)}：{news(row.came)}，{local_time(waits_since(row))} 起等待"


def _member_of(row: Notification) -> int:
    return row.member_id or 0


def _references(rows: list[Notification]) -> str:
    return rows[0].reference + (f" 等 {len(rows)} 条" if len(rows) > 1 else "")


def _line(rows: list[Notification]) -> str:
    """Return what is said of one member: the case by its number, or several and their number."""
    row = rows[0]
    assert row.case is not None
    if len(rows) == 1:
        return f"{masked(row.case)}：{_said(rows)}"
    numbers = "、".join(f"#{one.case.number}" for one in rows[:MOST_NUMBERS] if one.case)
    more = " 等" if len(rows) > MOST_NUMBERS else ""
    return f"{masked_user(row.case.member.user)}：{len(rows)} 个案件（{numbers}{more}）{_said(rows)}"


def _said(rows: list[Notification]) -> str:
    first = rows[0]
    advisors = list(dict.fromkeys(row.advisor for row in rows))
    came = sum((Counter(row.came) for row in rows), Counter())
    since = local_time(min(waits_since(row) for row in rows))
    waits = f"{'共 ' if len(rows) > 1 else ''}{news(came)}，{since} 起等待。" if came else ""
    if first.event == Event.CASE_ASSIGNED:
        return f"现在由 {_names(advisors)} 跟进。{waits}"
    if first.event == Event.CASE_TAKEN:
        return f"不再由 {_names(advisors)} 跟进。"
    return f"{waits}{_who_follows(advisors)}"


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
        return [f"查看：{_cases()}"]
    unable = any(row.advisor is None or not row.advisor.wecom_userid for row in rows)
    acts = [f"管理员：{_admin('cases_case')}"] if unable else []
    return [f"{where()}输入 #案件号 内容 回复。查看：{_cases()}", *acts]


def _cases() -> str:
    return f"{settings.SITE_URL}{reverse('messages')}"


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
