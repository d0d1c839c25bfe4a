"""The server's templates and the page's script draw the same elements, for every kind and state of what they show.

The server's are read from the page as it is sent; the script's from the page in which it runs. Before the two are
compared, both lose what only one of them can have (NORMAL):

- times, sizes and how long somebody waits, as text or title: the browser writes them in the reader's zone and language;
- what needs a script to work: buttons, links within what people wrote, and that one person's messages stand together;
- space between elements, and the order of attributes and classes.
"""

import time
from collections.abc import Callable
from textwrap import indent

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import CALM, PASSWORD, PageErrors, until
from tests.browser.test_pages import is_live
from tests.support import files
from tests.support.site import Site
from tests.support.size import sized, some

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
MEMBER, ADVISOR = "drawn@example.com", "drawer@example.com"
CHINESE, ENGLISH = LANGUAGES = ("zh-CN", "en-CA")
HERE = {"timezone_id": "America/Toronto"}  # the server's own zone: its days begin when the reader's do

NORMAL = """root => {
  const lines = [];
  const show = (node, depth) => {
    const indent = "  ".repeat(depth);
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.parentElement.closest(".text") ? node.data : node.data.replace(/\\s+/g, " ").trim();
      if (text.trim()) lines.push(indent + JSON.stringify(text));
      return;
    }
    const sorted = (one) => (one.name === "class" ? [...node.classList].sort().join(" ") : one.value);
    const said = [...node.attributes].map((one) => `${one.name}=${JSON.stringify(sorted(one))}`).sort();
    lines.push(`${indent}${[node.localName, ...said].join(" ")}`);
    node.childNodes.forEach((one) => show(one, depth + 1));
  };
  const copy = document.importNode(root, true);
  const all = (selector) => [...copy.querySelectorAll(selector)];
  all("time, .system .text").forEach((one) => one.removeAttribute("title"));
  all("time, .file-size").forEach((one) => (one.textContent = ""));
  all(".chip.waiting").forEach((one) => (one.textContent = one.textContent.replace(/\\d.*/s, "")));
  const moment = /(\\d+-\\d+ )?\\d+:\\d+( [ap]\\.m\\.)?/;
  all(".hint").forEach((one) => (one.textContent = one.textContent.replace(moment, "")));
  all("button").forEach((one) => one.remove());
  all(".text a[rel]").forEach((one) => one.replaceWith(one.textContent));
  all(".continued").forEach((one) => one.classList.remove("continued"));
  copy.normalize();
  copy.childNodes.forEach((one) => show(one, 0));
  return lines;
}"""
BOTH = f"""async ([selector, url, place]) => {{
  const normal = {NORMAL};
  const html = await (await fetch(url ?? location.href, {{ headers: {{ Accept: "text/html" }} }})).text();
  const sent = new DOMParser().parseFromString(html, "text/html").querySelector(selector);
  return [normal(sent), normal(document.querySelector(place ?? selector))];
}}"""

