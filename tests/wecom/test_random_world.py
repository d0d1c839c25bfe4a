"""Random lives of advisors and cases. A small model says where each WeCom text belongs; nothing may be misrouted."""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from advisors.actions import approve_advisor, bind_wecom_account, suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, reopen_case
from cases.models import Case, Message
from tests.people import World, says
from tests.wecom.colleague import WeCom
from tests.wecom.robot import Robot
from wecom import callback
from wecom.delivery import deliver_due
from wecom.spool import bring_in

USERIDS = ["LiMing", "ZhangWei", "gao.yuan"]
advisors = st.integers(0, 2)
cases = st.integers(0, 3)
# Shrinking takes minutes, in which nothing new is found; HYPOTHESIS_SHRINK=1 asks for it.
PHASES = [phase for phase in Phase if phase is not Phase.shrink or os.environ.get("HYPOTHESIS_SHRINK")]
rarely = st.sampled_from([False, False, False, True])
# Which case is named, if one is; mostly none, because then there is something to get wrong.
named = st.sampled_from([None, None, None, 0, 1, 2, 3])
senders = st.sampled_from([*USERIDS[:2] * 3, *USERIDS, "LIMING", "zhangwei", "WangFang"])
# What the random lives must have come across, or they prove nothing.
SITUATIONS = {
    "to the number",
    "to the target",
    "no such sender",
    "no target",
    "target handed over",
    "target closed",
    "target notified since",
    "number of another",
    "late",
    "repeated",
}


