"""What an advisor sets themselves, and who may."""

import pytest

from advisors.models import Advisor
from tests.support.people import World, look, signed_in

pytestmark = pytest.mark.django_db

PAGE = "/availability/"
EMPTY = {"hours_from": "", "hours_to": "", "quiet_from": "", "quiet_to": ""}


@pytest.mark.without_wecom
def test_an_advisor_sets_away_hours_and_quiet_hours(world: World) -> None:
    look(world.li)
    client = signed_in(world.li)
    assert client.get(PAGE).status_code == 200
    wanted = {"away": "on", "hours_from": "09:00", "hours_to": "18:00", "quiet_from": "22:00", "quiet_to": "07:30"}
    assert client.post(PAGE, wanted | {"plain_text": "on"}).status_code == 302
    advisor = Advisor.objects.get(pk=world.li.pk)
    assert (advisor.away, advisor.plain_text, str(advisor.quiet_to)) == (True, True, "07:30:00")
    assert not advisor.is_present
    client.post(PAGE, EMPTY)
    assert Advisor.objects.get(pk=world.li.pk).is_present


@pytest.mark.parametrize("field", ["hours_from", "hours_to", "quiet_from", "quiet_to"])
@pytest.mark.parametrize("value", ["09:00", "25:00", "x", "\0"])
def test_half_a_time_or_none_at_all_is_a_clear_error(world: World, field: str, value: str) -> None:
    response = signed_in(world.li).post(PAGE, EMPTY | {field: value, "away": "on"})
    assert response.status_code == 400
    assert not Advisor.objects.get(pk=world.li.pk).away


def test_nothing_else_of_an_advisor_can_be_set_here(world: World) -> None:
    forged = {"status": "approved", "wecom_userid": "Boss", "licence_number": "R999999"}
    signed_in(world.li).post(PAGE, EMPTY | forged)
    advisor = Advisor.objects.get(pk=world.li.pk)
    assert (advisor.wecom_userid, advisor.licence_number) == ("", world.li.licence_number)


def test_the_page_does_not_exist_for_anybody_else(world: World) -> None:
    for who in (world.wang, world.chen, world.gone, world.admin):
        assert signed_in(who).get(PAGE).status_code == 404
