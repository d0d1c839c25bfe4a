"""The small model of the random world: who may write where, and since when each advisor's answers go to which case."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

MENU_FOR = timedelta(minutes=10)


@dataclass
class Menu:
    """A question to an advisor: to which of the cases the held texts go, or (`really`) whether they go at all."""

    cases: list[int]
    at: datetime
    really: bool = False
    held: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return datetime.now(UTC) - self.at <= MENU_FOR and bool(self.held)


@dataclass
class Model:
    asks: bool = False  # WECHAT_REPLY_ROUTING=ask
    follows: dict[int, int | None] = field(default_factory=dict)  # case -> advisor
    closed: set[int] = field(default_factory=set)
    working: set[int] = field(default_factory=set)
    bound: dict[int, str] = field(default_factory=dict)  # advisor -> userid, lower case
    waits: dict[int, datetime] = field(default_factory=dict)  # case -> since when it waits for an answer
    told: dict[int, datetime | None] = field(default_factory=dict)  # case -> when who follows it was told, as stored
    target: dict[int, tuple[int, datetime]] = field(default_factory=dict)  # advisor -> case, since when
    chosen: dict[int, datetime] = field(default_factory=dict)  # advisor -> when they named their target themselves
    menus: dict[int, Menu] = field(default_factory=dict)
    texts: dict[int, list[str]] = field(default_factory=dict)  # case -> what came from WeCom
    aside: list[tuple[str, str, int | None, datetime]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def sender(self, userid: str) -> int | None:
        found = [a for a, bound in self.bound.items() if bound == userid.lower() and a in self.working]
        return found[0] if found else None

    def say(self, userid: str, text: str, case: int | None, at: datetime, *, late: bool = False) -> None:
        """`text` is empty for a number alone, a digit for a choice, and punctuation for a slip."""
        advisor = self.sender(userid)
        if advisor is None:
            self.seen["no such sender"] += 1
        elif case is not None:
            self.to_number(advisor, text, case, at)
        elif text.isdigit() and advisor in self.menus:
            self.choose(advisor, text, at, late=late)
        elif text.isdigit() or text == "？":
            self.slip(advisor, text, at, late=late)
        else:
            self.answer(advisor, text, at, late=late)

    def to_number(self, advisor: int, text: str, case: int, at: datetime) -> None:
        if self.follows[case] != advisor:
            self.seen["number of another"] += 1
        elif case not in self.closed and text:
            self.seen["to the number"] += 1
            self.write(advisor, case, text)
        elif case not in self.closed and self.point(advisor, case, at):
            self.chosen[advisor] = at

    def write(self, advisor: int, case: int, text: str) -> None:
        if self.follows[case] == advisor and case not in self.closed:
            self.texts[case].append(text)
            self.waits.pop(case, None)

    def answer(self, advisor: int, text: str, at: datetime, *, late: bool) -> None:
        menu = self.menus.get(advisor)
        if menu is not None and menu.is_open and not menu.really:
            self.seen["joined"] += not late
            self.ask(advisor, text, self.waiting(advisor), late=late)
            return
        there = self.destination(advisor, at)
        if isinstance(there, int):
            self.seen["to the target"] += 1
            self.write(advisor, there, text)
        elif there:
            self.seen["asked"] += not late
            self.ask(advisor, text, there, late=late)

    def waiting(self, advisor: int) -> list[int]:
        mine = [case for case in self.waits if self.follows[case] == advisor and case not in self.closed]
        return sorted(mine, key=lambda case: self.waits[case])

    def destination(self, advisor: int, at: datetime) -> int | list[int]:
        """The case, or those to ask about; none when it goes nowhere."""
        waiting = self.waiting(advisor)
        if self.asks and len(waiting) > 1:
            case, _since = self.target.get(advisor, (None, at))
            answered = case is not None and self.is_usable(advisor, case) and case not in waiting
            return [case, *waiting] if answered and case is not None else waiting
        if self.asks and waiting and not self.is_chosen(advisor, waiting):
            told = self.told.get(waiting[0])
            if told is not None and told <= at:
                return waiting[0]
        case, since = self.target.get(advisor, (None, at))
        if case is None:
            self.seen["no target"] += 1
        elif self.follows[case] != advisor:
            self.seen["target handed over"] += 1
        elif case in self.closed:
            self.seen["target closed"] += 1
        elif since > at:
            self.seen["target notified since"] += 1
        else:
            others = [one for one in waiting if one != case]
            certain = case in self.waits or not others or self.is_chosen(advisor, others)
            return case if certain else [case, *others]
        return []

    def is_chosen(self, advisor: int, others: list[int]) -> bool:
        at, (case, _since) = self.chosen.get(advisor), self.target.get(advisor, (None, None))
        usable = case is not None and self.is_usable(advisor, case)
        return usable and at is not None and all(self.waits[one] <= at for one in others)

    def is_usable(self, advisor: int, case: int) -> bool:
        return self.follows[case] == advisor and case not in self.closed

    def ask(self, advisor: int, text: str, cases: list[int], *, late: bool, really: bool = False) -> None:
        if late:
            return
        menu = self.menus.get(advisor)
        if menu is None or really or menu.really or not menu.is_open:
            menu = self.menus[advisor] = Menu([], datetime.now(UTC), really)
        menu.cases += [case for case in cases if case not in menu.cases]
        menu.at = datetime.now(UTC)
        menu.held.append(text)

    def slip(self, advisor: int, text: str, at: datetime, *, late: bool) -> None:
        self.seen["slip"] += 1
        menu = self.menus.get(advisor)
        if menu is not None and menu.is_open and not menu.really:
            return
        there = self.destination(advisor, at)
        if isinstance(there, int):
            self.ask(advisor, text, [there], late=late, really=True)
        elif there:
            self.ask(advisor, text, there, late=late)

    def choose(self, advisor: int, text: str, at: datetime, *, late: bool) -> None:
        menu, digit = self.menus[advisor], int(text)
        if menu.at > at:
            return
        if digit > len(menu.cases) and menu.really:
            self.slip(advisor, text, at, late=late)
        elif not menu.is_open:
            menu.at = menu.at if late else datetime.now(UTC)  # asked again
        elif digit <= len(menu.cases):
            self.seen["chose"] += 1
            del self.menus[advisor]
            for text in menu.held if digit else []:
                self.write(advisor, menu.cases[digit - 1], text)

    def point(self, advisor: int, case: int, at: datetime) -> bool:
        before, since = self.target.get(advisor, (None, at))
        if before != case and since <= at:
            self.target[advisor] = (case, at)
            self.chosen.pop(advisor, None)
        return self.target.get(advisor, (None, at))[0] == case

    def bring_in(self) -> None:
        self.seen["late"] += len(self.aside)
        for userid, text, case, at in self.aside:
            self.say(userid, text, case, at, late=True)
        self.aside.clear()
