"""What must not stand on a Chinese page: English, Python's own words, WeCom's codes, two words for one thing.

The admin is walked with a row of every model. A new model needs a row in `filled`; a name or a unit that stays as it
is goes into LATIN, and everything else into words: verbose_name, a display function, or locale/zh_Hans for a text of
Django or allauth.
"""

import html
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from advisors.actions import bind_wecom_account
from cases.desk.actions import hand_over_case
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import CannedReply
from members.models import AccountMail
from tests.support.colleague import WeCom
from tests.support.files import PDF
from tests.support.people import PASSWORD, World, says, signed_in
from tests.support.size import size, whole
from wecom.models import Attempt, Channel, Notification

pytestmark = pytest.mark.django_db

UNREADABLE = {
    "Python's None": r"\bNone\b",
    "a time as computers write it": r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\+00:00",
    "another word for 两步验证": r"双因素|双重|多因素|二次验证|两步认证",
    "another word for 验证器应用": r"身份验证器|认证器|认证APP",
    "another word for 恢复码": r"恢复代码",
}
# What is nobody's word: addresses, paths, digests, a kind that WeCom invents tomorrow and is shown as unknown.
NO_WORDS = r"[\w.]+@[\w.]+|https?://\S+|\b(?:[\w.-]+/)+[\w.-]*|\b[0-9a-f-]{32,}\b|未知\w\w（\w+）|\w+\*{8,}"
REFERENCE = r"[AN]\d+|R\d{6}"  # of an e-mail, a notification, a licence
LATIN = {
    *("Jiayi", "RCIC", "PDF", "SHA", "TOTP", "QR", "URL", "DNS", "SITE_URL", "English"),
    *("AgentId", "Secret", "https", "qyapi.weixin.qq.com", "manage.py", "deliver", "LiMing"),
    *("Control", "Mac", "Command", "nonexistent"),  # the last one is the `.env` of the tests
    *("md5", "errcode", "ok"),  # Django's name for how a password is kept; what WeCom answered
}
TAGS = re.compile(r"<(script|style|svg)\b.*?</\1>|<[^>]*>", re.DOTALL)
# Not `alt`: Django's icons are called True, False and Search until js/pages/admin.js names them (tests/browser).
SPOKEN = re.compile(r"""\b(?:title|aria-label|placeholder)="([^"]+)\"""")


def said(page: str) -> str:
    """What a page says to who sees it, and to who has it read out."""
    body = page[page.index("<body") :]
    return html.unescape("\n".join([TAGS.sub("\n", body), *SPOKEN.findall(body)]))


def wrong_on(page: str) -> set[str]:
    words = said(page)
    found = {f"{what}: {one}" for what, pattern in UNREADABLE.items() for one in re.findall(pattern, words)}
    latin = set(re.findall(r"[A-Za-z][A-Za-z0-9_.]*[A-Za-z0-9]", re.sub(NO_WORDS, " ", words))) - LATIN
    return found | {f"not Chinese: {word}" for word in latin if not re.fullmatch(REFERENCE, word)}


@pytest.fixture
def filled(world: World) -> World:
    """A row of everything that stands in the admin, and of each kind of message and event."""
    bind_wecom_account(world.li, "LiMing")
    says(world.case, world.wang, "您好")
    post_file(world.case, world.wang.user, read_upload(BytesIO(PDF), "护照.pdf"), client_id="file")
    hand_over_case(world.case, world.zhang, by=world.li.user, reason="休假")
    CannedReply.objects.create(shortcut="收到", body="收到，谢谢。")
    Group.objects.create(name="前台")
    AccountMail.objects.create(user=world.li.user, state="sent", ended_at=timezone.now())
    TOTP.activate(world.wang.user, generate_totp_secret())
    RecoveryCodes.activate(world.wang.user)
    Channel.objects.create(name="group")
    row = Notification.objects.filter(case=world.case).latest("pk")
    Attempt.objects.create(notification=row, channel="group", outcome="ok", errcode=0, finished_at=timezone.now())
    wecom = WeCom()
    for kind in ("text", "image", "voice", "video", "file", "location", "link", "hologram"):
        wecom.send("LiMing", kind, {"Content": "材料", "MediaId": "1", "Label": "多伦多", "Title": "官网"})
    for event in ("enter_agent", "template_card_event", "subscribe", "moon_event"):
        wecom.send("LiMing", "event", {"Event": event, "EventKey": "x"})
    return world


def admin_pages(client: Client) -> Iterator[str]:
    """The addresses of the admin: each list, and of each of its first rows all there is.

    In the small size the change page of every row, and the two others, which differ less, of some.
    """
    yield from ("/admin/", "/admin/password_change/")
    for model, model_admin in django_admin.site._registry.items():
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield from (f"/admin/{model._meta.app_label}/", base, f"{base}?show=all", f"{base}add/")
        rows = model_admin.get_queryset(client.get(base).wsgi_request)
        assert rows.exists(), f"no row of {model.__name__}: add one to `filled`"
        for at, row in enumerate(rows[:12]):
            pages = ("change", *(("history", "delete") if at % size(6, 1) == 0 else ()))
            yield from (f"{base}{row.pk}/{page}/" for page in pages)


@whole
def test_the_admin_speaks_chinese(filled: World) -> None:
    client = signed_in(filled.admin)
    found: set[str] = set()
    opened = 0
    for path in admin_pages(client):
        response = client.get(path, headers={"Accept-Language": "zh-CN"})
        assert response.status_code in {200, 302, 403, 404}, path
        if response.status_code == 200:
            opened += 1
            found |= {f"{path} {wrong}" for wrong in wrong_on(response.content.decode())}
    assert sorted(found) == []
    assert opened > 100


def test_the_boxes_of_rights_speak_chinese(world: World) -> None:
    script = Path(django_admin.__file__).with_name("static") / "admin/js/SelectFilter2.js"
    said = re.findall(r"""\bgettext\((["'])(.*?)\1\)""", script.read_text(encoding="utf-8"))
    assert len(said) > 5
    answer = signed_in(world.admin).get("/admin/jsi18n/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert [words for _quote, words in said if json.dumps(words) not in answer] == []


def test_the_pages_of_two_step_verification_speak_chinese_and_have_one_word_for_it(world: World) -> None:
    client = Client(headers={"Accept-Language": "zh-CN"})
    client.post("/accounts/login/", {"login": "wang@example.com", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    pages = [client.get("/accounts/2fa/"), client.get("/accounts/2fa/totp/activate/")]
    TOTP.activate(world.wang.user, generate_totp_secret())
    RecoveryCodes.activate(world.wang.user)
    then = ("", "totp/deactivate/", "recovery-codes/", "recovery-codes/generate/", "reauthenticate/")
    pages += [client.get(f"/accounts/2fa/{path}") for path in then]
    for page in pages:
        assert page.status_code == 200
        assert "两步验证" in page.content.decode()
        assert wrong_on(re.sub(r"\b[0-9a-f]{8}\b|\b[A-Z2-7]{16,}\b", "", page.content.decode())) == set()


def test_the_guard_sees_what_it_is_for() -> None:
    for shown in (
        "Model name",
        "等待回复自 None",
        "2026-11-23 17:00:00+00:00",
        "template_card_event",
        "hologram",
        '<a title="Change">修改</a>',
        "双因素身份认证",
    ):
        assert wrong_on(f"<body><td>{shown}</td></body>"), shown
    assert not wrong_on("<body>2026年11月23日 11:30 未知类型（hologram）RCIC 顾问 N12 li@example.com</body>")