CAST = f"""
from advisors.actions import apply_as_advisor, approve_advisor, bind_wecom_account
from members.actions import register_member
register_member(email={MEMBER!r}, name="欧阳娜娜", password={PASSWORD!r})
boss = User.objects.get(email="admin@example.com")
apply = lambda email, name, number: approve_advisor(
    apply_as_advisor(email=email, name=name, password={PASSWORD!r}, licence_number=number), by=boss)
bind_wecom_account(apply({ADVISOR!r}, "周画", "R616161"), "Drawer")
apply("there@example.com", "محمد علي", "R626262")
"""
SCENE = f"""
from cases.models import Attachment
from cases.models.desk import Note
member = Member.objects.get(user__email={MEMBER!r})
advisor = Advisor.objects.get(user__email={ADVISOR!r})
there = Advisor.objects.get(user__email="there@example.com")
now = timezone.now()

def make(title, **about):
    number = (Case.objects.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    return Case.objects.create(number=number, title=title, member=member, **{{"advisor": advisor}} | about)

def put(case, who, body, *, minutes=10, **about):
    case.last_seq += 1
    case.last_message_at = now - timedelta(minutes=minutes)
    case.save()
    if who is None: about |= {{"kind": "system"}}
    return Message.objects.create(case=case, seq=case.last_seq, sender=who and who.user, body=body,
        client_id=uuid4().hex, created_at=case.last_message_at, **about)

def attach(message, kind, state, **about):
    content_type, size = f"{{kind}}/x", 3_456_789
    about |= {{"width": 640, "height": 480, "thumbnail": uuid4().hex}} if kind == "image" else {{}}
    about |= {{"scan_due_at": now + timedelta(days=1)}} if state == "waiting" else {{}}
    about |= {{"finding": "Eicar"}} if state == "infected" else {{}}
    Attachment.objects.create(message=message, name=message.body, size=size, content_type=content_type, kind=kind,
        sha256="0" * 64, file=uuid4().hex, state=state, **about)
"""
# As many as stand on one page, of two days. The later ones are so young that they may be recalled.
MESSAGES = """
case = make("每一种消息")
texts = ["你好", "两行\\n  <b>不是</b> &amp; 标记", "见 https://www.canada.ca/a?b=c&d=e#f，谢谢", "مرحبا 👨‍👩‍👧 https://user@evil.example"]
for who, minutes in zip((member, advisor) if SOURCE == "web" else (advisor, member), (1500, 1)):
    about = {"minutes": minutes, "source": SOURCE}
    for text in texts: put(case, who, text, **about)
    put(case, who, "收回", recalled_at=now, **about)
    for kind in ("image", "audio", "video", "file"):
        for state in ("ready", "waiting", "infected"):
            attach(put(case, who, f"{kind} <{state}>.bin", kind="file", **about), kind, state)
    attach(put(case, who, "收回.pdf", kind="file", recalled_at=now, **about), "file", "ready")
    put(case, who, "通话 3 分钟", kind="call", **about)
for notice in Message.Notice.values: put(case, None, "记录", notice=notice, about="周画", minutes=1)
put(case, None, "网站说的一句话", minutes=1)
first, told, second = (6, 12, 25) if SOURCE == "web" else (25, 31, 6)
ReadMark.objects.create(case=case, user=advisor.user, seq=first)
ReadMark.objects.create(case=case, user=member.user, seq=second)
Case.objects.filter(pk=case.pk).update(notified_seq=told, notified_at=now)
print(case.number)
"""
ROWS = """
Advisor.objects.filter(pk=there.pk).update(last_active_at=now)
long = "长" * 79
for n, body in enumerate(["好", long, long + "长", long + "长长", "👍" * 81, "a" * 200, "<b>&amp;</b>"]):
    put(make(f"最后一句 {n}"), member if n % 2 else advisor, body)
for who in (member, advisor):
    put(make("收回"), who, "收回", recalled_at=now)
    attach(put(make("文件"), who, "护照.pdf", kind="file"), "file", "ready")
    put(make("通话"), who, "通话", kind="call")
for notice in Message.Notice.values: put(make("系统"), None, "记录", notice=notice, about="周画")
make("还没有消息")
put(make("没有顾问", advisor=None), member, "有人吗？")
put(make("顾问在线", advisor=there), member, "在吗？")
for who in (member, advisor):
    for n in (1, 99, 100):
        many = make(f"{n} 条未读")
        for _one in range(n): put(many, who, "说")
for minutes in (1, 59, 60, 47 * 60, 100 * 60):
    waits = make("等待回复", waiting_since=now - timedelta(minutes=minutes))
    put(waits, member, "等了很久", minutes=minutes)
    ReadMark.objects.create(case=waits, user=advisor.user, seq=1)
for who in (member, advisor): put(make("登录后打开"), who, "早", minutes=0)  # by which it is read
closed = make("结案", status="closed")
put(closed, None, "记录", notice="closed")
put(make("结案，未读", status="closed"), advisor, "再见")
for who in (member, advisor): ReadMark.objects.create(case=closed, user=who.user, seq=1)
print(closed.number)
"""

