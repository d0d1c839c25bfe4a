"""The e-mail to a member who has left: one table of what happens on which second, and when the mail goes."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, close_case, recall_message
from members.actions import set_reminders
from tests.support.clock import NOON
from tests.support.colleague import WeCom
from tests.support.files import PNG
from tests.support.people import World, deactivate, says, send, signed_in
from tests.support.scene import Act, Scene
from wecom.models import Notification
from wecom.outbound import events
from wecom.outbound.sending import send_due
from wecom.outbound.states import resend

pytestmark = pytest.mark.django_db

State = Notification.State
SECRET = "您的护照 E12345678 已收到"


def reply(scene: Scene) -> object:
    return says(scene.world.case, scene.world.li, SECRET)


def reply_with_a_file(scene: Scene) -> object:
    data = {"file": SimpleUploadedFile("passport-E12345678.png", PNG, "image/png"), "client_id": "file"}
    response = scene.li.post(f"{scene.path}messages/", data)
    assert response.status_code == 201, response.content
    return response


def reply_in_wecom(scene: Scene) -> object:
    return WeCom().say("LiMing", f"#{scene.world.case.number} {SECRET}")


def read(scene: Scene) -> object:
    return send(scene.wang, f"{scene.path}read/", {"seq": 99})


def answer(scene: Scene) -> object:
    return says(scene.world.case, scene.world.wang, "谢谢")


def tab_asks(scene: Scene) -> object:
    return scene.wang.get("/api/cases/")


def active(scene: Scene) -> object:
    return scene.wang.post("/api/active/")


def sign_in(scene: Scene) -> object:
    scene.wang.logout()
    scene.wang.force_login(scene.world.wang.user)
    return scene


def recall(scene: Scene) -> object:
    newest = scene.world.case.messages.filter(sender=scene.world.li.user).latest("seq")
    return recall_message(newest, by=scene.world.li.user)


def give_to_zhang(scene: Scene) -> object:
    return assign_advisor(scene.world.case, scene.world.zhang, by=scene.world.admin)


def give_back(scene: Scene) -> object:
    return assign_advisor(scene.world.case, scene.world.li, by=scene.world.admin)


def close(scene: Scene) -> object:
    return close_case(scene.world.case)


def switch_off(scene: Scene) -> object:
    set_reminders(scene.world.wang, on=False)
    return scene


def leave_for_good(scene: Scene) -> object:
    deactivate(scene.world.wang)
    return scene


# Name: what happens when (seconds), on which seconds e-mails go, what the last row's note says.
TABLE: dict[str, tuple[list[tuple[int, Act]], list[int], str]] = {
    "a reply": ([(0, reply)], [300], ""),
    "a file": ([(0, reply_with_a_file)], [300], ""),
    "a reply from WeCom": ([(0, reply_in_wecom)], [300], ""),
    "an open tab reads nothing": ([(0, reply), (100, tab_asks), (290, tab_asks)], [300], ""),
    "read meanwhile": ([(0, reply), (290, read)], [], "阅读"),
    "answered meanwhile": ([(0, reply), (290, answer)], [], "阅读"),
    "taken back": ([(0, reply), (60, recall)], [], "撤回"),
    "one of two taken back": ([(0, reply), (60, reply), (70, recall)], [300], ""),
    "given to another": ([(0, reply), (60, give_to_zhang)], [300], ""),
    "given to another and back": ([(0, reply), (60, give_to_zhang), (90, give_back)], [300], ""),
    "closed": ([(0, reply), (60, close)], [300], ""),
    "the account is switched off": ([(0, reply), (60, leave_for_good)], [], "停用"),
    "reminders are switched off": ([(0, reply), (60, switch_off)], [], "关闭"),
    "steady replies postpone nothing, one e-mail": ([(s, reply) for s in range(0, 900, 50)], [300], "还没有回来"),
    "the first is read, the second not": ([(0, reply), (100, read), (200, reply)], [500], ""),
    "more replies, never back": ([(0, reply), (1000, reply), (2000, reply)], [300], "还没有回来"),
    "back and read": ([(0, reply), (600, read), (1000, reply)], [300, 1300], ""),
    "back on the website, not read": ([(0, reply), (600, active), (1000, reply)], [300, 1300], ""),
    "back by signing in": ([(0, reply), (600, sign_in), (1000, reply)], [300, 1300], ""),
    "back with an answer": ([(0, reply), (600, answer), (1000, reply)], [300, 1300], ""),
    "was here before the e-mail": ([(0, reply), (200, active), (1000, reply)], [300], "还没有回来"),
    "an open tab is not being back": ([(0, reply), (600, tab_asks), (1000, reply)], [300], "还没有回来"),
    "the other advisor replies too": ([(0, reply), (600, give_to_zhang)], [300], ""),
}


@pytest.mark.parametrize("name", TABLE)
def test_when_the_member_gets_an_e_mail(world: World, clock: time_machine.Traveller, name: str) -> None:
    happens, expected, words = TABLE[name]
    bind_wecom_account(world.li, "LiMing")
    scene = Scene(world)
    sent: list[int] = []
    for second in sorted({*(second for second, _act in happens), *range(0, 2401, 100)}):
        clock.move_to(NOON + timedelta(seconds=second))
        for _second, act in [one for one in happens if one[0] == second]:
            act(scene)
        before = len(mail.outbox)
        send_due(channels=("email",))
        sent += [second] * (len(mail.outbox) - before)
    assert sent == expected
    row = Notification.objects.filter(event=events.REPLY_UNREAD.name).latest("pk")
    assert row.state == (State.CANCELLED if words else State.DELIVERED)
    assert words in row.note
    for one in mail.outbox:
        assert one.to == ["wang@example.com"]
        assert "护照" not in f"{one.subject}{one.body}"
        assert "passport" not in f"{one.subject}{one.body}"


def reminded(world: World, clock: time_machine.Traveller) -> mail.EmailMessage:
    """Have 李明 reply, five minutes pass, and return the e-mail."""
    says(world.case, world.li, SECRET)
    clock.shift(300)
    send_due()
    return mail.outbox[-1]


# What it says -------------------------------------------------------------------------------------------


def test_the_e_mail_names_the_case_and_leads_to_it_and_nothing_else(
    world: World, clock: time_machine.Traveller
) -> None:
    said = reminded(world, clock)
    text = f"{said.subject}{said.body}"
    assert f"您的顾问在案件 #{world.case.number} 中回复了您" in said.subject
    assert f"http://testserver/messages/{world.case.number}/" in said.body
    for secret in (SECRET, "王小明", "李明", world.case.title, "wang@example.com"):
        assert secret not in text
    assert said.extra_headers["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("accepts", "chinese", "english"), [(None, True, True), ("en", False, True), ("zh-hans", True, False)]
)
def test_it_is_written_in_the_language_the_member_last_used(
    world: World, clock: time_machine.Traveller, accepts: str | None, chinese: bool, english: bool
) -> None:
    if accepts:
        signed_in(world.wang).post("/api/active/", headers={"Accept-Language": accepts})
    clock.shift(60)
    said = reminded(world, clock)
    for text in (said.subject, said.body):
        assert ("您的顾问" in text) is chinese
        assert ("Your advisor" in text) is english


def test_the_row_shows_what_was_sent_but_not_to_which_address(
    world: World, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    reminded(world, clock)
    row = Notification.objects.get(event=events.REPLY_UNREAD.name)
    shown = signed_in(world.admin).get(f"/admin/wecom/notification/{row.pk}/change/").content.decode()
    assert "您的顾问在案件" in shown
    for text in (shown, caplog.text, str(row.__dict__)):
        assert "wang@example.com" not in text


def test_it_goes_to_the_address_of_the_moment_it_is_sent(world: World, clock: time_machine.Traveller) -> None:
    says(world.case, world.li, SECRET)
    world.wang.user.email = "new@example.com"
    world.wang.user.save(update_fields=["email"])
    clock.shift(300)
    send_due()
    assert mail.outbox[-1].to == ["new@example.com"]


# Which --------------------------------------------------------------------------------------------------


def test_a_members_own_message_and_a_system_message_are_no_reply(world: World, clock: time_machine.Traveller) -> None:
    says(world.case, world.wang, "在吗？")
    close_case(world.case)
    assert not Notification.objects.filter(event=events.REPLY_UNREAD.name).exists()


def test_each_case_has_an_e_mail_of_its_own(world: World, clock: time_machine.Traveller) -> None:
    assign_advisor(world.other_case, world.zhang, by=world.admin)
    says(world.case, world.li, SECRET)
    says(world.other_case, world.zhang, SECRET)
    clock.shift(300)
    send_due()
    assert sorted(one.to[0] for one in mail.outbox) == ["lin@example.com", "wang@example.com"]


def test_a_recalled_message_in_time_leaves_a_later_reply_its_own_five_minutes(
    world: World, clock: time_machine.Traveller
) -> None:
    first = says(world.case, world.li, "一")
    clock.shift(100)
    recall_message(first, by=world.li.user)
    says(world.case, world.li, "二")
    clock.shift(299)
    send_due()
    assert mail.outbox == []
    clock.shift(1)
    send_due()
    assert len(mail.outbox) == 1


def test_the_minutes_are_a_setting(world: World, clock: time_machine.Traveller, settings: Settings) -> None:
    settings.EMAIL_REMINDER_AFTER = timedelta(minutes=30)
    says(world.case, world.li, SECRET)
    clock.shift(30 * 60 - 1)
    send_due()
    assert mail.outbox == []
    clock.shift(1)
    send_due()
    assert len(mail.outbox) == 1


def test_without_a_mail_server_in_production_nothing_is_sent_or_printed(
    world: World, clock: time_machine.Traveller, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    says(world.case, world.li, SECRET)
    clock.shift(300)
    send_due()
    row = Notification.objects.get(event=events.REPLY_UNREAD.name)
    assert (row.state, "EMAIL_URL" in row.note) == (State.CANCELLED, True)
    assert "wang@example.com" not in capsys.readouterr().out


def test_an_e_mail_neither_sets_the_reply_target_nor_waits_for_the_advisors_quiet_hours(
    world: World, clock: time_machine.Traveller
) -> None:
    bind_wecom_account(world.li, "LiMing")
    world.li.quiet_from, world.li.quiet_to = (NOON - timedelta(hours=6)).time(), (NOON - timedelta(hours=4)).time()
    world.li.save(update_fields=["quiet_from", "quiet_to"])  # 11:00 to 13:00 in Toronto
    reminded(world, clock)
    assert WeCom().say("LiMing", "好的").reply.startswith("⚠") or not world.case.messages.filter(body="好的").exists()


def test_an_administrator_sends_a_cancelled_one_after_all_only_if_it_is_still_unread(
    world: World, clock: time_machine.Traveller
) -> None:
    set_reminders(world.wang, on=False)
    says(world.case, world.li, SECRET)
    clock.shift(300)
    send_due()
    row = Notification.objects.get(event=events.REPLY_UNREAD.name)
    assert row.state == State.CANCELLED
    set_reminders(world.wang, on=True)
    resend(row)
    send_due()
    assert len(mail.outbox) == 1
