"""Handing a case over to a colleague, and closing and reopening it, by its follow-up advisor."""

from contextlib import suppress

import pytest

from advisors.actions import suspend_advisor
from advisors.models import Advisor
from cases.actions import assign_advisor, close_case, open_case, reopen_case
from cases.desk.actions import hand_over_case
from cases.models import Case, Note
from cases.signals import advisor_assigned
from jiayi.errors import Conflict, Gone, InvalidInput
from jiayi.plaintext import isolated
from tests.support.people import World, deactivate, make_advisor, says, send, signed_in
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

API, PAGE = "/api/cases/1001/hand-over/", "/messages/1001/hand-over/"
REASON = "我下周休假，客户脾气急"


def advisor_of(case: Case) -> Advisor | None:
    return Case.objects.get(pk=case.pk).advisor


@pytest.mark.without_wecom
def test_a_hand_over_gives_the_case_to_the_colleague_and_takes_it_from_oneself(world: World) -> None:
    old, new = signed_in(world.li), signed_in(world.zhang)
    answer = send(old, API, {"advisor": world.zhang.pk, "reason": REASON})
    assert (answer.status_code, answer.json()) == (200, {"advisor": {"name": "张伟"}})
    assert advisor_of(world.case) == world.zhang
    assert old.get("/api/cases/1001/messages/").status_code == 404
    assert send(old, API, {"advisor": world.zhang.pk, "reason": REASON}).status_code == 404
    assert new.get("/api/cases/1001/messages/").status_code == 200


def test_the_reason_is_kept_for_advisors_and_the_member_is_only_told_who_follows_now(world: World) -> None:
    hand_over_case(world.case, world.zhang, by=world.li.user, reason=REASON)
    kept = Note.objects.get()
    assert (kept.body, kept.author, kept.handed_to) == (REASON, world.li.user, world.zhang)
    page = signed_in(world.zhang).get("/messages/1001/").content.decode()
    assert REASON in page
    assert "移交给 <bdi>张伟</bdi>" in page
    member = signed_in(world.wang)
    for path in ("/messages/1001/", "/api/cases/1001/messages/", "/api/cases/"):
        assert "休假" not in member.get(path).content.decode()
    assert "本案件的跟进人现在是 张伟。" in member.get("/messages/1001/").content.decode()


def test_the_signal_says_who_handed_over(world: World) -> None:
    told: list[tuple[object, ...]] = []

    def hear(*, case: Case, before: Advisor, after: Advisor, by: object, **kwargs: object) -> None:
        told.append((case.number, before, after, by))

    advisor_assigned.connect(hear)
    hand_over_case(world.case, world.zhang, by=world.li.user, reason=REASON)
    advisor_assigned.disconnect(hear)
    assert told == [(1001, world.li, world.zhang, world.li.user)]


@pytest.mark.parametrize("name", ["li", "chen", "gone"])
def test_a_case_is_not_handed_to_oneself_nor_to_who_may_not_work(world: World, name: str) -> None:
    answer = send(signed_in(world.li), API, {"advisor": getattr(world, name).pk, "reason": REASON})
    assert answer.status_code == 409
    assert answer.json()["detail"]
    assert advisor_of(world.case) == world.li
    assert not Note.objects.exists()


def test_a_deactivated_colleague_and_one_who_never_was_look_alike(world: World) -> None:
    deactivate(world.zhang)
    client = signed_in(world.li)
    answers = [send(client, API, {"advisor": pk, "reason": REASON}) for pk in (world.zhang.pk, 987_654)]
    assert [(a.status_code, a.json()) for a in answers] == [(409, answers[0].json())] * 2


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"advisor": "x", "reason": REASON},
        {"advisor": "9" * 5000, "reason": REASON},
        {"advisor": 0, "reason": REASON},
        {"advisor": [1], "reason": REASON},
        {"advisor": 1},
        {"advisor": 1, "reason": " "},
        {"advisor": 1, "reason": "x" * 501},
        {"advisor": 1, "reason": "\x00"},
        [],
    ],
)
def test_a_bad_hand_over_is_refused_in_words_and_changes_nothing(world: World, data: object) -> None:
    answer = send(signed_in(world.li), API, data)
    assert (answer.status_code, bool(answer.json())) == (400, True)
    page = signed_in(world.li).post(PAGE, {**data, "confirmed": "yes"} if isinstance(data, dict) else {})
    assert page.status_code == 400
    assert advisor_of(world.case) == world.li


def test_the_function_itself_asks_who_hands_over(world: World) -> None:
    for by in (world.zhang.user, world.wang.user, world.admin):
        with pytest.raises(Conflict):
            hand_over_case(world.case, make_approved(world), by=by, reason=REASON)
    with pytest.raises(InvalidInput):
        hand_over_case(world.case, world.zhang, by=world.li.user, reason=" ")
    suspend_advisor(world.li, by=world.admin)
    with pytest.raises(Conflict):
        hand_over_case(world.case, world.zhang, by=world.li.user, reason=REASON)


def make_approved(world: World) -> Advisor:
    advisor = Advisor.objects.filter(user__email="advisor7@example.com").first() or make_advisor(7)
    Advisor.objects.filter(pk=advisor.pk).update(status="approved", reviewed_at=advisor.applied_at)
    return Advisor.objects.select_related("user").get(pk=advisor.pk)