# What a member is told above the box, by its id; `""`: nothing.
NOTICES = {
    "closed": 'case = make("结案", status="closed")',
    "": 'case = make("在线", advisor=there)\nAdvisor.objects.filter(pk=there.pk).update(last_active_at=now)',
    "away": 'case = make("不在")',
    "saved": 'case = make("已保存", waiting_since=now)\nput(case, member, "在吗？")',
    "notified": """
case = make("已提醒", advisor=there, waiting_since=now)
Advisor.objects.filter(pk=there.pk).update(last_active_at=None)
put(case, member, "在吗？")
Case.objects.filter(pk=case.pk).update(notified_seq=1, notified_at=now)""",
    # WeCom is not to be had for a while.
    "notifying": """
from wecom.models import Channel
for name in ("group", "app"):
    Channel.objects.update_or_create(name=name, defaults={"paused_until": now + timedelta(minutes=4)})
case = make("正在提醒")
post_message(case, member.user, "在吗？", client_id=uuid4().hex)""",
    "unassigned": 'case = make("没有顾问", advisor=None)',
    "team-notified": """
case = make("没有顾问", advisor=None, waiting_since=now)
put(case, member, "有人吗？")
Case.objects.filter(pk=case.pk).update(notified_seq=1, notified_at=now)""",
}
# Written one after the other; the last one says why the case was handed over.
NOTES = """
case = Case.objects.get(number=NUMBER)
for body in ("记一笔", "两行\\n<b>不是</b> &amp; 标记"):
    Note.objects.create(case=case, author=advisor.user, body=body, client_id=uuid4().hex)
about = {"handed_to": there, "client_id": uuid4().hex}
Note.objects.create(case=case, author=there.user, body="移交原因", **about)
"""
FOUND = """
case = make("蓝鲸迁徙计划")
for who in (member, advisor): put(case, who, "第一句 <b>蓝鲸</b>，第二句也有蓝鲸。")
print(case.number)
"""


def prepared(site: Site, code: str, **values: object) -> list[int]:
    """Run a piece of scene; return the numbers it printed."""
    for name, value in values.items():
        code = code.replace(name, repr(value))
    in_one = "from django.db import transaction\nwith transaction.atomic():\n"  # hundreds of rows, one commit
    return [int(one) for one in site.shell(in_one + indent(SCENE + code, "    ")).split()]


@pytest.fixture(scope="module")
def cast(site: Site) -> Site:
    site.shell(CAST)
    return site


@pytest.fixture(scope="module")
def rows(cast: Site) -> int:
    """The number of a closed case that is read; there is one case of everything a row can show."""
    return prepared(cast, ROWS)[0]


@pytest.fixture
def read(sign_in: Open, page_errors: PageErrors) -> Open:
    """Open a page as a reader in the server's zone; the bytes of files are not the matter here."""

    page_errors.allow("Failed to load resource")  # those of the page to which signing in leads

    def enter(email: str, path: str, locale: str) -> Page:
        page = sign_in(email, "/healthz", locale=locale, **HERE)
        page.route("**/api/files/**", stand_in)
        page.goto(path)
        is_live(page)
        return page

    return enter


def stand_in(route: Route) -> None:
    """A picture for every picture; a film never comes, nor fails."""
    if route.request.resource_type == "image":
        route.fulfill(body=files.image("PNG"), content_type="image/png")


def same(page: Page, selector: str, url: str | None = None, place: str | None = None) -> list[str]:
    """Fail unless both draw the same in there; return it. What is under way has ten seconds to come.

    `url` and `place` say where the server and the script draw it when it is not the same place of the same page.
    """
    deadline = time.monotonic() + 10
    while True:
        sent, drawn = page.evaluate(BOTH, [selector, url, place])
        if sent == drawn or time.monotonic() > deadline:
            break
        page.wait_for_timeout(200)
    assert sent == drawn
    assert sent
    return list(sent)


