"""Searching conversations: what is found, by whom, and that going on by the cursor misses nothing."""

import random
import unicodedata
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from advisors.models import Advisor
from cases.actions import assign_advisor, open_case, recall_message
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import MAX_BODY, Case, Message
from cases.models.search_text import MAX_SEARCHED
from cases.search import queries as search
from jiayi import folding
from jiayi.folding import fold, snippet, words_of
from members.models import Member
from tests.support.files import PNG
from tests.support.people import World, says, signed_in
from tests.support.size import size, whole

pytestmark = pytest.mark.django_db

NEVER_USED = 987_654


def ask(client: Client, q: str, **more: int) -> Any:
    query: dict[str, str | int] = {"q": q, **more}
    answer = client.get("/api/search/", query)
    assert answer.status_code == 200, answer.content
    data = answer.json()
    assert set(data) == {"cases", "results", "before", "searched_to"}
    return data


def found(client: Client, q: str, **more: int) -> list[tuple[int, int]]:
    """The (case number, seq) of what one answer has."""
    return [(one["case"], one["seq"]) for one in ask(client, q, **more)["results"]]


def everything(client: Client, q: str, **more: int) -> list[tuple[int, int]]:
    """All results, by going on until there is no cursor any more."""
    answer = ask(client, q, **more)
    all_of_it: list[tuple[int, int]] = []
    while True:
        all_of_it += [(one["case"], one["seq"]) for one in answer["results"]]
        if answer["before"] is None:
            return all_of_it
        answer = ask(client, q, before=answer["before"], **more)


# What is found ------------------------------------------------------------------------------------------


@pytest.mark.without_wecom
def test_a_result_is_as_documented(world: World) -> None:
    message = says(world.case, world.wang, "您好，\n请问我的工签什么时候到期？")
    says(world.case, world.li, "我看看")
    assert ask(signed_in(world.li), "工签") == {
        "cases": [],
        "results": [
            {
                "case": 1001,
                "title": "学签续签",
                "member": {"name": "王小明", "me": False},
                "seq": message.seq,
                "sender": {"name": "王小明", "role": "member", "me": False},
                "created_at": message.created_at.isoformat(),
                "snippet": [
                    {"text": "您好， 请问我的", "match": False},
                    {"text": "工签", "match": True},
                    {"text": "什么时候到期？", "match": False},
                ],
            }
        ],
        "before": None,
        "searched_to": None,
    }


# text, queries that find it, queries that do not
TEXTS = [
    ("我的学签下个月到期", ["学签", "到期", "学签 下个月", "到期 学签", "签"], ["学 到期了", "工签", "学  签续"]),
    ("Work Permit extension", ["work permit", "PERMIT", "ext", "extension work", "ｗｏｒｋ"], ["permits", "work-per"]),
    ("ＩＭＭ ５７１０ 表", ["imm", "5710", "IMM 5710"], ["imm5710"]),
    ("住在 Montréal，Québec", ["montreal", "QUÉBEC", "quebec", "Montréal"], ["montrèals"]),
    ("Straße, ﬁnal, ½", ["STRASSE", "final", "1⁄2"], []),
    ("100% 可以", ["100%", "%"], ["10%", "1_0"]),
    (r"C:\temp_dir\n", [r"C:\temp", "_dir", "\\"], ["tempXdir", "C:/temp"]),
    ("'; DROP TABLE x; --", ["'; drop", '--'], ['"']),
    ("<b>粗</b> &amp;", ["<b>", "&amp;"], ["&<"]),
    ("护照 🛂 好", ["🛂", "护照 🛂"], ["🛃"]),
]  # fmt: skip


@pytest.mark.engine
def test_words_are_found_without_regard_to_case_width_and_accents_and_otherwise_as_they_are(world: World) -> None:
    client = signed_in(world.wang)
    for text, right, wrong in TEXTS:
        seq = says(world.case, world.wang, text).seq
        for query in right:
            assert (1001, seq) in found(client, query, case=1001), (text, query)
        for query in wrong:
            assert (1001, seq) not in found(client, query, case=1001), (text, query)


