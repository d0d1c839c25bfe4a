"""Random lives of advisors and cases. A small model says where each WeCom text belongs; nothing may be misrouted."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from advisors.actions import approve_advisor, bind_wecom_account, suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, reopen_case
from cases.models import Case, Message
from tests.people import World, says
from tests.wecom.colleague import WeCom
from tests.wecom.robot import Robot
from wecom.delivery import deliver_due

USERIDS = ["LiMing", "ZhangWei", "gao.yuan"]
advisors = st.integers(0, 2)
cases = st.integers(0, 3)


@dataclass
class Model:
    """Thirty lines that know who may write where."""

    follows: dict[int, int | None] = field(default_factory=dict)  # case -> advisor
    closed: set[int] = field(default_factory=set)
    working: set[int] = field(default_factory=set)
    bound: dict[int, str] = field(default_factory=dict)  # advisor -> userid, lower case
    target: dict[int, int] = field(default_factory=dict)  # advisor -> case
    texts: dict[int, list[str]] = field(default_factory=dict)  # case -> what came from WeCom

    def sender(self, userid: str) -> int | None:
        found = [a for a, bound in self.bound.items() if bound == userid.lower() and a in self.working]
        return found[0] if found else None

    def say(self, userid: str, text: str, case: int | None) -> None:
        advisor = self.sender(userid)
        if advisor is None:
            return
        case = self.target.get(advisor) if case is None else case
        if case is not None and self.follows[case] == advisor and case not in self.closed:
            self.texts[case].append(text)

    def heard(self, userid: str, case: int) -> None:
        self.target |= {a: case for a, bound in self.bound.items() if bound == userid.lower()}


class Life(RuleBasedStateMachine):
    robot: Robot
    wecom: WeCom
    world: World
    said = 0
    misrouted = 0

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
        self.sent: list[tuple[str, bytes, int]] = []
        for advisor in (0, 1):
            self.bind(advisor, USERIDS[advisor])

    def teardown(self) -> None:
        self.clock.stop()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @rule(case=cases)
    def member_writes(self, case: int) -> None:
        if case not in self.model.closed:
            says(self.cases[case], self.members[case % 2], "在吗？")

    @rule(refuse=st.booleans())
    def worker_runs(self, refuse: bool) -> None:
        self.now.shift(70)
        self.robot.script = [{"errcode": -1, "errmsg": "busy"}] * 3 if refuse else []
        before = len(self.robot.payloads)
        deliver_due()
        for payload in self.robot.payloads[before:]:
            for number, case in enumerate(self.cases):
                for userid in payload["text"].get("mentioned_list", []):
                    if re.search(f"案件 #{case.number}[，（]", payload["text"]["content"]):
                        self.model.heard(userid, number)

    @rule(case=cases, advisor=st.none() | advisors)
    def assign(self, case: int, advisor: int | None) -> None:
        if advisor is None or advisor in self.model.working:
            assign_advisor(self.cases[case], None if advisor is None else self.people[advisor], by=self.world.admin)
            self.model.follows[case] = advisor

    @rule(advisor=advisors)
    def suspend_or_approve(self, advisor: int) -> None:
        if advisor in self.model.working:
            suspend_advisor(self.people[advisor], by=self.world.admin)
        else:
            approve_advisor(self.people[advisor], by=self.world.admin)
        self.model.working ^= {advisor}

    @rule(advisor=advisors, userid=st.sampled_from(["", *USERIDS]))
    def bind(self, advisor: int, userid: str) -> None:
        if userid.lower() not in [b for a, b in self.model.bound.items() if a != advisor and b]:
            bind_wecom_account(self.people[advisor], userid)
            self.model.bound[advisor] = userid.lower()

    @rule(case=cases)
    def close_or_reopen(self, case: int) -> None:
        (reopen_case if case in self.model.closed else close_case)(self.cases[case])
        self.model.closed ^= {case}

    @rule(userid=st.sampled_from([*USERIDS, "LIMING", "zhangwei", "WangFang"]), case=st.none() | cases)
    def advisor_says(self, userid: str, case: int | None) -> None:
        Life.said += 1
        text = f"回复 {Life.said}"
        self.model.say(userid, text, case)
        number = "" if case is None else f"#{self.cases[case].number} "
        url, body = self.wecom.sealed(self.wecom.message(userid, "text", {"Content": number + text}))
        self.sent.append((url, body, self.deliver(url, body)))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 1000))
    def wecom_delivers_again(self, which: int) -> None:
        url, body, status = self.sent[which % len(self.sent)]
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
def test_in_a_random_world_nothing_is_misrouted(world: World, robot: Robot) -> None:
    Life.robot, Life.wecom, Life.world = robot, WeCom(), world
    checked: Any = settings(
        max_examples=30,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=checked)
    assert Life.said > 0
    assert Life.misrouted == 0
