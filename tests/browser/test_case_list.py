"""The list of cases and the pages that read a case back, in real browsers: with 85 cases, by key, and on paper."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PASSWORD
from tests.browser.test_pages import BOX, bubbles, is_live, says, sign_in_here
from tests.support.site import Site
from tests.support.size import whole

pytestmark = pytest.mark.browser

BUSY, CLIENT = "busy@example.com", "lasting@example.com"
NEXT = "#next-waiting"
Open = Callable[..., Page]

# An advisor with 85 open cases of five members, whose names say who they are; every tenth waits. And a member with an
# open, a closed and a closed unread case. Written in bulk: nobody is to be told in WeCom.
PEOPLE = f"""
from django.db import transaction
from advisors.actions import apply_as_advisor, approve_advisor
from members.actions import register_member
busy = apply_as_advisor(email={BUSY!r}, name="周忙", password={PASSWORD!r}, licence_number="R585858")
busy = approve_advisor(busy, by=User.objects.get(email="admin@example.com"))
names = ["王小明", "欧阳娜娜", "Alexandrina Featherstonehaugh-Cholmondeley", "李", "محمد بن سلمان"]
join = lambda email, name: register_member(email=email, name=name, password={PASSWORD!r})
members = [join(f"m{{n}}@example.com", name) for n, name in enumerate(names)]
lasting = join({CLIENT!r}, "常来")
titles = ["学签续签", "配偶团聚移民：补充材料", "Post-graduation work permit", "访客签证"]
now = timezone.now()

def make(number, member, title, minutes, *, waits=False, closed=False):
    at = now - timedelta(minutes=minutes)
    case = Case.objects.create(number=number, title=title, member=member, advisor=busy, last_seq=1, last_message_at=at,
        status="closed" if closed else "open", waiting_since=at if waits else None)
    sender, body = member.user if waits else busy.user, "请问我的材料还缺什么？谢谢您。"
    Message.objects.create(case=case, seq=1, sender=sender, body=body, client_id="x", created_at=at)
    ReadMark.objects.create(case=case, user=busy.user, seq=1)
    return case

with transaction.atomic():
    for n in range(85):
        make(3000 + n, members[n % 5], titles[n % 4], 30 + n * 7, waits=n % 10 == 0)
make(3900, lasting, "永久居民", 90)
closed = make(3901, lasting, "旧的学签", 10, closed=True)
ReadMark.objects.create(case=closed, user=lasting.user, seq=1)
make(3902, lasting, "旧的工签", 50, closed=True)
"""


@pytest.fixture(scope="module")
def practice(site: Site) -> Site:
    site.shell(PEOPLE)
    return site


def findings(page: Page) -> list[str]:
    """What axe has to say, of any level."""
    found = Axe().run(page, options={"reporter": "no-passes"}).response["violations"]
    return [json.dumps(one, ensure_ascii=False)[:600] for one in found]


def row(page: Page, number: int) -> Locator:
    return page.locator(f"#cases .case[data-number='{number}']")


def whole_rows(page: Page) -> int:
    """How many rows stand in the list from top to bottom, none cut off."""
    return int(
        page.evaluate("""() => {
            const list = document.getElementById("cases").getBoundingClientRect();
            const bottom = Math.min(list.bottom, innerHeight);
            const rows = [...document.querySelectorAll("#cases .case")].map((one) => one.getBoundingClientRect());
            return rows.filter((one) => one.height && one.top >= list.top - 1 && one.bottom <= bottom + 1).length;
        }""")
    )


def covered(page: Page) -> list[str]:
    """What of the list's head another part of it lies over, or what sticks out of the list."""
    return list(
        page.evaluate("""() => {
            const wanted = ".cases-head > :not([hidden]), .away-switch > *, .cases .search > *, #filters > *";
            const parts = [...document.querySelectorAll(wanted)];
            const list = document.querySelector(".cases").getBoundingClientRect();
            const box = (one) => one.getBoundingClientRect();
            const seen = parts.filter((one) => box(one).width > 1);
            const over = (a, b) => box(a).left < box(b).right - 1 && box(b).left < box(a).right - 1
                && box(a).top < box(b).bottom - 1 && box(b).top < box(a).bottom - 1;
            const two = seen.flatMap((a, n) => seen.slice(n + 1).filter((b) => over(a, b)).map((b) => [a, b]));
            const out = seen.filter((one) => box(one).left < list.left || box(one).right > list.right + 1);
            return [...two.flat(), ...out].map((one) => one.textContent.trim());
        }""")
    )