@pytest.mark.engine
def test_the_name_of_a_file_is_found(world: World) -> None:
    name = "护照首页.png"
    upload = read_upload(SimpleUploadedFile(name, PNG), name)
    message, _created = post_file(world.case, world.wang.user, upload, client_id="a")
    assert found(signed_in(world.li), "护照首页.png") == [(1001, message.seq)]


def test_what_the_system_says_is_not_found(world: World) -> None:
    assert Message.objects.filter(case=world.case, kind="system", body__contains="跟进人").exists()
    assert found(signed_in(world.wang), "跟进人") == []


@pytest.mark.engine
def test_a_recalled_message_is_not_found(world: World) -> None:
    message = says(world.case, world.wang, "我的护照号是 G12345678")
    recall_message(message, by=world.wang.user)
    for who in (world.wang, world.li):
        for path in ("/api/search/?q=G12345678", "/messages/search/?q=G1234"):
            assert "5678" not in signed_in(who).get(path).content.decode().replace("q=G12345678", "")
        assert found(signed_in(who), "护照") == []


@pytest.mark.engine
def test_cases_are_found_by_number_and_title_before_the_messages(world: World) -> None:
    client = signed_in(world.li)
    for query in ("1002", "#1002", "配偶", "团聚 #1002"):
        assert ask(client, query)["cases"] == [
            {"number": 1002, "title": "配偶团聚移民", "member": {"name": "林芳", "me": False}}
        ]
    assert ask(client, "配偶", case=1002)["cases"] == []
    assert ask(signed_in(world.wang), "配偶")["cases"] == []


def named(client: Client, query: str) -> list[int]:
    """The numbers of the cases that an answer names."""
    return [one["number"] for one in ask(client, query)["cases"]]


@pytest.mark.engine
def test_an_advisor_finds_cases_by_email_kind_and_name_together_and_the_number_however_written(world: World) -> None:
    Case.objects.filter(number=1001).update(kind=Case.Kind.STUDY_PERMIT, title="续签")
    advisor = signed_in(world.li)
    for query in ("wang@example.com", "WANG@Example.com", "王 学签", "学签 小明", "＃1001", "# 1001", "＃ １００１ 王"):
        assert named(advisor, query) == [1001], query
    for query in ("王 工签", "林 学签", "wang@example.com 配偶", "#", "＃"):
        assert named(advisor, query) == [], query
    advisor.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    assert named(advisor, "study 王") == [1001]
    assert named(advisor, "学签") == [], "in the reader's language"


def test_nobody_is_found_by_an_address_that_is_not_the_readers_to_know(world: World) -> None:
    for query in ("wang@example.com", "advisor0@example.com", "lin@example.com", "example.com"):
        assert named(signed_in(world.wang), query) == [], query
    assert named(signed_in(world.zhang), "wang@example.com") == []
    assert named(signed_in(world.gone), "example.com") == []
    assert named(signed_in(world.wang), "续签 #1001") == [1001]
    assign_advisor(world.case, world.zhang, by=None)
    assert named(signed_in(world.li), "wang@example.com") == []
    assert named(signed_in(world.zhang), "wang@example.com") == [1001]


def test_the_list_of_cases_gives_the_members_address_to_their_advisor_only(world: World) -> None:
    mine = {one["number"]: one["member"] for one in signed_in(world.li).get("/api/cases/").json()}
    assert mine[1001] == {"name": "王小明", "me": False, "email": "wang@example.com"}
    assert [one["member"] for one in signed_in(world.wang).get("/api/cases/").json()] == [
        {"name": "王小明", "me": True}
    ]


