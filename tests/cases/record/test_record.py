"""Reading a case back: its files by kind and date, and the whole conversation for the printer."""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.actions import assign_advisor, recall_message
from cases.desk.actions import write_note
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Attachment, Case, Message
from cases.record import queries as record
from members.models import Member
from tests.support.clock import NOON
from tests.support.files import PDF, PNG
from tests.support.people import World, says, signed_in

pytestmark = pytest.mark.django_db

RIFF = b"RIFF\x24\x00\x00\x00WAVEfmt "
FILES, PRINT = "/messages/1001/files/", "/messages/1001/print/"


def sends(case: Case, who: Any, name: str, content: bytes) -> Message:
    return post_file(case, who.user, read_upload(BytesIO(content), name), client_id=f"f-{name}")[0]


@pytest.fixture
def files(world: World) -> World:
    """Three files in #1001, of two days and two people, and one in another case of the same advisor."""
    with time_machine.travel(NOON, tick=False) as clock:
        sends(world.case, world.wang, "护照.png", PNG)
        clock.shift(timedelta(days=1))
        sends(world.case, world.wang, "录取信.pdf", PDF)
        clock.shift(timedelta(hours=1))
        sends(world.case, world.li, "说明.wav", RIFF)
        sends(world.other_case, world.lin, "别人的.pdf", PDF)
    return world


def page_of(who: Any, path: str) -> str:
    answer = signed_in(who).get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def names(page: str) -> list[str]:
    return re.findall(r'class="file-name">([^<]+)<', page)


def counts(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<span class="count">(\d+)</span>', page)]


@pytest.mark.without_wecom
@pytest.mark.parametrize("who", ["wang", "li"])
def test_both_sides_see_the_files_of_a_case_by_day_newest_first(files: World, who: str) -> None:
    page = page_of(getattr(files, who), FILES)
    assert names(page) == ["说明.wav", "录取信.pdf", "护照.png"]
    assert re.findall(r'<h2><time datetime="([^"]+)">', page) == ["2026-11-24", "2026-11-23"]
    assert counts(page) == [3, 1, 1, 1, 0]  # all, pictures, documents, sound, video
    image = Attachment.objects.get(name="护照.png")
    assert f'href="/api/files/{image.key}/" download' in page
    assert f'href="/messages/1001/?at={image.message.seq}#m{image.message.seq}"' in page
    assert "12:00" in page
    assert ("王小明" in page.partition("record-files")[2]) == (who == "li")


@pytest.mark.parametrize(
    ("kind", "found"),
    [("image", ["护照.png"]), ("file", ["录取信.pdf"]), ("audio", ["说明.wav"]), ("video", [])],
)
def test_one_kind_of_files(files: World, kind: str, found: list[str]) -> None:
    page = page_of(files.wang, f"{FILES}?kind={kind}")
    assert names(page) == found
    assert counts(page) == [3, 1, 1, 1, 0]
    assert ("没有这类文件。" in page) == (not found)


def test_of_a_recalled_file_only_that_it_was_recalled(files: World) -> None:
    with time_machine.travel(NOON, tick=False):
        secret = sends(files.case, files.wang, "机密.pdf", PDF)
        recall_message(secret, by=files.wang.user)
    key = str(Attachment.objects.get(message=secret).key)
    for who in (files.wang, files.li):
        page = page_of(who, FILES)
        assert page.count("消息已撤回") == 1
        assert "机密" not in page
        assert key not in page
        assert counts(page) == [3, 1, 1, 1, 0], "a count would tell what it was"
        assert "消息已撤回" not in page_of(who, f"{FILES}?kind=file")
        printed = page_of(who, PRINT)
        assert printed.count("消息已撤回") == 1
        assert "机密" not in printed


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("waiting", {"scan_due_at": NOON}, "正在安全检查…"),
        ("infected", {"finding": "Eicar"}, "文件未通过安全检查"),
    ],
)
def test_what_the_scanner_has_not_passed_cannot_be_downloaded(
    files: World, state: str, more: dict[str, Any], said: str
) -> None:
    Attachment.objects.filter(name="录取信.pdf").update(state=state, **more)
    key = str(Attachment.objects.get(name="录取信.pdf").key)
    page = page_of(files.li, FILES)
    assert "录取信.pdf" in names(page)
    assert said in page
    assert key not in page
    assert "Eicar" not in page
    assert said in page_of(files.li, PRINT)