def test_an_advisor_sees_eight_cases_and_more_at_once_each_by_its_member(
    practice: Site, sign_in: Open, shot: Any
) -> None:
    advisor = sign_in(BUSY, "/messages/3040/")
    is_live(advisor)
    shot(advisor, "list-85")
    assert whole_rows(advisor) >= 8
    first = row(advisor, 3080)
    expect(first).to_be_visible()
    assert first.inner_text().split("\n")[0] == "王小明"
    expect(first.locator(".case-who")).to_have_text(re.compile(r"学签续签\s*#3080"))
    expect(first.locator(".waiting")).to_have_text(re.compile("等待回复 10 ?小时"))
    for width in (1920, 1280, 1152, 1024, 800, 768, 390):
        advisor.set_viewport_size({"width": width, "height": 800})
        if width == 390:
            advisor.goto("/messages/")
        assert covered(advisor) == [], width
    shot(advisor, "list-85-phone")


@whole
def test_the_head_of_the_list_is_whole_in_english_too(practice: Site, sign_in: Open, shot: Any) -> None:
    advisor = sign_in(BUSY, "/messages/3041/", locale="en")
    is_live(advisor)
    shot(advisor, "list-85-en")
    for width in (1280, 1024, 768):
        advisor.set_viewport_size({"width": width, "height": 800})
        assert covered(advisor) == [], width
    advisor.set_viewport_size({"width": 1280, "height": 800})
    assert whole_rows(advisor) >= 8


@whole
def test_the_page_builds_rows_as_the_server_does(practice: Site, sign_in: Open) -> None:
    markup = """() => [...document.querySelectorAll("#cases .case")].map((one) => {
        const tidy = (node) => node.nodeType === Node.TEXT_NODE ? node.data.trim()
            : `<${node.localName} ${node.className}>` + [...node.childNodes].map(tidy).join("");
        one = one.cloneNode(true);
        for (const time of one.querySelectorAll("time, .waiting")) time.textContent = "";
        return tidy(one);
    })"""
    for who, path in ((BUSY, "/messages/3040/"), (CLIENT, "/messages/3901/")):
        plain = sign_in(who, path, java_script_enabled=False)
        live = sign_in(who, path)
        is_live(live)
        live.wait_for_function("document.querySelector('#cases .case-time').textContent !== ''")
        with live.expect_response("**/api/cases/*"):
            live.reload()
        is_live(live)
        assert live.evaluate(markup) == plain.evaluate(markup)


@whole
def test_the_row_of_the_open_case_is_in_view(practice: Site, sign_in: Open) -> None:
    advisor = sign_in(BUSY, "/messages/3083/")
    expect(row(advisor, 3083)).to_be_in_viewport(ratio=1)
    is_live(advisor)
    expect(row(advisor, 3083)).to_be_in_viewport(ratio=1)
    # It stays there when the list changes, and where the reader has scrolled it away it is left alone.
    says(practice, 3005, "m0@example.com", "在吗？")
    expect(row(advisor, 3005).locator(".waiting")).to_be_visible()
    expect(row(advisor, 3083)).to_be_in_viewport(ratio=1)
    advisor.locator("#cases").evaluate("list => list.scrollTop = 0")
    says(practice, 3010, "m0@example.com", "还在吗？")
    expect(row(advisor, 3010).locator(".case-last")).to_have_text("还在吗？")
    assert advisor.locator("#cases").evaluate("list => list.scrollTop") == 0
    assert advisor.evaluate("[scrollY, document.querySelector('main').scrollTop]") == [0, 0]