def test_an_advisor_reads_and_finds_whose_case_it_is(world: World) -> None:
    says(world.other_case, world.lin, "材料寄出了")
    advisor, member = signed_in(world.li), signed_in(world.lin)
    whose = "<bdi>林芳</bdi> · <bdi>配偶团聚移民</bdi> #1002"
    assert advisor.get("/messages/search/?q=材料").content.decode().count(whose) == 1
    assert advisor.get("/messages/search/?q=林芳").content.decode().count(whose) == 1
    page = member.get("/messages/search/?q=材料").content.decode()
    assert "<bdi>配偶团聚移民</bdi> #1002" in page
    assert whose not in page, "whose own case it is knows that"
    assert ask(member, "材料")["results"][0]["member"] == {"name": "林芳", "me": True}
    assert ask(member, "林芳")["cases"] == []


@pytest.mark.engine
def test_the_newest_stands_first_over_all_cases(world: World) -> None:
    for n in range(3):
        says(world.case, world.wang, f"材料 {n}")
        says(world.other_case, world.lin, f"材料 {n}")
    assert found(signed_in(world.li), "材料") == [(1002, 4), (1001, 4), (1002, 3), (1001, 3), (1002, 2), (1001, 2)]
    assert found(signed_in(world.li), "材料", case=1001) == [(1001, 4), (1001, 3), (1001, 2)]
    assert found(signed_in(world.li), "材料", limit=2) == [(1002, 4), (1001, 4)]


# By whom ------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_everybody_finds_only_what_they_may_see_now(world: World) -> None:
    mine, other = says(world.case, world.wang, "机密一"), says(world.other_case, world.lin, "机密二")
    expected = {
        "wang": [(1001, mine.seq)],
        "lin": [(1002, other.seq)],
        "li": [(1002, other.seq), (1001, mine.seq)],
        "zhang": [], "chen": [], "gone": [], "admin": [],
    }  # fmt: skip
    for name, results in expected.items():
        client = signed_in(getattr(world, name))
        assert found(client, "机密") == results, name
        page = client.get("/messages/search/?q=机密").content.decode()
        assert [f"?at={seq}#m{seq}" in page and f"/messages/{number}/" in page for number, seq in results] == [
            True for _ in results
        ]
        assert ("机密" in page.replace('value="机密"', "")) == bool(results) or "<mark>机密</mark>" in page


def test_an_advisor_who_lost_the_case_finds_nothing_of_it(world: World) -> None:
    says(world.case, world.wang, "机密")
    client = signed_in(world.li)
    assert found(client, "机密")
    assign_advisor(world.case, world.zhang, by=world.admin)
    assert found(client, "机密") == []
    assert client.get("/api/search/?q=机密&case=1001").status_code == 404
    assert found(signed_in(world.zhang), "机密")


def test_a_search_that_is_refused_keeps_its_case(world: World) -> None:
    page = signed_in(world.wang).get("/messages/search/?q=a+b+c+d+e+f+g+h+i&case=1001")
    assert page.status_code == 400
    assert 'name="case" value="1001"' in page.content.decode()
    assert signed_in(world.lin).get("/messages/search/?q=a+b+c+d+e+f+g+h+i&case=1001").status_code == 404


def test_words_of_which_nothing_is_left_find_no_case(world: World) -> None:
    assert signed_in(world.wang).get("/api/search/?q=%CC%81").json()["cases"] == []


@pytest.mark.parametrize("name", ["lin", "zhang", "chen", "gone", "admin"])
def test_a_case_of_others_looks_like_a_number_never_used(world: World, name: str) -> None:
    says(world.case, world.wang, "机密")
    client = signed_in(getattr(world, name))
    for path in ("/api/search/?q=机密&case={}", "/messages/search/?q=机密&case={}", "/messages/search/?case={}&q=机"):
        real, unused = client.get(path.format(1001)), client.get(path.format(NEVER_USED))
        assert real.status_code == unused.status_code == 404
        assert "学签续签" not in real.content.decode()
    assert client.get("/api/search/?q=机密&case=1001").content == '{"detail":"没有找到。"}'.encode()


