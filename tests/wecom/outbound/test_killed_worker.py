"""Kill -9 at every step: nothing is lost, and what is repeated is bounded.

The steps are the failpoints of the product; the last test looks for one that is tested nowhere.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import post_message
from cases.models import Message
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.hostile import Received, Response, Wire, answer
from tests.support.people import World, says
from tests.support.robot import Robot
from tests.support.size import mostly_once, size, sized
from tests.support.workers import forks, killed_at, wait_until, workers
from wecom.inbound import callback, media
from wecom.inbound.media import fetch_due_media
from wecom.inbound.spool import bring_in
from wecom.models import Attempt, InboundMessage, Notification, ReplyTarget
from wecom.outbound import events, limits
from wecom.outbound.channels import Transport
from wecom.outbound.sending import send_due

pytestmark = [pytest.mark.django_db(transaction=True), forks]

State = Notification.State
LEASE = timedelta(seconds=0.3)
KILLS, NOTIFICATIONS = size((5, 50), (50, 1000))
PRODUCT = Path(callback.__file__).resolve().parents[1]

# At which step the worker dies: what WeCom answers it first, and how often the robot hears of it in the end.
DELIVERY = {
    "sending.claiming": ([], 1),  # inside the claim, before its commit
    "sending.claimed": ([], 1),  # before the request
    "sending.sent": ([], 2),  # between send and mark: one repetition cannot be avoided
    "sending.marking": ([], 2),  # inside the mark, before its commit
    "sending.marked": ([], 1),
    "sending.refused": ([{"errcode": -1}], 1),  # between a refusal and its mark
    "sending.putting_back": ([{"errcode": -1}], 1),  # inside that mark, before its commit
}
MEDIA = ("media.claimed", "media.fetched", "media.posting", "media.posted")
CALLBACK = ("callback.verified", "inbound.stored", "inbound.routed", "callback.committed")
POSTING = ("message.stored", "message.notified")
ELSEWHERE = {"sending.taking_back", "spool.written", "spool.brought_in"}


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "lease", LEASE)
    monkeypatch.setattr(limits, "SEND_LEASE", LEASE)
    monkeypatch.setattr(media, "MEDIA_LEASE", LEASE)
    monkeypatch.setattr("wecom.outbound.marks.BACKOFF", (0.1,))


@pytest.fixture
def told(world: World, robot: Robot) -> World:
    bind_wecom_account(world.li, "LiMing")
    Notification.objects.all().delete()
    return world


def deliver_until(done: Callable[[], bool]) -> None:
    """Go on as the next worker does, until it is so."""

    def step() -> bool:
        send_due()
        return done()

    wait_until(step, 10)


def alert() -> Notification:
    return Notification.objects.get(event=events.MEMBER_WROTE.name)


# Delivery -----------------------------------------------------------------------------------------------


@sized
@pytest.mark.parametrize("step", mostly_once(DELIVERY, 3))
def test_a_notification_survives_a_worker_killed_at_any_step(told: World, robot: Robot, step: str) -> None:
    robot.script, received = list(DELIVERY[step][0]), DELIVERY[step][1]
    says(told.case, told.wang, "在吗？")
    killed_at(step, send_due)
    deliver_until(lambda: alert().state == State.DELIVERED)
    assert len(robot.texts) == received
    assert len(set(robot.texts)) == 1, "the reference tells a person that it is the same"
    assert ReplyTarget.objects.get().case == told.case
    assert Notification.objects.count() == 3  # the alert, and two reminders for later


@pytest.mark.once
def test_what_a_killed_worker_had_is_left_alone_until_its_lease_ends(told: World, robot: Robot) -> None:
    says(told.case, told.wang, "在吗？")
    killed_at("sending.claimed", send_due)
    ends = alert().leased_until
    assert ends is not None
    with time_machine.travel(ends, tick=False):
        send_due()
    assert (alert().state, robot.texts) == (State.SENDING, [])
    with time_machine.travel(ends + timedelta(milliseconds=1), tick=False):
        send_due()
    assert (alert().state, len(robot.texts)) == (State.DELIVERED, 1)


def test_a_worker_killed_while_it_takes_back_what_another_left_loses_nothing(told: World, robot: Robot) -> None:
    says(told.case, told.wang, "一")
    killed_at("sending.claimed", send_due)
    says(told.case, told.wang, "二")
    time.sleep(LEASE.total_seconds() + 0.05)
    killed_at("sending.taking_back", send_due)
    assert sorted(Notification.objects.filter(event=events.MEMBER_WROTE.name).values_list("state", flat=True)) == [
        State.SENDING,
        State.WAITING,
    ]
    Notification.objects.filter(state=State.WAITING).update(due_at=timezone.now())
    deliver_until(lambda: not Notification.objects.filter(event=events.MEMBER_WROTE.name, state=State.SENDING).exists())
    deliver_until(lambda: len(robot.texts) == 1)
    assert "2 条消息" in robot.texts[0]


@sized
@pytest.mark.timeout(300)  # a thousand are sent one by one, also while other tests have the processors
def test_random_kills_lose_no_notification(
    told: World, robot: Robot, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.WECHAT_ROBOT_LIMIT = (100_000, 60)
    chance = random.Random(20261123)
    heard: list[str] = []

    def slowly(request: Received) -> Response:
        heard.append(re.findall(r"编号 (N\d+)）", request.body.decode())[0])
        pause = chance.uniform(0.001, 0.005)

        def respond(wire: Wire) -> None:
            time.sleep(pause)
            answer()(wire)

        return respond

    def more_than(before: int) -> bool:
        return len(heard) > before

    robot.play(slowly)
    asked = Notification.objects.bulk_create(
        Notification(event=events.TEST.name)
        for _ in range(NOTIFICATIONS)  # what no digest gathers
    )
    references = {row.reference for row in asked}
    for _ in range(KILLS):
        before = len(heard)
        with workers(1):
            if chance.random() < 0.7:  # mostly once it is at work, however long its start takes
                wait_until(partial(more_than, before), 10)
            time.sleep(chance.uniform(0.001, 0.1))
    cut_off = Attempt.objects.filter(finished_at=None).count()
    left = Notification.objects.exclude(state=State.DELIVERED).count()
    with workers(1):
        wait_until(lambda: not Notification.objects.exclude(state=State.DELIVERED).exists(), 240)

    lost, duplicates = len(references - set(heard)), len(heard) - len(set(heard))
    with capsys.disabled():
        print(f"\n{connection.vendor}: lost={lost} duplicates={duplicates} kills={KILLS} of {NOTIFICATIONS}", end=" ")
    assert left > 0, "all was done before the last kill"
    assert cut_off > 0, "no kill ever came while one was under way"
    assert set(heard) == references
    assert duplicates <= KILLS
    assert Notification.objects.filter(state=State.DELIVERED).count() == Notification.objects.count() == NOTIFICATIONS


# What causes them ---------------------------------------------------------------------------------------


@sized
@pytest.mark.parametrize("step", mostly_once(POSTING, 2))
def test_a_members_message_and_its_notification_exist_together_or_not_at_all(told: World, step: str) -> None:
    seq = told.case.last_seq

    def write() -> Message:
        return post_message(told.case, told.wang.user, "在吗？", client_id="one")[0]

    killed_at(step, write)
    told.case.refresh_from_db()
    assert (told.case.last_seq, told.case.waiting_since) == (seq, None)
    assert not Message.objects.filter(sender=told.wang.user).exists()
    assert not Notification.objects.exists()
    # The page sends it again, by the same client_id.
    message = write()
    assert message.seq == seq + 1
    assert Notification.objects.filter(event=events.MEMBER_WROTE.name, first_seq=message.seq).count() == 1


def test_a_receiver_that_fails_takes_the_message_with_it(told: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seq = told.case.last_seq

    def fail(message: Message) -> None:
        raise OperationalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr("wecom.outbound.receivers.notify_member_wrote", fail)
        with pytest.raises(OperationalError):
            says(told.case, told.wang, "在吗？", client_id="one")
    told.case.refresh_from_db()
    assert told.case.last_seq == seq
    assert not Message.objects.filter(sender=told.wang.user).exists()
    assert not Notification.objects.exists()
    says(told.case, told.wang, "在吗？", client_id="one")
    assert Notification.objects.filter(event=events.MEMBER_WROTE.name).count() == 1


def test_a_message_committed_before_the_kill_is_there_with_its_notification(told: World, robot: Robot) -> None:
    def write_and_die() -> None:
        says(told.case, told.wang, "在吗？", client_id="one")
        send_due()

    killed_at("sending.claiming", write_and_die)
    assert post_message(told.case, told.wang.user, "在吗？", client_id="one")[1] is False
    deliver_until(lambda: alert().state == State.DELIVERED)
    assert len(robot.texts) == 1


# The callback -------------------------------------------------------------------------------------------


@sized
@pytest.mark.parametrize("step", mostly_once(CALLBACK, 2))
def test_a_callback_killed_at_any_step_is_delivered_again_and_stands_once(told: World, step: str) -> None:
    wecom = WeCom()
    plaintext = wecom.message("LiMing", "text", {"Content": f"#{told.case.number} 您好，王先生"}, msg_id=77)
    killed_at(step, lambda: wecom.post(plaintext))  # no answer: WeCom sees a broken connection
    stored = step == "callback.committed"
    assert InboundMessage.objects.exists() is stored
    assert Message.objects.filter(source="wecom").exists() is stored
    for _ in range(3):
        again = wecom.post(plaintext)
        assert (again.status, again.reply[:5]) == (200, "✓ 已发送")
    assert Message.objects.get(source="wecom").body == "您好，王先生"
    assert InboundMessage.objects.count() == 1


@sized
@pytest.mark.parametrize("step", mostly_once(["spool.written", "spool.brought_in"], 2))
def test_what_is_put_aside_survives_a_kill_and_comes_in_once(
    told: World, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(callback, "RESPOND_WITHIN", 0.0)
    wecom = WeCom()
    plaintext = wecom.message("LiMing", "text", {"Content": f"#{told.case.number} 您好"}, msg_id=78)

    def deliver() -> None:
        def away(inbound: object) -> None:
            raise OperationalError("the database is away")

        with monkeypatch.context() as broken:
            broken.setattr(callback, "receive", away)
            assert wecom.post(plaintext).status == 200

    if step == "spool.written":
        killed_at(step, deliver)
        assert list(tmp_path.rglob("*.json")) == [], "half of it must not be brought in"
        deliver()
    else:
        deliver()
        killed_at(step, bring_in)
    assert bring_in() == 1
    assert Message.objects.get(source="wecom").body == "您好"
    assert bring_in() == 0


# Media --------------------------------------------------------------------------------------------------


@pytest.fixture
def app(told: World, settings: Settings) -> Iterator[App]:
    picture = BytesIO()
    Image.new("RGB", (80, 60), "green").save(picture, "JPEG")
    with App() as server:
        settings.WECHAT_API_BASE_URL = server.url
        settings.WECHAT_APP_SECRET = "the-secret"
        server.media["pic"] = picture.getvalue()
        yield server


@sized
@pytest.mark.parametrize("step", mostly_once(MEDIA, 4))
def test_a_picture_survives_a_worker_killed_at_any_step(
    told: World, app: App, settings: Settings, tmp_path: Path, step: str
) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    settings.MEDIA_ROOT = tmp_path
    wecom = WeCom()
    wecom.say("LiMing", f"#{told.case.number}")
    wecom.send("LiMing", "image", {"MediaId": "pic", "PicUrl": "https://example.com/p"})
    killed_at(step, fetch_due_media)
    stored = step == "media.posted"
    assert told.case.messages.filter(kind="file").exists() is stored

    def arrived() -> bool:
        fetch_due_media()
        return InboundMessage.objects.get(message_type="image").state == InboundMessage.State.DELIVERED

    wait_until(arrived, 10)
    (message,) = told.case.messages.filter(kind="file")
    with message.attachment.file.open() as file:
        assert file.read()
    assert InboundMessage.objects.get(message_type="image").message == message


def test_every_failpoint_of_the_product_is_tested_here() -> None:
    named = {name for path in PRODUCT.rglob("*.py") for name in re.findall(r'failpoint\("(.+?)"\)', path.read_text())}
    assert named == {*DELIVERY, *MEDIA, *CALLBACK, *POSTING, *ELSEWHERE}