def test_the_next_waiting_case_by_button_and_by_key_round_and_round(practice: Site, sign_in: Open) -> None:
    advisor = sign_in(BUSY, "/messages/3041/")
    is_live(advisor)
    expect(advisor.locator(NEXT)).to_have_attribute("title", "下一个等待的案件（Alt+N）")
    expect(advisor.locator(NEXT)).to_have_attribute("aria-keyshortcuts", "Alt+N")
    waiting = [
        int(number or 0)
        for number in advisor.locator("#cases .case:has(.waiting)").evaluate_all(
            "all => all.map((one) => one.dataset.number)"
        )
    ]
    assert len(waiting) >= 9
    advisor.click(NEXT)
    advisor.wait_for_url(f"**/messages/{waiting[0]}/")
    is_live(advisor)
    advisor.locator(BOX).press("Alt+KeyN")  # also while one writes
    advisor.wait_for_url(f"**/messages/{waiting[1]}/")
    expect(advisor.locator(BOX)).to_have_value("")
    advisor.goto(f"/messages/{waiting[-1]}/?show=waiting")
    is_live(advisor)
    advisor.keyboard.press("Alt+KeyN")
    advisor.wait_for_url(f"**/messages/{waiting[0]}/?show=waiting")


@whole
def test_the_page_says_that_nobody_waits(practice: Site, sign_in: Open) -> None:
    practice.shell("print(Case.objects.filter(number__gte=3000, number__lt=3900).update(waiting_since=None))")
    try:
        advisor = sign_in(BUSY, "/messages/3041/")
        is_live(advisor)
        expect(advisor.locator(NEXT)).to_be_hidden()
        expect(advisor.get_by_text("没有其他案件在等待").first).to_be_visible()
        advisor.keyboard.press("Alt+KeyN")
        expect(advisor.locator("#announcer")).to_have_text("没有其他案件在等待")
        says(practice, 3042, "m2@example.com", "您好")
        expect(advisor.locator(NEXT)).to_be_visible()
        advisor.click(NEXT)
        advisor.wait_for_url("**/messages/3042/")
    finally:
        practice.shell(
            "for n in range(0, 85, 10): Case.objects.filter(number=3000 + n)"
            ".update(waiting_since=timezone.now() - timedelta(minutes=30 + n * 7))"
        )


@whole
def test_who_opens_a_case_writes_at_once_where_there_is_a_keyboard(practice: Site, sign_in: Open) -> None:
    advisor = sign_in(BUSY, "/messages/3041/")
    expect(advisor.locator(BOX)).to_be_focused()
    advisor.keyboard.type("您好")
    expect(advisor.locator(BOX)).to_have_value("您好")
    phone = sign_in(BUSY, "/messages/3041/", phone=True)
    is_live(phone)
    assert phone.evaluate("document.activeElement.localName") == "body"
    place = sign_in(BUSY, "/messages/3041/?at=1")
    is_live(place)
    expect(place.locator(BOX)).not_to_be_focused()  # one came to read


@whole
def test_two_tabs_from_the_top_lead_past_85_cases_to_the_box(practice: Site, sign_in: Open) -> None:
    advisor = sign_in(BUSY, "/messages/3041/", java_script_enabled=False)
    advisor.keyboard.press("Tab")
    advisor.keyboard.press("Tab")
    skip = advisor.locator(":focus")
    expect(skip).to_have_text("跳到输入框")
    expect(skip).to_be_in_viewport()
    advisor.keyboard.press("Enter")
    expect(advisor.locator(BOX)).to_be_focused()


def test_signing_in_leads_to_the_unread_answer_and_not_to_the_closed_case(practice: Site, visit: Open) -> None:
    member = visit("/")
    sign_in_here(member, CLIENT)  # 3901 is closed and the newest, 3902 closed and unread, 3900 open and unread
    member.wait_for_url("**/messages/3900/")
    expect(member.locator(".theirs .text")).to_be_visible()