def test_nobody_becomes_the_advisor_of_the_own_case(world: World) -> None:
    Advisor.objects.filter(pk=world.zhang.pk).update(user=world.wang.user)
    to = Advisor.objects.select_related("user").get(pk=world.zhang.pk)
    assert send(signed_in(world.li), API, {"advisor": to.pk, "reason": REASON}).status_code == 409
    with pytest.raises(Conflict):
        assign_advisor(world.case, to, by=world.admin)
    assert signed_in(world.li).get(API).json() == []


def test_the_list_of_colleagues_holds_names_and_nothing_else(world: World) -> None:
    client = signed_in(world.li)
    assert client.get(API).json() == [{"id": world.zhang.pk, "name": "张伟"}]
    page = client.get("/messages/1001/").content.decode()
    assert f'<option value="{world.zhang.pk}">张伟</option>' in page
    assert not any(secret in page for secret in (world.zhang.user.email, world.zhang.licence_number, "陈静", "高远"))


def test_the_page_says_what_it_means_before_it_hands_over(world: World) -> None:
    client, data = signed_in(world.li), {"advisor": world.zhang.pk, "reason": REASON}
    asked = client.post(PAGE, data)
    said = asked.content.decode()
    assert asked.status_code == 200
    assert f"把案件 #1001 移交给 {isolated('张伟')}？" in said
    assert REASON in said
    assert "您马上就不能再查看和回复这个案件。" in said
    assert advisor_of(world.case) == world.li
    done = client.post(PAGE, {**data, "confirmed": "yes"}, follow=True)
    assert done.redirect_chain == [("/messages/", 302)]
    assert "案件 #1001 已移交给 张伟。" in done.content.decode()
    assert advisor_of(world.case) == world.zhang


@pytest.mark.django_db(transaction=True)
def test_of_two_hand_overs_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    other = make_approved(world)

    def hand(to: Advisor) -> str:
        try:
            hand_over_case(world.case, to, by=world.li.user, reason=REASON)
        except Conflict as refusal:
            return refusal.message
        return "done"

    outcomes = at_once(lambda: hand(world.zhang), lambda: hand(other))
    assert sorted(outcomes) == sorted(["done", "您已不再跟进这个案件，没有移交。"])
    assert advisor_of(world.case) == (world.zhang if outcomes[0] == "done" else other)
    assert Note.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_hand_overs_assignments_and_suspensions_at_once_never_wait_for_each_other_for_ever(world: World) -> None:
    other = make_approved(world)

    def quietly(call: object, *args: object, **kwargs: object) -> None:
        with suppress(Conflict):
            call(*args, **kwargs)  # type: ignore[operator]

    at_once(
        lambda: quietly(hand_over_case, world.case, world.zhang, by=world.li.user, reason=REASON),
        lambda: quietly(assign_advisor, world.case, other, by=world.admin),
        lambda: quietly(suspend_advisor, world.zhang, by=world.admin),
        lambda: quietly(close_case, world.case, by=world.admin),
    )
    seqs = list(world.case.messages.order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


# Closing and reopening -----------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_the_follow_up_advisor_closes_and_reopens(world: World) -> None:
    client = signed_in(world.li)
    assert client.post("/api/cases/1001/close/").json() == {"number": 1001, "status": "closed"}
    assert send(client, "/api/cases/1001/messages/", {"body": "x", "client_id": "a"}).status_code == 409
    assert client.post("/api/cases/1001/reopen/").json() == {"number": 1001, "status": "open"}
    for status, back in (("closed", ""), ("open", "case")):
        answer = client.post("/messages/1001/status/", {"status": status, "back": back})
        assert answer.headers["Location"] == ("/messages/1001/case/" if back else "/messages/1001/")
        assert Case.objects.get(number=1001).status == status
    assert client.post("/messages/1001/status/", {"status": "x"}).status_code == 400
    said = world.case.messages.filter(kind="system").order_by("seq").values_list("body", flat=True)
    assert list(said)[1:] == ["案件已结案。", "案件已重新打开。"] * 2


def test_the_function_itself_asks_who_closes(world: World) -> None:
    for by in (world.wang.user, world.lin.user, world.zhang.user, world.gone.user):
        for change in (close_case, reopen_case):
            with pytest.raises(Gone):
                change(world.case, by=by)
    close_case(world.case, by=world.admin)
    reopen_case(world.case, by=world.li.user)
    suspend_advisor(world.li, by=world.admin)
    with pytest.raises(Gone):
        close_case(world.case, by=world.li.user)


def test_nobody_waits_in_a_closed_case_and_again_once_it_is_open(world: World) -> None:
    says(world.case, world.wang, "在吗")
    since = Case.objects.get(number=1001).waiting_since
    close_case(world.case, by=world.li.user)
    client = signed_in(world.li)

    def shown() -> list[str | None]:
        return [one["waiting_since"] for one in client.get("/api/cases/").json() if one["number"] == 1001]

    assert shown() == [None]
    assert "等待回复 " not in client.get("/messages/1001/").content.decode()
    assert "1001" not in client.get("/messages/?show=waiting").content.decode()
    assert since is not None
    reopen_case(world.case, by=world.li.user)
    assert shown() == [since.isoformat()]


def test_a_member_of_several_cases_keeps_the_others_to_themselves(world: World) -> None:
    """The details beside a conversation list only what this advisor follows."""
    open_case(world.wang, "父母团聚", advisor=world.zhang)
    mine = open_case(world.wang, "工签", advisor=world.li)
    page = signed_in(world.li).get("/messages/1001/case/").content.decode()
    assert f"/messages/{mine.number}/" in page
    assert "wang@example.com" in page
    assert not any(secret in page for secret in ("父母团聚", "配偶团聚移民", "lin@example.com", "/messages/1003/"))
