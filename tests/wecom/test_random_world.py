"""Random lives of advisors and cases. A small model says where each WeCom text belongs; nothing may be misrouted."""

import os
import re
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from advisors.actions import approve_advisor, bind_wecom_account, set_availability, suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, reopen_case
from cases.models import Case, Message
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.people import World, says
from tests.support.robot import Robot
from tests.support.size import FULL, size, sized
from tests.wecom.random_model import Model
from wecom.inbound import callback
from wecom.inbound.spool import bring_in
from wecom.outbound.sending import send_due

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
    "asked",
    "joined",
    "chose",
    "slip",
    "quiet",
    "handed over waiting",
    "told in the end",
}
QUIET = {"quiet_from": time(11), "quiet_to": time(15)}  # the lives begin at noon and last an hour or two
EVENING = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


class Life(RuleBasedStateMachine):
    robot: Robot
    app: App
    wecom: WeCom
    world: World
    settings: Settings
    said = 0
    untold = 0
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
        # Of each case: who was directly told of its member's last message, since whoever follows it now does.
        self.heard: dict[int, set[int]] = {number: set() for number in range(4)}
        self.asked: dict[int, str] = {}  # case -> what its member wrote last
        self.model = Model(follows={0: 0, 1: 0, 2: None, 3: None}, working={0, 1}, texts={n: [] for n in range(4)})
        self.model.seen = Life.seen
        self.sent: list[tuple[str, bytes, int]] = []
        for advisor in (0, 1):
            bind_wecom_account(self.people[advisor], USERIDS[advisor])
            self.model.bound[advisor] = USERIDS[advisor].lower()

    def teardown(self) -> None:
        self.model.bring_in()
        bring_in()  # the next life begins with an empty spool
        try:
            self.every_advisor_is_told_in_the_end()
        finally:
            self.end()

    def end(self) -> None:
        self.clock.stop()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @initialize(asks=st.booleans())
    def each_turn_once(self, asks: bool) -> None:
        """Every life begins with what must not be missed, whatever chance brings afterwards."""
        self.model.asks = asks
        Life.settings.WECHAT_REPLY_ROUTING = "ask" if asks else "latest"
        self.advisor_says(USERIDS[0], None, away=False)
        for case in (1, 0):
            self.member_writes_and_the_worker_runs(case, refuse=False)
        for _line in range(3):  # to the target, asked about, and joined to that
            self.advisor_says(USERIDS[0], None, away=False)
        self.advisor_chooses_or_slips(USERIDS[0], "2", away=False)
        self.advisor_says(USERIDS[0], 0, away=False)
        self.quiet_hours(1, is_quiet=True)
        for case, then in ((0, "nothing"), (0, "another"), (0, "handed over"), (1, "closed")):
            self.advisor_is_told_and_answers(case, then, other=1)

    @rule(case=cases)
    def member_writes(self, case: int) -> None:
        self.now.shift(1)  # nobody begins to wait at the same time as somebody else
        if case not in self.model.closed:
            Life.said += 1
            self.asked[case] = f"在吗 {Life.said}？"
            self.heard[case].clear()
            says(self.cases[case], self.members[case % 2], self.asked[case])
            self.model.waits.setdefault(case, datetime.now(UTC))

    @rule(case=cases, refuse=rarely)
    def member_writes_and_the_worker_runs(self, case: int, refuse: bool) -> None:
        self.member_writes(case)
        self.now.shift(70)
        self.robot.script = [{"errcode": -1, "errmsg": "busy"}] * 3 if refuse else []
        self.app.script = [{"errcode": -1, "errmsg": "busy"}] * 2 if refuse else []
        self.worker_runs()
        self.now.shift(1)

    def worker_runs(self) -> None:
        before, sent = len(self.robot.payloads), len(self.app.messages)
        send_due()
        for payload in self.robot.payloads[before:]:
            self.somebody_hears(payload["text"]["content"], payload["text"].get("mentioned_list", []))
        for message in self.app.messages[sent:]:
            card = message.get("template_card")
            text = card["main_title"]["title"] if card else message["text"]["content"]
            self.somebody_hears(text, [message["touser"]])
            told = card["sub_title_text"] if card else text
            readers = {a for a, bound in self.model.bound.items() if bound == message["touser"].lower()}
            for case, asked in self.asked.items():
                self.heard[case] |= readers if f"「{asked}」" in told else set()
        self.model.told = {n: Case.objects.get(pk=case.pk).notified_at for n, case in enumerate(self.cases)}

    def somebody_hears(self, text: str, userids: list[str]) -> None:
        """Whoever is mentioned has been told of the case that the text names; of several, none is the last."""
        numbers = {int(number) for number in re.findall(r"#([0-9]+)(?= |、|$)", text, re.MULTILINE)}
        told = [number for number, case in enumerate(self.cases) if case.number in numbers]
        for advisor, bound in self.model.bound.items():
            if bound not in {userid.lower() for userid in userids} or "转出" in text.partition("\n")[0]:
                continue
            if len(told) == 1:
                self.model.point(advisor, told[0], datetime.now(UTC))
            else:
                self.model.target.pop(advisor, None)
                self.model.chosen.pop(advisor, None)

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
            if self.model.follows[case] != advisor:
                self.heard[case].clear()  # what anybody heard before, they heard of another time
                self.model.told[case] = None
                Life.seen["handed over waiting"] += case in self.model.waits and advisor is not None
            self.model.follows[case] = advisor

    @rule(advisor=advisors, is_quiet=st.booleans())
    def quiet_hours(self, advisor: int, is_quiet: bool) -> None:
        Life.seen["quiet"] += is_quiet
        set_availability(self.people[advisor], **(QUIET if is_quiet else dict.fromkeys(QUIET)))

    @rule(case=cases)
    def advisor_answers_on_the_website(self, case: int) -> None:
        advisor = self.model.follows[case]
        if advisor in self.model.working and case not in self.model.closed:
            says(self.cases[case], self.people[advisor], "您好")
            self.model.waits.pop(case, None)

    @rule(userid=senders, text=st.sampled_from(["？", "0", "1", "1", "2", "3"]), away=rarely)
    def advisor_chooses_or_slips(self, userid: str, text: str, away: bool) -> None:
        self.says(userid, text, None, away)

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
                busy.setattr(callback, "RESPOND_WITHIN", 0)
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

    def every_advisor_is_told_in_the_end(self) -> None:
        """In the evening nobody's quiet hours last any more: whoever follows a waiting case has heard of it."""
        self.robot.script, self.app.script = [], []
        self.now.move_to(EVENING)
        for _ in range(4):
            self.worker_runs()
            self.now.shift(61)
        for case, advisor in self.model.follows.items():
            waits = case in self.model.waits and case not in self.model.closed
            if waits and advisor in self.model.working and self.model.bound.get(advisor):
                Life.seen["told in the end"] += 1
                Life.untold += advisor not in self.heard[case]
                assert advisor in self.heard[case], (case, advisor)


@sized
@pytest.mark.django_db
def test_in_a_random_world_nothing_is_misrouted(
    world: World, robot: Robot, app: App, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    Life.robot, Life.app, Life.wecom, Life.world, Life.settings = robot, app, WeCom(), world, settings
    checked: Any = hypothesis_settings(
        max_examples=size(2, 14),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
    )
    run_state_machine_as_test(Life, settings=checked)
    assert (Life.misrouted, Life.untold) == (0, 0)
    assert set(Life.seen) <= SITUATIONS, Life.seen
    assert not FULL or set(Life.seen) == SITUATIONS, Life.seen  # a few lives do not meet what is rare