@whole
def test_closed_cases_are_folded_and_stay_as_the_reader_left_them(
    practice: Site, sign_in: Open, visit: Open, shot: Any
) -> None:
    practice.shell(
        f"case, user = Case.objects.get(number=3902), User.objects.get(email={CLIENT!r})\n"
        "ReadMark.objects.get_or_create(case=case, user=user, defaults={'seq': 1})"
    )
    member = sign_in(CLIENT, "/messages/3900/")
    is_live(member)
    fold = member.locator("#closed-cases summary")
    expect(fold).to_have_text(re.compile(r"已结案\s*2"))
    expect(row(member, 3901)).to_be_hidden()
    shot(member, "list-folded")
    fold.press("Enter")
    expect(row(member, 3901)).to_be_visible()
    is_live(member)
    says(practice, 3900, BUSY, "请看一下")
    expect(row(member, 3900).locator(".case-last")).to_have_text("请看一下")
    expect(row(member, 3901)).to_be_visible()
    expect(fold).to_be_focused()
    member.reload()
    is_live(member)
    expect(row(member, 3901)).to_be_visible()
    fold.click()
    member.goto("/messages/3901/")
    is_live(member)
    expect(row(member, 3901)).to_be_in_viewport(ratio=1)
    shot(member, "closed-case")
    member.get_by_role("link", name="开始新的咨询").click()
    member.wait_for_url("**/messages/new/")
    plain = sign_in(CLIENT, "/messages/3900/", java_script_enabled=False)
    expect(row(plain, 3902)).to_be_hidden()
    plain.locator("#closed-cases summary").click()
    expect(row(plain, 3902)).to_be_visible()


@whole
def test_a_case_that_is_closed_sinks_into_the_fold_and_comes_back(practice: Site, sign_in: Open) -> None:
    practice.shell(
        "member = Member.objects.get(user__email='m3@example.com')\n"
        f"advisor = Advisor.objects.get(user__email={BUSY!r})\n"
        "Case.objects.create(number=3910, title='正在结案', member=member, advisor=advisor)"
    )
    member = sign_in("m3@example.com", "/messages/3910/")
    is_live(member)
    practice.shell("close_case(Case.objects.get(number=3910))")
    expect(member.locator("#closed-cases .case[data-number='3910']")).to_be_visible()
    expect(member.locator("#closed")).to_contain_text("有新问题？开始新的咨询")
    practice.shell("from cases.actions import reopen_case; reopen_case(Case.objects.get(number=3910))")
    expect(row(member, 3910)).to_be_visible()
    expect(member.locator("#closed-cases")).to_have_count(0)


# Reading a case back -------------------------------------------------------------------------------------


@pytest.fixture
def record(practice: Site) -> int:
    """A new case with words, files, a recalled message and a note; its number."""
    return int(
        practice.shell(
            "from io import BytesIO\nfrom PIL import Image\n"
            "from cases.desk.actions import write_note\n"
            "from cases.files.actions import post_file\nfrom cases.files.uploads import read_upload\n"
            f"member = Member.objects.get(user__email={CLIENT!r})\n"
            f"advisor = Advisor.objects.get(user__email={BUSY!r})\n"
            "case = open_case(member, '超级签证', advisor=advisor)\n"
            "say = lambda who, text: post_message(case, who.user, text, client_id=uuid4().hex)[0]\n"
            "read = lambda name, data: read_upload(BytesIO(data), name)\n"
            "send = lambda who, name, data: post_file(case, who.user, read(name, data), client_id=uuid4().hex)\n"
            "picture = BytesIO(); Image.new('RGB', (640, 480), 'teal').save(picture, 'PNG')\n"
            "say(advisor, '请发护照首页和邀请信。')\n"
            "send(member, '护照首页.png', picture.getvalue()); send(member, '邀请信.pdf', b'%PDF-1.7')\n"
            "recall_message(say(member, '写错了'), by=member.user)\n"
            "for n in range(30): say(member, f'第 {n} 句，请问还需要准备什么材料？')\n"
            "write_note(case, advisor.user, '客户很急', client_id='n')\n"
            "print(case.number)"
        )
    )