def test_many_files_take_few_queries_and_are_paged(files: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def queries() -> int:
        client = signed_in(files.li)
        with CaptureQueriesContext(connection) as captured:
            client.get(FILES)
        return len(captured)

    few = queries()
    for n in range(5):
        sends(files.case, files.wang, f"第{n}页.pdf", PDF)
    assert queries() == few
    monkeypatch.setattr(record, "FILES", 3)
    seen, path = list[str](), FILES
    while path:
        page = page_of(files.li, path)
        seen += names(page)
        older = re.search(r'<p class="older"><a href="([^"]+)">', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == 8
    page = page_of(files.li, f"{FILES}?kind=file")
    assert "?kind=file&amp;before=" in page


def test_the_files_of_a_case_are_found_without_reading_its_texts(files: World) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    messages = Case.objects.get(number=1001).messages.filter(kind="file").order_by("-seq")
    assert "message_files" in messages.explain()


@pytest.mark.parametrize("path", [FILES, PRINT])
def test_who_is_not_on_the_case_finds_no_such_page(files: World, path: str) -> None:
    for who in ("lin", "zhang", "chen", "gone", "admin"):
        assert signed_in(getattr(files, who)).get(path).status_code == 404, who
    li = signed_in(files.li)
    assert li.get(path).status_code == 200
    assign_advisor(files.case, files.zhang, by=None)
    assert li.get(path).status_code == 404
    assert li.get(path.replace("1001", "9999")).status_code == 404
    assert li.post(path).status_code == 405


def test_a_nonsensical_link_is_not_found(files: World) -> None:
    wang, many = signed_in(files.wang), "9" * 5000
    for query in ("?kind=x", "?kind=%00", "?before=0", "?before=x", f"?before={many}"):
        assert (query, wang.get(f"{FILES}{query}").status_code) == (query, 404)
    for query in ("?first=0", "?first=%00", "?first=9999"):
        assert (query, wang.get(f"{PRINT}{query}").status_code) == (query, 404)


# On paper ------------------------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_the_whole_conversation_and_nothing_else_is_printed(files: World) -> None:
    says(files.case, files.wang, "我的工签\n下个月到期 <b>")
    says(files.other_case, files.lin, "别人的话")
    write_note(files.case, files.li.user, "客户很急", client_id="n")
    with time_machine.travel(datetime(2026, 12, 1, 15, 30, tzinfo=UTC), tick=False):
        page = page_of(files.li, PRINT)
    for part in (
        "学签续签",
        "#1001",
        "王小明",
        "李明",
        "<h2>2026-11-23</h2>",
        "12:00 EST",
        "下个月到期 &lt;b&gt;",
        "护照.png",
    ):
        assert part in page, part
    assert re.search(r"打印时间</dt><dd>2026-12-01 10:30 EST", page)
    for part in ("客户很急", "别人的", "林芳", "1002", "site-header", "退出登录", "csrf", "/api/files/"):
        assert part not in page, part
    assert re.findall(r'<link rel="stylesheet" href="([^"]+)"', page) == ["/static/css/print.css"]


def test_times_say_their_zone_of_that_day(world: World) -> None:
    with time_machine.travel(datetime(2026, 7, 1, 16, 0, tzinfo=UTC), tick=False):
        says(world.case, world.wang, "夏天")
    with time_machine.travel(NOON, tick=False):
        says(world.case, world.wang, "冬天")
    page = page_of(world.wang, PRINT)
    assert [t for t in re.findall(r"(\d\d:\d\d E[DS]T)</time>", page) if t.startswith("12:00")] == [
        "12:00 EDT",
        "12:00 EST",
    ]


def fill(case: Case, sender: Member, count: int, body: str = "第 {} 句。") -> None:
    """Write a long conversation quickly, after what is there."""
    first = Case.objects.get(pk=case.pk).last_seq + 1
    Message.objects.bulk_create(
        Message(case=case, seq=seq, body=body.format(seq), sender=sender.user, client_id=f"f{seq}")
        for seq in range(first, first + count)
    )
    Case.objects.filter(pk=case.pk).update(last_seq=first + count - 1)


@pytest.mark.once
def test_two_thousand_messages_are_one_page_of_few_queries(world: World) -> None:
    fill(world.case, world.wang, 1_900)
    client = signed_in(world.wang)
    with CaptureQueriesContext(connection) as captured:
        page = client.get(PRINT).content.decode()
    assert page.count('<p class="text">第 ') == 1_900
    assert "共 1901 条" in page
    assert "下一部分" not in page
    assert len(captured) < 30


def test_a_very_long_conversation_is_printed_in_parts_that_miss_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "PART", 200)
    fill(world.case, world.wang, 499)
    seen, path, parts = list[int](), PRINT, 0
    while path:
        page = page_of(world.wang, path)
        seen += [int(n) for n in re.findall(r'<p class="text">第 (\d+) 句', page)]
        parts += 1
        assert f"第 {1 + 200 * (parts - 1)}–" in page
        assert "共 500 条" in page
        following = re.search(r'<a href="([^"]+)">下一部分</a>', page)
        path = following[1] if following else ""
    assert seen == list(range(2, 501))
    assert parts == 3


def test_one_page_holds_so_many_characters_and_not_more(world: World) -> None:
    """However much somebody writes, one page costs a bounded piece of memory."""
    fill(world.case, world.wang, 600, body="长" * 5_000)
    page = page_of(world.wang, PRINT)
    assert 200 <= page.count("长" * 5_000) <= 300
    assert "下一部分" in page