def test_a_stranger_is_asked_to_sign_in(world: World) -> None:
    assert Client().get("/api/search/?q=x").status_code == 401
    assert Client().get("/messages/search/?q=x").status_code == 302


# Wrong questions ----------------------------------------------------------------------------------------

WRONG = [
    "", "q=", "q=%20%20", f"q={'x' * 101}", "q=%00", "q=a%00b", "q=x&case=0", "q=x&case=x", f"q=x&case={'9' * 5000}",
    "q=x&before=0", "q=x&before=-1", "q=x&before=x", "q=x&before=9223372036854775808", f"q=x&before={'9' * 5000}",
    "q=x&limit=0", "q=x&limit=51", "q=x&limit=x", "case=1001",
]  # fmt: skip


def test_a_question_asked_wrongly_is_a_400_that_names_the_mistake(world: World) -> None:
    client = signed_in(world.wang)
    for query in WRONG:
        response = client.get(f"/api/search/?{query}")
        assert (query, response.status_code) == (query, 400)
        assert set(response.json()) <= {"q", "case", "before", "limit"}
        assert client.get(f"/messages/search/?{query}").status_code in {200, 400, 404}


@pytest.mark.engine
def test_odd_characters_break_nothing(world: World) -> None:
    client = signed_in(world.wang)
    for query in ("%ED%A0%80", "%ff", "%F0%9F%99%82", quote("\u3164"), quote("´"), quote("\u0301"), "%E2%80%8B", "%23"):
        for path in ("/api/search/", "/messages/search/"):
            assert client.get(f"{path}?q={query}").status_code in {200, 400}, query
    assert found(client, "\u0301") == [], "an accent alone is no word"


# Going on -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "STEPS", (2, 3))
    monkeypatch.setattr(search, "SECONDS", 60)  # a busy machine makes no difference


@pytest.fixture
def corpus(world: World) -> list[tuple[int, int, str]]:
    """What li may find in two cases: (case number, seq, text), newest first; some messages were recalled.

    For tests that are `sized`.
    """
    sides: list[tuple[Case, Member | Advisor]] = [
        (world.case, world.wang), (world.other_case, world.lin), (world.other_case, world.li)
    ]  # fmt: skip
    rng = random.Random(20)
    said: list[tuple[int, int, str]] = []
    for n in range(size(30, 60)):
        case, who = rng.choice(sides)
        text = "".join(rng.choices("学签工a B", k=rng.randint(1, 5))).strip() or "空"
        message = says(case, who, text, client_id=f"c{n}")
        if rng.random() < 0.15:
            recall_message(message, by=who.user)
        else:
            said.insert(0, (case.number, message.seq, text))
    return said


@pytest.mark.engine
@whole
@pytest.mark.usefixtures("small_steps")
def test_going_on_finds_each_message_once_and_misses_none(world: World, corpus: list[tuple[int, int, str]]) -> None:
    client = signed_in(world.li)
    for query in ("学", "签", "学签", "a", "A b", "工 签", "空", "nothing"):
        naive = [(number, seq) for number, seq, text in corpus if all(w in fold(text) for w in query.lower().split())]
        assert everything(client, query, limit=3) == naive, query
        for number in (1001, 1002):
            within = [one for one in naive if one[0] == number]
            assert everything(client, query, case=number, limit=2) == within, (query, number)
            assert everything(client, query, case=number) == within


@pytest.mark.engine
@pytest.mark.usefixtures("small_steps")
def test_an_answer_looks_at_a_bounded_number_and_says_how_far_it_got(world: World) -> None:
    first = says(world.case, world.wang, "找我")
    messages = [says(world.case, world.wang, f"{n}") for n in range(8)]
    client = signed_in(world.wang)
    answer = ask(client, "找我", case=1001)
    assert (answer["results"], answer["before"]) == ([], messages[3].seq)
    assert answer["searched_to"] == messages[3].created_at.isoformat()
    more = ask(client, "找我", case=1001, before=answer["before"])
    assert ([one["seq"] for one in more["results"]], more["before"]) == ([first.seq], None)