@whole
def test_the_files_of_a_case_are_one_tap_from_its_conversation(
    practice: Site, sign_in: Open, record: int, shot: Any
) -> None:
    for phone in (True, False):
        member = sign_in(CLIENT, f"/messages/{record}/", phone=phone)
        link = member.get_by_role("link", name="文件与打印")
        box = link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        link.click()
        member.wait_for_url(f"**/messages/{record}/files/")
        expect(member.locator(".file-name")).to_have_text(["邀请信.pdf", "护照首页.png"])
        shot(member, f"files{'-phone' if phone else ''}")
        assert findings(member) == []
        member.get_by_role("link", name="图片 1").click()
        expect(member.locator(".file-name")).to_have_text(["护照首页.png"])
        with member.expect_download() as download:
            member.get_by_role("link", name="下载 护照首页.png").click()
        assert download.value.suggested_filename == "护照首页.png"
        member.get_by_role("link", name="在会话里看").click()
        expect(member.locator(".revealed .file-name")).to_have_text("护照首页.png")
    advisor = sign_in(BUSY, f"/messages/{record}/", locale="en")
    advisor.locator("#desk").get_by_role("link", name="Files of the case").click()
    expect(advisor.locator(".file-name")).to_have_count(2)
    shot(advisor, "files-en")


def pdf_pages(page: Page) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))


@whole
def test_the_whole_conversation_is_printed(practice: Site, sign_in: Open, record: int, shot: Any) -> None:
    advisor = sign_in(BUSY, f"/messages/{record}/")
    is_live(advisor)
    advisor.locator("#desk").get_by_role("link", name="打印或保存会话").click()
    advisor.wait_for_url(f"**/messages/{record}/print/")
    said = advisor.locator("main .text")
    expect(said).to_have_count(35)
    shot(advisor, "print")
    assert findings(advisor) == []
    advisor.evaluate("window.print = () => (document.title = 'printing')")
    advisor.get_by_role("button", name="打印或存为 PDF").click()
    expect(advisor).to_have_title("printing")
    advisor.emulate_media(media="print")
    paper = advisor.locator("body").inner_text()
    for part in (f"#{record}", "常来", "周忙", "消息已撤回", "护照首页.png", "第 0 句", "第 29 句", "打印时间"):
        assert part in paper, part
    for part in ("客户很急", "写错了", "回到会话", "打印或存为 PDF", "学签续签"):
        assert part not in paper, part
    assert pdf_pages(advisor) >= 2


@whole
def test_printing_the_page_of_messages_prints_the_conversation(
    practice: Site, sign_in: Open, record: int, shot: Any
) -> None:
    for who in (CLIENT, BUSY):
        page = sign_in(who, f"/messages/{record}/")
        is_live(page)
        page.emulate_media(media="print")
        paper = page.locator("body").inner_text()
        assert "超级签证" in paper
        assert len(bubbles(page)) == 34
        for text in ("第 0 句", "第 29 句"):
            assert text in paper
        for text in ("我的会话", "我跟进的案件", "客户很急", "发送", "旧的学签", "Enter"):
            assert text not in paper, text
        assert page.evaluate("document.documentElement.scrollHeight > 2000"), "nothing is cut off at the screen's end"
        shot(page, "print-messages")
        assert pdf_pages(page) >= 2


@whole
def test_axe_finds_nothing_on_the_pages_of_the_desk(practice: Site, sign_in: Open, record: int) -> None:
    wrong = {}
    for phone in (True, False):
        advisor = sign_in(BUSY, "/profile/", phone=phone)
        for path in ("/messages/", f"/messages/{record}/", f"/messages/{record}/case/", "/messages/replies/"):
            advisor.goto(path)
            if path != "/messages/replies/" and "case" not in path:
                is_live(advisor)
            wrong[f"{path} {phone}"] = findings(advisor)
        advisor.goto(f"/messages/{record}/case/")
        advisor.get_by_text("移交给其他顾问").click()
        advisor.select_option("#hand_over_advisor", label="张伟")
        advisor.fill("#hand_over_reason", "休假")
        advisor.get_by_role("button", name="下一步：确认移交").click()
        wrong[f"hand-over {phone}"] = findings(advisor)
    member = sign_in(CLIENT, "/messages/3900/")
    is_live(member)
    wrong["member"] = findings(member)
    assert {page: found for page, found in wrong.items() if found} == {}