@dataclass
class Model:
    """Fifty lines that know who may write where, and since when each advisor's answers go to which case."""

    follows: dict[int, int | None] = field(default_factory=dict)  # case -> advisor
    closed: set[int] = field(default_factory=set)
    working: set[int] = field(default_factory=set)
    bound: dict[int, str] = field(default_factory=dict)  # advisor -> userid, lower case
    target: dict[int, tuple[int, datetime]] = field(default_factory=dict)  # advisor -> case, since when
    texts: dict[int, list[str]] = field(default_factory=dict)  # case -> what came from WeCom
    aside: list[tuple[str, str, int | None, datetime]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def sender(self, userid: str) -> int | None:
        found = [a for a, bound in self.bound.items() if bound == userid.lower() and a in self.working]
        return found[0] if found else None

    def say(self, userid: str, text: str, case: int | None, at: datetime) -> None:
        """`text` is empty for a number alone."""
        advisor = self.sender(userid)
        if advisor is None:
            self.seen["no such sender"] += 1
        elif case is None:
            self.answer(advisor, text, at)
        elif self.follows[case] != advisor:
            self.seen["number of another"] += 1
        elif case not in self.closed:
            self.seen["to the number"] += 1
            self.texts[case] += [text] if text else []
            if not text:
                self.point(advisor, case, at)

    def answer(self, advisor: int, text: str, at: datetime) -> None:
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
            self.seen["to the target"] += 1
            self.texts[case].append(text)

    def point(self, advisor: int, case: int, at: datetime) -> None:
        before, since = self.target.get(advisor, (None, at))
        if before != case and since <= at:
            self.target[advisor] = (case, at)

    def bring_in(self) -> None:
        self.seen["late"] += len(self.aside)
        for said in self.aside:
            self.say(*said)
        self.aside.clear()


class Life(RuleBasedStateMachine):
    robot: Robot
    wecom: WeCom
    world: World
    said = 0
    misrouted = 0
    seen: Counter[str] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.clock = time_machine.travel(datetime(2026, 11, 23, 17, 0, tzinfo=UTC), tick=False)
        self.now = self.clock.start()
        world = self.world
        self.people = [Advisor.objects.get(pk=a.pk) for a in (world.li, world.zhang, world.gone)]
        self.members = [world.wang, world.lin]
        first, second = Case.objects.get(pk=world.case.pk), Case.objects.get(pk=world.other_case.pk)
        self.cases = [first, second, open_case(world.wang, "三"), open_case(world.lin, "四")]
        self.model = Model(follows={0: 0, 1: 0, 2: None, 3: None}, working={0, 1}, texts={n: [] for n in range(4)})
        self.model.seen = Life.seen
        self.sent: list[tuple[str, bytes, int]] = []
        for advisor in (0, 1):
            bind_wecom_account(self.people[advisor], USERIDS[advisor])
            self.model.bound[advisor] = USERIDS[advisor].lower()

    def teardown(self) -> None:
        bring_in()  # the next life begins with an empty spool
        self.clock.stop()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @initialize()
    def each_turn_once(self) -> None:
        """Every life begins with what must not be missed, whatever chance brings afterwards."""
        self.advisor_says(USERIDS[0], None, away=False)
        for case, then in ((0, "nothing"), (0, "another"), (0, "handed over"), (1, "closed")):
            self.advisor_is_told_and_answers(case, then, other=1)

    @rule(case=cases)
    def member_writes(self, case: int) -> None:
        if case not in self.model.closed:
            says(self.cases[case], self.members[case % 2], "在吗？")

    @rule(case=cases, refuse=rarely)
    def member_writes_and_the_worker_runs(self, case: int, refuse: bool) -> None:
        self.member_writes(case)
        self.now.shift(70)
        self.robot.script = [{"errcode": -1, "errmsg": "busy"}] * 3 if refuse else []
        before = len(self.robot.payloads)
        deliver_due()
        for payload in self.robot.payloads[before:]:
            self.group_hears(payload["text"]["content"], payload["text"].get("mentioned_list", []))
        self.now.shift(1)

    def group_hears(self, text: str, mentioned: list[str]) -> None:
        """Whoever is mentioned has been told of the case that the text names; of several, none is the last."""
        numbers = {int(number) for number in re.findall(r"^#([0-9]+) ", text, re.MULTILINE)}
        told = [number for number, case in enumerate(self.cases) if case.number in numbers]
        for advisor, bound in self.model.bound.items():
            if bound in {userid.lower() for userid in mentioned}:
                if len(told) == 1:
                    self.model.point(advisor, told[0], datetime.now(UTC))
                else:
                    self.model.target.pop(advisor, None)

    @rule(case=cases, then=st.sampled_from(["nothing", "handed over", "closed", "another"]), other=cases)
    def advisor_is_told_and_answers(self, case: int, then: str, other: int) -> None:
        """What there is most to get wrong about, more often than chance has it."""
        advisor = self.model.follows[case]
        if advisor not in self.model.working or not self.model.bound.get(advisor) or case in self.model.closed:
            return
        userid = self.model.bound[advisor]
        self.member_writes_and_the_worker_runs(case, refuse=False)
        if then == "handed over":
            self.assign(case, min(self.model.working - {advisor}, default=None))
        elif then == "closed":
            self.close_or_reopen(case, really=True)
        self.advisor_says(userid, None, away=then == "another")
        if then == "another":
            self.member_writes_and_the_worker_runs(other, refuse=False)
            self.worker_brings_in()

    @rule(case=cases, advisor=st.sampled_from([None, 0, 0, 1, 1, 2]))
    def assign(self, case: int, advisor: int | None) -> None:
        if advisor is None or advisor in self.model.working:
            assign_advisor(self.cases[case], None if advisor is None else self.people[advisor], by=self.world.admin)
            self.model.follows[case] = advisor

    @rule(advisor=advisors, really=rarely)
    def suspend_or_approve(self, advisor: int, really: bool) -> None:
        if advisor not in self.model.working:
            approve_advisor(self.people[advisor], by=self.world.admin)
        elif really:
            suspend_advisor(self.people[advisor], by=self.world.admin)
        else:
            return
        self.model.working ^= {advisor}

    @rule(advisor=advisors, userid=st.sampled_from(["", *USERIDS]), really=rarely)
    def bind(self, advisor: int, userid: str, really: bool) -> None:
        userid = userid if really else USERIDS[advisor]
        if userid.lower() not in [b for a, b in self.model.bound.items() if a != advisor and b]:
            bind_wecom_account(self.people[advisor], userid)
            self.model.bound[advisor] = userid.lower()

    @rule(case=cases, really=rarely)
    def close_or_reopen(self, case: int, really: bool) -> None:
        if case in self.model.closed:
            reopen_case(self.cases[case])
        elif really:
            close_case(self.cases[case])
        else:
            return
        self.model.closed ^= {case}

    @rule(userid=senders, case=named, away=rarely)
    def advisor_says(self, userid: str, case: int | None, away: bool) -> None:
        Life.said += 1
        self.says(userid, f"回复 {Life.said}", case, away)

    @rule(userid=senders, case=cases, away=rarely)
    def advisor_writes_a_number_alone(self, userid: str, case: int, away: bool) -> None:
        self.says(userid, "", case, away)

    def says(self, userid: str, text: str, case: int | None, away: bool) -> None:
        """`away`: the database cannot take it, and it waits on the disk."""
        self.now.shift(1)
        number = "" if case is None else f"#{self.cases[case].number} "
        url, body = self.wecom.sealed(self.wecom.message(userid, "text", {"Content": number + text}))
        if away:
            with pytest.MonkeyPatch.context() as busy:
                busy.setattr(callback, "ANSWER_WITHIN", 0)
                self.sent.append((url, body, self.deliver(url, body)))
            self.model.aside.append((userid, text, case, datetime.now(UTC)))
            return
        self.model.bring_in()  # what came first goes in first
        self.model.say(userid, text, case, datetime.now(UTC))
        self.sent.append((url, body, self.deliver(url, body)))

    @rule()
    def worker_brings_in(self) -> None:
        self.now.shift(1)
        self.model.bring_in()
        bring_in()

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1000))
    def wecom_delivers_again(self, which: int) -> None:
        self.now.shift(1)
        Life.seen["repeated"] += 1
        url, body, status = self.sent[which % len(self.sent)]
        self.model.bring_in()
        assert self.deliver(url, body) == status

    def deliver(self, url: str, body: bytes) -> int:
        return self.wecom.client.post(url, body, content_type="text/xml").status_code

    @invariant()
    def every_text_is_where_it_belongs(self) -> None:
        found: dict[int, list[str]] = {}
        for number, case in enumerate(self.cases):
            written = Message.objects.filter(case=case).order_by("seq")
            assert list(written.values_list("seq", flat=True)) == list(range(1, len(written) + 1))
            found[number] = list(written.filter(source="wecom").values_list("body", flat=True))
        Life.misrouted += found != self.model.texts
        assert found == self.model.texts


@pytest.mark.django_db
def test_in_a_random_world_nothing_is_misrouted(
    world: World, robot: Robot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("django.conf.settings.VAR_DIR", tmp_path)
    Life.robot, Life.wecom, Life.world = robot, WeCom(), world
    checked: Any = settings(
        max_examples=12,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
    )
    run_state_machine_as_test(Life, settings=checked)
    assert Life.misrouted == 0
    assert set(Life.seen) == SITUATIONS, Life.seen