@sized
@pytest.mark.parametrize(
    ("email", "source", "locale"),
    some(
        [(MEMBER, "wecom", ENGLISH), (MEMBER, "web", CHINESE), (ADVISOR, "wecom", CHINESE), (ADVISOR, "web", ENGLISH)],
        every=4,
    ),
)
def test_every_kind_and_state_of_message(cast: Site, read: Open, email: str, source: str, locale: str) -> None:
    (number,) = prepared(cast, MESSAGES, SOURCE=source)
    said = "\n".join(same(read(email, f"/messages/{number}/", locale), "#messages"))
    for state in ("read", "sent", *(["told"] if email == MEMBER else [])):
        assert f'data-state="{state}"' in said
    for kind in ("image", "audio", "video", "file"):
        for state in ("ready", "waiting", "infected"):
            assert f'data-kind="{kind}" data-state="{state}"' in said
    for what in (
        "avatar",
        "day",
        "message mine",
        "message theirs",
        "message recalled theirs",
        "message system",
        "role",
    ):
        assert f'class="{what}"' in said, what
    assert ('class="wecom"' in said) == (source == "wecom")


@sized
@pytest.mark.parametrize(
    ("email", "query", "locale"),
    some(
        [(MEMBER, "", ENGLISH), (MEMBER, "", CHINESE), (ADVISOR, "?show=all", CHINESE), (ADVISOR, "", ENGLISH)], every=2
    ),
)
def test_every_state_of_a_row_in_the_list(
    cast: Site, rows: int, read: Open, email: str, query: str, locale: str
) -> None:
    page = read(email, f"/messages/{rows}/{query}", locale)
    said = "\n".join(same(page, "#cases"))
    whose = ["none presence", "online presence"] if email == MEMBER else ["case-name", "chip waiting"]
    for what in ("badge", "case-time", "case-last", 'aria-current="page"', "99+", *whose):
        assert what in said, what


def test_the_fold_of_closed_cases(cast: Site, rows: int, read: Open) -> None:
    assert 'class="closed-cases"' in "\n".join(same(read(MEMBER, "/messages/", CHINESE), "#cases"))


@sized
@pytest.mark.parametrize(
    ("notice", "locale"),
    some([*((one, CHINESE) for one in NOTICES), ("notified", ENGLISH), ("team-notified", ENGLISH)], every=4),
)
def test_every_notice_and_who_is_there(
    cast: Site, calm_wecom: None, read: Open, notice: str, locale: str, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(lambda: cast.shell(CALM))
    (number,) = prepared(cast, NOTICES[notice] + "\nprint(case.number)")
    page = read(MEMBER, f"/messages/{number}/", locale)
    until(page, "document.querySelector('#cases .badge, #cases .case')?.isConnected")
    said = same(page, "#waiting")
    shown = [line for line in said if line.startswith("p class=") and "hidden" not in line]
    assert shown == ([f'p class="hint" id="{notice}"'] if notice else [])
    assert same(page, "#peer")


@sized
@pytest.mark.parametrize("locale", some(LANGUAGES, 2))
def test_every_kind_of_note(cast: Site, read: Open, locale: str) -> None:
    (number,) = prepared(cast, 'print(make("备注").number)')
    page = read(ADVISOR, f"/messages/{number}/", locale)
    same(page, "#peer")
    prepared(cast, NOTES, NUMBER=number)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # by which the page looks again
    expect(page.locator("#notes .note")).to_have_count(3)
    said = "\n".join(same(page, "#notes"))
    assert said.count('class="note"') == 3
    assert said.count('class="note-kind"') == 1


@sized
@pytest.mark.parametrize("locale", some(LANGUAGES, 2))
def test_what_a_search_finds(cast: Site, read: Open, locale: str) -> None:
    (number,) = prepared(cast, FOUND)
    page = read(MEMBER, f"/messages/{number}/", locale)
    page.fill("#search-all", "蓝鲸")
    expect(page.locator(".found-list mark").first).to_be_visible()
    said = "\n".join(same(page, ".found-list", "/messages/search/?q=蓝鲸", ".cases .found-list"))
    assert said.count('class="found"') >= 3  # a case by its title, and two messages
    page.click("[data-find] summary")
    page.fill("[data-find] [type=search]", "蓝鲸")
    expect(page.locator("[data-find] .found-list mark").first).to_be_visible()
    said = "\n".join(same(page, ".found-list", f"/messages/search/?case={number}&q=蓝鲸", "[data-find] .found-list"))
    assert said.count('class="found"') == 2