def test_more_messages_and_cases_need_no_more_queries(world: World) -> None:
    def queries() -> int:
        client = signed_in(world.li)
        with CaptureQueriesContext(connection) as captured:
            assert len(found(client, "材料")) in {1, 13}
        return len(captured)

    says(world.case, world.wang, "材料")
    few = queries()
    for n in range(12):
        says(open_case(world.lin, f"案件 {n}", advisor=world.li), world.lin, "材料")
    assert queries() == few


# Bounds -------------------------------------------------------------------------------------------------

HEAVY = "\ufdfa" * MAX_BODY  # folded, each becomes eighteen characters


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters are folded, piece by piece."""
    lengths: list[int] = []

    def normalize(form: Any, text: str) -> str:
        lengths.append(len(text))
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(folding, "unicodedata", SimpleNamespace(normalize=normalize))
    return lengths


def test_a_search_folds_no_message_again(world: World, folded: list[int]) -> None:
    for _ in range(12):
        says(world.case, world.wang, HEAVY)
    client = signed_in(world.wang)
    for query in ("z", "ص ل ى ا ه ع ي z", "\ufdfa z"):
        folded.clear()
        assert found(client, query) == found(client, query, case=1001) == []
        assert sum(folded) < 500, query
    folded.clear()
    assert len(found(client, "ص")) == 12
    assert sum(folded) < 500, "nor for the pieces that are shown"


def test_titles_are_compared_up_to_a_bound(world: World, folded: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        open_case(world.wang, "\ufdfa" * 120)
    client = signed_in(world.wang)
    assert [one["number"] for one in ask(client, "1001 续签")["cases"]] == [1001]
    monkeypatch.setattr(search, "MAX_TITLES", 5_000)
    folded.clear()
    assert ask(client, "1001 续签")["cases"] == []
    assert sum(folded) < 10_000


@pytest.mark.engine
def test_a_question_of_too_many_words_is_refused_in_words(world: World) -> None:
    client = signed_in(world.wang)
    assert client.get("/api/search/", {"q": "a b c d e f g h"}).status_code == 200
    for query, reason in (
        (" ".join("abcdefghijklmnopqrstuvwxyz"), "最多同时搜索 8 个词。"),
        ("㌫" * 100, "要搜索的内容太长，请只写其中几个词。"),
    ):
        answer = client.get("/api/search/", {"q": query})
        assert (answer.status_code, answer.json()) == (400, {"q": [reason]})
        page = client.get("/messages/search/", {"q": query})
        assert page.status_code == 400
        assert reason in page.content.decode()
        assert f'value="{query}"' in page.content.decode(), "nobody types it again"


def test_an_answer_ends_when_its_time_is_over_and_going_on_misses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "STEPS", (2, 1_000))
    monkeypatch.setattr(search, "SECONDS", 0)
    said = [says(world.case, world.wang, f"材料 {n}").seq for n in range(7)]
    client = signed_in(world.wang)
    for where in ({}, {"case": 1001}):
        assert found(client, "材料", **where) == [(1001, said[-1]), (1001, said[-2])]
        assert everything(client, "材料", **where) == [(1001, seq) for seq in reversed(said)]


# What is stored ------------------------------------------------------------------------------------------


def stored(message: Message) -> str:
    text: str = Message.objects.values_list("search", flat=True).get(pk=message.pk)
    return text


@pytest.mark.engine
def test_what_is_found_is_written_with_the_message_and_goes_with_it(world: World) -> None:
    message = says(world.case, world.wang, "ＩＭＭ 5710 Montréal")
    assert stored(message) == "imm 5710 montreal"
    assert set(world.case.messages.filter(kind="system").values_list("search", flat=True)) == {""}
    recall_message(message, by=world.wang.user)
    assert stored(message) == ""
    assert stored(says(world.case, world.wang, HEAVY)) == fold(HEAVY)[:MAX_SEARCHED]
    korean = says(world.case, world.wang, "값" * (MAX_BODY - 2) + "끝")
    assert found(signed_in(world.wang), "끝") == [(1001, korean.seq)]


@pytest.mark.engine
def test_the_database_holds_no_search_text_of_what_may_not_be_found(world: World) -> None:
    message = says(world.case, world.wang, "机密")
    system = world.case.messages.filter(kind="system")
    for rows, change in (
        (Message.objects.filter(pk=message.pk), {"recalled_at": message.created_at}),
        (system, {"search": "x"}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**change)


# Pieces -------------------------------------------------------------------------------------------------


def test_a_snippet_is_the_text_around_the_first_match() -> None:
    text = "长" * 300 + "工签" + "短" * 300
    parts = snippet(text, words_of("工签"))
    assert [one["text"] for one in parts if one["match"]] == ["工签"]
    assert (parts[0]["text"], parts[-1]["text"]) == ("…", "…")
    assert sum(len(one["text"]) for one in parts) == 92
    assert snippet("ＭONTRÉAL", words_of("montreal")) == [{"text": "ＭONTRÉAL", "match": True}]
    assert snippet("ﬁt", words_of("i")) == [{"text": "ﬁ", "match": True}, {"text": "t", "match": False}]
    assert snippet("nothing of it", words_of("x")) == [{"text": "nothing of it", "match": False}]


# Pages around a place -----------------------------------------------------------------------------------


@pytest.fixture
def long_case(world: World) -> Case:
    rows = [
        Message(case=world.case, seq=seq, body=f"第 {seq} 句", sender=world.wang.user, client_id=f"f{seq}")
        for seq in range(2, 151)
    ]
    Message.objects.bulk_create(rows)
    Case.objects.filter(pk=world.case.pk).update(last_seq=150)
    return world.case


# query -> first seq, last seq, has_older, has_newer
AROUND = [
    ("around=75", 51, 100, True, True),
    ("around=75&limit=11", 70, 80, True, True),
    ("around=1", 1, 26, False, True),
    ("around=150", 101, 150, True, False),
    ("around=149&limit=2", 149, 150, True, False),
    ("around=2147483647", 101, 150, True, False),
    ("around=60&limit=1", 60, 61, True, True),
]


@pytest.mark.engine
@pytest.mark.usefixtures("long_case")
def test_a_page_around_a_place_says_whether_there_is_more_on_both_sides(world: World) -> None:
    client = signed_in(world.wang)
    for query, first, last, older, newer in AROUND:
        answer = client.get(f"/api/cases/1001/messages/?{query}").json()
        assert [m["seq"] for m in answer["messages"]] == list(range(first, last + 1)), query
        assert (answer["has_older"], answer["has_newer"], answer["has_more"]) == (older, newer, older or newer), query
    for wrong in ("around=0", "around=x", "around=5&after=2", "around=5&before=9", f"around={'9' * 5000}"):
        assert client.get(f"/api/cases/1001/messages/?{wrong}").status_code == 400


@pytest.mark.usefixtures("long_case")
def test_the_page_shows_the_place_that_is_asked_for_and_links_both_ways(world: World) -> None:
    client = signed_in(world.wang)
    page = client.get("/messages/1001/?at=60").content.decode()
    assert 'id="m60"' in page
    assert "第 36 句" in page
    assert "第 150 句" not in page.split('id="messages"')[1]
    assert 'href="?before=36"' in page
    assert 'href="?after=85"' in page
    newer = client.get("/messages/1001/?after=85").content.decode()
    assert "第 86 句" in newer
    assert "第 85 句" not in newer
    assert client.get("/messages/1001/?at=0").status_code == 404
    assert "第 150 句" in client.get("/messages/1001/?at=99999").content.decode()
