"""企业微信账号: which WeCom account an advisor writes from."""

import pytest
from django.core.exceptions import ValidationError

from advisors.actions import bind_wecom_account, suspend_advisor
from advisors.models import Advisor
from tests.support.people import World
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


def bound(advisor: Advisor) -> str:
    return Advisor.objects.get(pk=advisor.pk).wecom_userid


@pytest.mark.without_wecom
def test_an_account_is_stored_as_typed(world: World) -> None:
    for userid in ("LiMing", "liming", "7", "li.ming@example-1_x", "L" * 64):
        assert bind_wecom_account(world.li, userid).wecom_userid == userid
        assert bound(world.li) == userid


def test_space_around_an_account_is_dropped(world: World) -> None:
    bind_wecom_account(world.li, "  LiMing\n")
    assert bound(world.li) == "LiMing"


def test_an_account_belongs_to_one_advisor_ignoring_case(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    for other in ("LiMing", "liming", "LIMING", " lIMING "):
        with pytest.raises(ValidationError, match="已绑定给另一位顾问"):
            bind_wecom_account(world.zhang, other)
    assert (bound(world.li), bound(world.zhang)) == ("LiMing", "ZhangWei")


def test_an_advisor_may_respell_his_own_account(world: World) -> None:
    bind_wecom_account(world.li, "liming")
    bind_wecom_account(world.li, "LiMing")
    assert bound(world.li) == "LiMing"


NO_ACCOUNTS = ["李明", "li ming", "-liming", "_li", "@li", ".li", "L" * 65, "li/ming", "li\nming", "li\x00ming", "ｌｉ"]


def test_what_wecom_would_not_take_is_refused(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    for userid in [*NO_ACCOUNTS, "ﬁ", "\u212a"]:
        with pytest.raises(ValidationError):
            bind_wecom_account(world.li, userid)
        assert bound(world.li) == "LiMing"


def test_an_unbound_account_is_free_for_another_advisor(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.li, "")
    bind_wecom_account(world.zhang, "liming")
    assert (bound(world.li), bound(world.zhang)) == ("", "liming")


def test_many_advisors_may_be_unbound(world: World) -> None:
    for advisor in (world.li, world.zhang, world.chen):
        bind_wecom_account(advisor, "")


def test_binding_writes_nothing_but_the_account(world: World) -> None:
    """The administrator's page is older than what others wrote since."""
    as_shown = Advisor.objects.get(pk=world.li.pk)
    suspend_advisor(world.li, by=world.admin)
    bind_wecom_account(as_shown, "LiMing")
    assert Advisor.objects.get(pk=world.li.pk).status == "suspended"


@pytest.mark.django_db(transaction=True)
def test_of_two_bindings_of_one_account_at_once_one_holds(world: World) -> None:
    def bind(advisor: Advisor, userid: str) -> str:
        try:
            return bind_wecom_account(advisor, userid).wecom_userid
        except ValidationError as refused:
            return refused.messages[0]

    said = at_once(lambda: bind(world.li, "LiMing"), lambda: bind(world.zhang, "LIMING"))
    assert len({bound(world.li).lower(), bound(world.zhang).lower()}) == 2
    assert sum("已绑定给另一位顾问" in one for one in said) == 1
