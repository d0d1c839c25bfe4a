"""The table of events: one row for each kind of thing that people are told.

A new event is a row here and a request for it (requests.py, receivers.py). This module imports nothing of ours, so that
all code that handles notifications, the models included, asks the row instead of knowing events by name. What WeCom
calls an event is a callback event here (kinds.py).
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

GROUP, APP, EMAIL = "group", "app", "email"  # Channel.Name


class Priority(models.IntegerChoices):
    """The order of sending (turns.py), the lowest first."""

    ALERT = 1  # a client waits, or a person who has just pressed something
    ASSIGNMENT = 2  # a case was given to an advisor, or taken from one
    NEWS = 3


class Rule(enum.Enum):
    """The rule that decides, at the moment of sending, whether an event is still told (decision.py)."""

    AS_IT_HAPPENED = "told as it happened"
    MEMBER_WAITS = "while the member's messages wait for the follow-up advisor"
    STILL_ASSIGNED = "while the case is still with the advisor it was given to, or away from the one it was taken from"
    REPLY_UNREAD = "while the member has not read the reply"


class Reader(enum.Enum):
    """The reader of an event, where it is not the whole group."""

    NAMED = "the advisor that the row names from the beginning"
    FOLLOWER = "the advisor who follows the case when it is sent"
    MEMBER = "the case's member"


@dataclass(frozen=True, kw_only=True)
class Event:
    """All that is known of an event.

    Texts are templates; their braces hold names of words.WORDS, those of group_line also names of digests.py.
    """

    name: str  # stored in Notification.event
    label: Promise  # in the admin
    channels: tuple[str, ...]  # that it can go by
    reader: Reader | None = None
    rule: Rule = Rule.AS_IT_HAPPENED
    priority: Priority = Priority.ALERT
    # A case has one waiting at most by each channel; messages that come meanwhile join it.
    gathered: bool = False
    # Goes to the advisor directly; the group is told in their place only when the advisor cannot be.
    direct_first: bool = False
    # When it is delivered, its case becomes the reply target of the advisor who was told. The robot mentions them.
    moves_target: bool = False
    held_by_quiet_hours: bool = True
    # To the app as a card with a button, for those who have not asked for plain text.
    as_card: bool = False
    # Not a message: changes the card whose button was pressed (DOC 94888).
    updates_card: bool = False
    # Stands before the number of messages: 「久未阅读，2 条消息」.
    urgency: str = ""
    # Text for the group, and text for the advisor alone. An event of one channel has one of them.
    group: str = ""
    direct: str = ""
    # Events of one such word may stand in one message together; one without goes out by itself.
    digest: str = ""
    digest_head: str = ""  # 【汇总】3 个案件指派
    group_line: str = ""  # of one member, or of one person in the news
    direct_line: str = ""  # of one case
    admin: str = ""  # of the news: the admin's list to look at


# An alert and its reminders say the same; what is urgent stands before {waits}.
OF_A_CASE_THAT_WAITS = "{masked}：{waits}{preview}\n{who_answers}"
LINE_OF_CASES_THAT_WAIT = "{waiting}{who_follows}"

MEMBER_REGISTERED = Event(
    name="member_registered",
    label=_("新会员注册"),
    channels=(GROUP,),
    priority=Priority.NEWS,
    group="【新会员】{member} 刚刚注册。\n{member_link}",
    digest="news",
    digest_head="位新会员",
    group_line="{member}",
    admin="members_member",
)
ADVISOR_APPLIED = Event(
    name="advisor_applied",
    label=_("新顾问申请"),
    channels=(GROUP,),
    priority=Priority.NEWS,
    group="【顾问待审核】{applicant} 申请成为 RCIC 顾问，请管理员审核：\n{advisor_link}",
    digest="news",
    digest_head="位顾问待审核",
    group_line="{applicant}",
    admin="advisors_advisor",
)
ADVISOR_REVIEWED = Event(
    name="advisor_reviewed",
    label=_("顾问审核结果"),
    channels=(GROUP,),
    priority=Priority.NEWS,
    group="【顾问审核】{advisor}：{advisor_status}。",
    digest="news",
    digest_head="个顾问审核结果",
    group_line="{advisor}：{advisor_status}",
    admin="advisors_advisor",
)
MEMBER_WROTE = Event(
    name="member_wrote",
    label=_("会员来信"),
    channels=(GROUP, APP),
    reader=Reader.FOLLOWER,
    rule=Rule.MEMBER_WAITS,
    gathered=True,
    moves_target=True,
    as_card=True,
    group=OF_A_CASE_THAT_WAITS,
    direct="{case}：{waits}{last_lines}\n{how_to_answer}\n查看：{page}",
    digest="member_wrote",
    digest_head="个案件等待回复",
    group_line=LINE_OF_CASES_THAT_WAIT,
    direct_line="{case_in_short}：{came_since}",
)
STILL_UNREAD = Event(
    name="still_unread",
    label=_("会员来信久未阅读"),
    channels=(GROUP,),
    reader=Reader.FOLLOWER,
    rule=Rule.MEMBER_WAITS,
    gathered=True,
    moves_target=True,
    urgency="久未阅读，",
    group=OF_A_CASE_THAT_WAITS,
    digest="still_unread",
    digest_head="个案件久未阅读",
    group_line=LINE_OF_CASES_THAT_WAIT,
)
STILL_UNANSWERED = Event(
    name="still_unanswered",
    label=_("会员来信久未回复"),
    channels=(GROUP,),
    reader=Reader.FOLLOWER,
    rule=Rule.MEMBER_WAITS,
    gathered=True,
    moves_target=True,
    urgency="久未回复，",
    group=OF_A_CASE_THAT_WAITS,
    digest="still_unanswered",
    digest_head="个案件久未回复",
    group_line=LINE_OF_CASES_THAT_WAIT,
)
REPLY_UNREAD = Event(
    name="reply_unread",
    label=_("会员未读回复"),
    channels=(EMAIL,),
    reader=Reader.MEMBER,
    rule=Rule.REPLY_UNREAD,
    gathered=True,
    held_by_quiet_hours=False,
)
CASE_ASSIGNED = Event(
    name="case_assigned",
    label=_("案件指派"),
    channels=(APP, GROUP),
    reader=Reader.NAMED,
    rule=Rule.STILL_ASSIGNED,
    priority=Priority.ASSIGNMENT,
    direct_first=True,
    moves_target=True,
    group="{masked}：案件指派，现在由 {advisor} 跟进。{there_waits}\n查看：{page}",
    direct="{case}：案件指派，现在由您跟进。{there_waits}\n查看：{page}",
    digest="case_assigned",
    digest_head="个案件指派",
    group_line="现在由 {advisors} 跟进。{waiting}",
    direct_line="{case_in_short}{colon}{there_waits}",
)
CASE_TAKEN = Event(
    name="case_taken",
    label=_("案件转出"),
    channels=(APP, GROUP),
    reader=Reader.NAMED,
    rule=Rule.STILL_ASSIGNED,
    priority=Priority.ASSIGNMENT,
    direct_first=True,
    group="{masked}：案件转出，不再由 {advisor} 跟进。",
    direct="{case_if_allowed}：案件转出，不再由您跟进。",
    digest="case_taken",
    digest_head="个案件转出",
    group_line="不再由 {advisors} 跟进。",
    direct_line="{case_in_short_if_allowed}",
)
CARD_CHOSEN = Event(
    name="card_chosen",
    label=_("卡片已选择"),
    channels=(APP,),
    reader=Reader.NAMED,
    held_by_quiet_hours=False,  # a person has just pressed it, and waits
    updates_card=True,
    direct="{chosen}",
)
TEST = Event(
    name="test",
    label=_("测试消息"),
    channels=(GROUP, APP),
    reader=Reader.NAMED,
    held_by_quiet_hours=False,
    group="【测试】这是佳忆网站的测试消息，收到即表示此通道可用。",
    direct="【测试】这是佳忆网站的测试消息，收到即表示此通道可用。",
)

EVENTS = {event.name: event for event in list(globals().values()) if isinstance(event, Event)}
# Names, for queries.
MOVES_TARGET = [event.name for event in EVENTS.values() if event.moves_target]
OF_MESSAGES = [event.name for event in EVENTS.values() if event.rule is Rule.MEMBER_WAITS]


def choices() -> Iterator[tuple[str, Promise]]:
    """Give the names with their labels. A function, so that a new event is no new migration."""
    return ((event.name, event.label) for event in EVENTS.values())
