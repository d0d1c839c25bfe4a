"""The administrators' view of what went to WeCom and came from it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from advisors.actions import bind_wecom_account
from cases.actions import assign_advisor, close_case, open_case
from cases.models import Message
from members.models import User
from tests.support.app import App
from tests.support.colleague import WeCom
from tests.support.files import mp4
from tests.support.people import PASSWORD, World, says, signed_in
from tests.support.robot import Robot
from wecom.inbound.media import fetch_due_media
from wecom.models import InboundMessage, Notification
from wecom.outbound.sending import send_due

pytestmark = pytest.mark.django_db

INBOUND = reverse("admin:wecom_inboundmessage_changelist")
NOTIFICATIONS = reverse("admin:wecom_notification_changelist")
ALL = f"{NOTIFICATIONS}?show=all"
SAMPLE = Path(settings.BASE_DIR, "wecom/sandbox/video.mp4")


@pytest.fixture
def admin(world: World) -> Client:
    return signed_in(world.admin)


@pytest.fixture
def held(world: World) -> InboundMessage:
    """A text of 李明 that belongs to no case, because none was notified."""
    bind_wecom_account(world.li, "LiMing")
    WeCom().say("LiMing", "材料收到了")
    return InboundMessage.objects.get(state="held")


def assign(client: Client, row: InboundMessage, number: object) -> str:
    data = {"action": "assign_to_case", "_selected_action": row.pk, "case_number": number}
    return client.post(INBOUND, data, follow=True).content.decode()


def test_a_held_message_is_written_into_a_case_once_as_its_sender(
    world: World, admin: Client, held: InboundMessage
) -> None:
    assign(admin, held, world.case.number)
    message = Message.objects.get(source="wecom")
    assert (message.case, message.sender, message.body) == (world.case, world.li.user, "材料收到了")
    assert "只有已保留" in assign(admin, held, world.other_case.number)
    assert Message.objects.filter(source="wecom").count() == 1


def test_a_held_message_goes_to_no_case_its_sender_does_not_follow(
    world: World, admin: Client, held: InboundMessage
) -> None:
    assign_advisor(world.case, world.zhang, by=world.admin)
    close_case(world.other_case)
    for case in (world.case, world.other_case):
        assert "没有写入" in assign(admin, held, case.number)
    held.refresh_from_db()
    assert held.state == "held"
    assert not Message.objects.filter(source="wecom").exists()


@pytest.mark.parametrize("number", ["", "abc", "-1", "999999", "9" * 400, "１００１x"])
def test_a_wrong_case_number_changes_nothing(admin: Client, held: InboundMessage, number: str) -> None:
    assert "案件号" in assign(admin, held, number)
    held.refresh_from_db()
    assert held.state == "held"


def test_the_number_an_advisor_typed_is_not_part_of_the_message(world: World, admin: Client) -> None:
    bind_wecom_account(world.li, "LiMing")
    WeCom().say("LiMing", "#999 材料收到了")
    assign(admin, InboundMessage.objects.get(), world.case.number)
    assert Message.objects.get(source="wecom").body == "材料收到了"


def test_only_what_is_held_shows_its_content(world: World, admin: Client, held: InboundMessage) -> None:
    page = reverse("admin:wecom_inboundmessage_change", args=[held.pk])
    assert "材料收到了" in admin.get(page).content.decode()
    assign(admin, held, world.case.number)
    assert "材料收到了" not in admin.get(page).content.decode()
    assert "材料收到了" not in admin.get(INBOUND).content.decode()


def test_lists_are_searched_and_filtered(world: World, admin: Client, held: InboundMessage) -> None:
    for query in ("q=LiMing", "state__exact=held", "q=999999", "message_type=text"):
        assert admin.get(f"{INBOUND}?{query}").status_code == 200
    assert "LiMing" in admin.get(f"{INBOUND}?q=LiMing").content.decode()
    for query in ("state__exact=waiting", "event__exact=member_wrote", f"q={world.case.number}"):
        assert admin.get(f"{NOTIFICATIONS}?{query}").status_code == 200


def test_a_notification_is_cancelled_and_sent_after_all(world: World, admin: Client, robot: Robot) -> None:
    Notification.objects.all().delete()
    says(world.case, world.wang, "在吗？")
    row = Notification.objects.get(event="member_wrote")
    admin.post(ALL, {"action": "cancel_selected", "_selected_action": row.pk})
    send_due()
    assert robot.texts == []
    admin.post(ALL, {"action": "resend_selected", "_selected_action": row.pk})
    send_due()
    assert len(robot.texts) == 1
    detail = admin.get(reverse("admin:wecom_notification_change", args=[row.pk])).content.decode()
    assert row.reference in detail
    assert "test-robot-key" not in detail


@pytest.fixture
def mixed(world: World) -> dict[str, Notification]:
    """One notification in each situation, by a name for it."""
    now = timezone.now()
    late, soon = now - timedelta(minutes=5), now + timedelta(minutes=30)

    def make(state: str, due_at: datetime, channel: str = "group", **fields: object) -> Notification:
        return Notification.objects.create(event="test", state=state, due_at=due_at, channel=channel, **fields)

    return {
        "late": make("waiting", late),
        "stuck": make("sending", late, "app", leased_until=late),
        "failed": make("failed", late),
        "just due": make("waiting", now),
        "later": make("waiting", soon),
        "delivered": make("delivered", late, delivered_at=now),
        "cancelled": make("cancelled", late),
    }


def listed(client: Client, mixed: dict[str, Notification], query: str = "") -> set[str]:
    page = client.get(NOTIFICATIONS + query).content.decode()
    return {name for name, row in mixed.items() if f">{row.reference}</a>" in page}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"late", "stuck", "failed"}),
        ("?show=work", {"late", "stuck", "failed"}),
        ("?show=nonsense", {"late", "stuck", "failed"}),
        ("?channel__exact=app", {"stuck"}),
        ("?event__exact=test", {"late", "stuck", "failed"}),
        ("?event__exact=member_wrote", set()),
        ("?state__exact=delivered", {"delivered"}),
        ("?state__exact=waiting", {"late", "just due", "later"}),
        ("?state__exact=waiting&show=work", {"late"}),
        ("?show=all", {"late", "stuck", "failed", "just due", "later", "delivered", "cancelled"}),
    ],
)
def test_the_list_shows_what_needs_work_unless_asked_otherwise(
    admin: Client, mixed: dict[str, Notification], query: str, names: set[str]
) -> None:
    assert listed(admin, mixed, query) == names


def test_a_search_finds_what_is_done_too(world: World, admin: Client) -> None:
    row = Notification.objects.create(event="case_assigned", state="cancelled", case=world.case)
    assert f">{row.reference}</a>" in admin.get(f"{NOTIFICATIONS}?q={world.case.number}").content.decode()


def test_an_action_on_everything_shown_leaves_the_rest_alone(admin: Client, mixed: dict[str, Notification]) -> None:
    selected = [row.pk for row in mixed.values()]
    admin.post(
        NOTIFICATIONS, {"action": "cancel_selected", "_selected_action": selected, "select_across": "1", "index": "0"}
    )
    states = {name: Notification.objects.get(pk=row.pk).state for name, row in mixed.items()}
    assert (states["late"], states["just due"], states["later"]) == ("cancelled", "waiting", "waiting")


def test_above_the_list_stand_the_counts_and_the_age_of_the_oldest(
    admin: Client, mixed: dict[str, Notification]
) -> None:
    page = admin.get(NOTIFICATIONS).content.decode()
    assert "到期未发 3 条（最久 5 分钟），定时稍后 1 条，最近 24 小时失败 1 条。" in page


def test_the_list_costs_the_same_for_one_and_for_thirty(world: World, admin: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert admin.get(ALL).status_code == 200
        return len(seen)

    def fill(count: int) -> None:
        for number in range(count):
            case = open_case(world.wang, f"案件 {number}", advisor=world.li)
            Notification.objects.create(event="case_assigned", case=case, member=world.wang, advisor=world.li)

    fill(1)
    before = queries()
    fill(29)
    assert queries() == before <= 12


@pytest.fixture
def video(world: World, app: App) -> InboundMessage:
    """A video of 李明 for his case that was fetched and refused: it has no picture track."""
    app.media["broken"] = mp4(b"isom")
    wecom = WeCom()
    wecom.say("LiMing", f"#{world.case.number}")
    wecom.send("LiMing", "video", {"MediaId": "broken"})
    assert fetch_due_media() == 1
    return InboundMessage.objects.get(message_type="video", state="held")


def test_a_video_that_failed_and_is_assigned_is_said_to_be_under_way_and_no_more(
    world: World, admin: Client, app: App, video: InboundMessage
) -> None:
    page = assign(admin, video, world.case.number)
    assert "已开始重新下载 1 项，结果稍后显示在这里。" in page
    assert "已处理" not in page
    assert "正在下载" in page
    again = assign(admin, video, world.case.number)
    assert "LiMing 视频: 只有已保留的来信可以处理。" in again
    assert "已开始" not in again

    fetch_due_media()
    row = InboundMessage.objects.get(pk=video.pk)
    assert (row.state, row.reason, row.attempts) == ("held", video.reason, 2)
    assert video.reason in admin.get(INBOUND).content.decode()
    detail = admin.get(reverse("admin:wecom_inboundmessage_change", args=[video.pk])).content.decode()
    assert "尝试次数" in detail

    app.media["broken"] = SAMPLE.read_bytes()
    assign(admin, video, world.case.number)
    fetch_due_media()
    assert Message.objects.get(source="wecom").attachment.kind == "video"


def test_each_row_of_an_action_counts_for_what_came_of_it(
    world: World, admin: Client, app: App, video: InboundMessage
) -> None:
    WeCom().say("LiMing", "#999 材料收到了")
    text = InboundMessage.objects.get(message_type="text", state="held")
    done = InboundMessage.objects.filter(state="ignored").first()
    assert done is not None
    data = {"action": "assign_to_case", "_selected_action": [text.pk, video.pk, done.pk]}
    page = admin.post(INBOUND, {**data, "case_number": world.case.number}, follow=True).content.decode()
    for said in ("已处理 1 项。", "已开始重新下载 1 项", "LiMing 文字: 只有已保留的来信可以处理。"):
        assert said in page


def test_sending_again_what_is_due_anyway_changes_nothing_and_says_so(
    admin: Client, mixed: dict[str, Notification]
) -> None:
    def resend(*names: str) -> str:
        chosen = {"action": "resend_selected", "_selected_action": [mixed[name].pk for name in names]}
        return admin.post(ALL, chosen, follow=True).content.decode()

    page = resend("later", "failed")
    assert "已排入发送 2 项，结果稍后显示在这里。" in page
    assert "已处理" not in page
    page = resend("later", "late", "delivered")
    assert page.count("没有变化：这条通知已经排在等待发送的队列里。") == 2
    assert "只有等待、失败或已取消的通知可以重新发送。" in page
    assert "已排入" not in page


def test_cancelling_twice_is_done_once(admin: Client, mixed: dict[str, Notification]) -> None:
    chosen = {"action": "cancel_selected", "_selected_action": [mixed["late"].pk]}
    assert "已处理 1 项。" in admin.post(ALL, chosen, follow=True).content.decode()
    again = admin.post(ALL, chosen, follow=True).content.decode()
    assert "只有等待发送的通知可以取消。" in again
    assert "已处理" not in again


def test_kinds_of_messages_and_events_are_words(world: World, admin: Client) -> None:
    bind_wecom_account(world.li, "LiMing")
    wecom = WeCom()
    for kind in ("image", "hologram"):
        wecom.send("LiMing", kind, {"MediaId": "x"})
    for event in ("enter_agent", "template_card_event", "moon_event"):
        wecom.send("LiMing", "event", {"Event": event, "EventKey": "x"})
    words = ["图片", "未知类型（hologram）", "事件：进入应用", "事件：卡片按钮", "未知事件（moon_event）"]
    page = admin.get(INBOUND).content.decode()
    assert all(f'"field-what">{word}<' in page for word in words)
    # As the filter has them: one kind each, and all events together.
    assert all(f">{word}</a>" in page for word in ("图片", "未知类型（hologram）", "事件"))
    chosen = admin.get(f"{INBOUND}?message_type=hologram").content.decode()
    assert '"field-what">未知类型（hologram）<' in chosen
    assert '"field-what">图片<' not in chosen
    for row in InboundMessage.objects.all():
        detail = admin.get(reverse("admin:wecom_inboundmessage_change", args=[row.pk])).content.decode()
        assert any(word in detail for word in words)
        assert "template_card_event" not in detail


def test_staff_who_may_only_look_cannot_act(world: World, held: InboundMessage) -> None:
    looker = User.objects.create_user("looker@example.com", PASSWORD, name="查", is_staff=True)
    looker.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    client = signed_in(looker)
    assert client.get(INBOUND).status_code == 200
    assign(client, held, world.case.number)
    held.refresh_from_db()
    assert held.state == "held"


def test_nothing_is_added_changed_or_deleted_by_hand(admin: Client, held: InboundMessage) -> None:
    for name in ("inboundmessage", "notification", "channel"):
        assert admin.get(reverse(f"admin:wecom_{name}_add")).status_code == 403
    assert admin.post(reverse("admin:wecom_inboundmessage_delete", args=[held.pk]), {"post": "yes"}).status_code == 403


# Dismissing what is held --------------------------------------------------------------------------------


def dismiss(world: World, row: InboundMessage, reason: str) -> str:
    data = {"action": "dismiss", "_selected_action": row.pk, "dismissed_because": reason}
    return signed_in(world.admin).post(INBOUND, data, follow=True).content.decode()


def test_a_held_message_is_dismissed_with_a_reason_that_stays_and_is_sent_nowhere(world: World) -> None:
    bind_wecom_account(world.li, "LiMing")
    WeCom().say("LiMing", "您好")
    row = InboundMessage.objects.get()
    assert "请填写不再处理的原因" in dismiss(world, row, "  ")
    row.refresh_from_db()
    assert row.state == "held"
    assert "已处理 1 项" in dismiss(world, row, "问过顾问：误发")
    row.refresh_from_db()
    assert (row.state, row.reason) == ("ignored", "管理员不再处理：问过顾问：误发")
    assert LogEntry.objects.get(object_id=row.pk).user == world.admin
    assert "只有已保留的来信可以处理" in dismiss(world, row, "再来一次")
    assert not world.case.messages.filter(sender=world.li.user).exists()


def test_a_dismissed_line_is_not_sent_by_the_choice_that_was_open(world: World, settings: Settings) -> None:
    settings.WECHAT_REPLY_ROUTING = "ask"
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "一")
    says(world.other_case, world.lin, "二")
    wecom = WeCom()
    wecom.say("LiMing", "误发的")
    wecom.say("LiMing", "要发的")
    dismiss(world, InboundMessage.objects.get(content="误发的"), "误发")
    wecom.say("LiMing", "1")
    sent = Message.objects.filter(source="wecom")
    assert [message.body for message in sent] == ["要发的"]
