"""The table of events: every row has its words, its rule and its look in the sandbox, by each of its channels."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from tests.support.people import World, says
from wecom.models import Channel, Notification
from wecom.outbound import words
from wecom.outbound.channels import transport_of
from wecom.outbound.decision import RULES
from wecom.outbound.digests import for_an_advisor, for_the_group
from wecom.outbound.events import APP, EMAIL, EVENTS, GROUP, MEMBER_WROTE, Event, Priority, Rule

pytestmark = pytest.mark.django_db


def ways(events: Iterable[Event]) -> list[Any]:
    """Return a parameter for each channel of each of these events."""
    return [
        pytest.param(event, channel, id=f"{event.name}-{channel}") for event in events for channel in event.channels
    ]


SENT = ways(EVENTS.values())


@pytest.fixture
def told(world: World, settings: Settings) -> World:
    """The cast with both advisors bound, and a WeCom that is the sandbox."""
    settings.SITE_URL = "http://127.0.0.1:8731"
    settings.WECHAT_WEBHOOK_URL = f"{settings.SITE_URL}/sandbox/cgi-bin/webhook/send?key=demo"
    settings.WECHAT_API_BASE_URL = f"{settings.SITE_URL}/sandbox"
    settings.WECHAT_CORP_ID, settings.WECHAT_AGENT_ID = "wwdemo0000000000", "1000002"
    settings.WECHAT_APP_SECRET = "demosecret"
    bind_wecom_account(world.li, "LiMing")
    bind_wecom_account(world.zhang, "ZhangWei")
    world.li.refresh_from_db()
    says(world.case, world.wang, "在吗？")
    return world


def row_of(event: Event, channel: str, told: World) -> Notification:
    told.case.refresh_from_db()
    seqs = {"first_seq": told.case.last_seq, "last_seq": told.case.last_seq}
    Notification.objects.all().delete()
    row = Notification.objects.create(
        event=event.name, channel=channel, member=told.wang, advisor=told.li, case=told.case, **seqs
    )
    row.came = Counter({"text": 1})
    return row


def in_the_sandbox(client: Client, row: Notification, payload: dict[str, Any]) -> tuple[str, str]:
    """Send the request to the sandbox, as to WeCom, and return what its page shows, and a card's code."""
    path = "webhook/send?key=demo"
    if row.channel == APP:
        secret = {"corpid": "wwdemo0000000000", "corpsecret": "demosecret"}
        token = client.get("/sandbox/cgi-bin/gettoken", secret).json()["access_token"]
        path = f"message/{'update_template_card' if row.rules.updates_card else 'send'}?access_token={token}"
    answer = client.post(f"/sandbox/cgi-bin/{path}", json.dumps(payload), content_type="application/json").json()
    assert answer["errcode"] == 0, answer
    lines = client.get("/sandbox/state/?since=0").json()["messages"]
    return json.dumps(lines, ensure_ascii=False), answer.get("response_code", "")


@pytest.mark.parametrize(("event", "channel"), SENT)
def test_every_event_has_words_and_is_shown_by_the_sandbox(
    told: World, client: Client, event: Event, channel: str
) -> None:
    row = row_of(event, channel, told)
    if event.updates_card:
        card = row_of(MEMBER_WROTE, APP, told)
        _shown, code = in_the_sandbox(client, card, transport_of(APP).compose(card).payload)
        row = row_of(event, channel, told)
        row.response_code = code
    composed = transport_of(channel).compose(row)
    assert composed.record
    if channel == EMAIL:
        transport_of(channel).send(row, composed.payload)
        assert f"#{told.case.number}" in mail.outbox[0].subject
        return
    shown, _code = in_the_sandbox(client, row, composed.payload)
    said = words.render(event.direct if channel == APP else event.group, row).text
    expected = "回复此案件" if event.as_card and channel == APP else said.split("\n")[0]
    assert expected in shown


@pytest.mark.parametrize("event", EVENTS.values(), ids=str)
def test_every_event_is_decided_by_a_rule(event: Event) -> None:
    assert event.rule in RULES
    assert set(RULES) == set(Rule)


@pytest.mark.parametrize(("event", "channel"), ways(one for one in EVENTS.values() if one.digest))
def test_every_event_that_shares_a_message_has_words_for_it(told: World, event: Event, channel: str) -> None:
    rows = [row_of(event, channel, told)] * 2
    said = for_an_advisor(rows) if channel == APP else for_the_group(rows)[0]
    assert event.digest_head in said.text or "王*：2 个案件（#1001、#1001）" in said.text
    assert "王小明" not in said.record


@pytest.mark.parametrize("event", EVENTS.values(), ids=str)
def test_what_a_row_says_fits_together(event: Event) -> None:
    """A row that contradicts itself would be told wrongly, or to no one."""
    assert event.channels
    assert set(event.channels) <= set(Channel.Name.values)
    assert bool(event.group) == (GROUP in event.channels)
    assert bool(event.direct) == (APP in event.channels)
    assert not event.digest or event.digest_head
    assert not event.direct_first or {APP, GROUP} <= set(event.channels)
    assert not event.admin or event.priority == Priority.NEWS
    assert str(event.label)


def test_no_name_is_given_twice() -> None:
    assert len(EVENTS) == len({str(event.label) for event in EVENTS.values()})
    assert set(dict(Notification._meta.get_field("event").flatchoices)) == set(EVENTS)


def test_the_record_holds_neither_the_name_nor_the_words_of_a_client(told: World, settings: Settings) -> None:
    settings.WECHAT_NOTIFY_PREVIEW = True
    told.li.plain_text = True
    told.li.save(update_fields=["plain_text"])
    for event, channel in ((one.values[0], one.values[1]) for one in SENT):
        if isinstance(event, Event) and channel != EMAIL:
            row = row_of(event, str(channel), told)
            row.created_at = datetime(2026, 11, 23, tzinfo=UTC)
            record = transport_of(str(channel)).compose(row).record
            assert "在吗" not in record
            assert told.wang.user.name not in record
            assert told.case.title not in record
