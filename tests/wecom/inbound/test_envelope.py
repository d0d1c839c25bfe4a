import itertools
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from tests.wecom.inbound.samples import (
    CORP_ID,
    KEYS,
    VECTORS,
    captures,
    event,
    keys_of,
    layout,
    message,
    padded,
    query,
    sealed,
)
from wecom.inbound.crypto import InvalidCallback, decrypt, encrypt
from wecom.inbound.envelope import (
    MAX_BODY,
    Inbound,
    Query,
    echo,
    parse_message,
    parse_query,
    passive_reply,
    passive_reply_body,
    read_post,
)
from wecom.textcut import cut, without_control_characters

SIGNATURE = "477715d11cdb4164915debcba66cb864d751f3e6"
GOOD = f"msg_signature={SIGNATURE}&timestamp=1409659813&nonce=1372623149"
XML_VECTORS = [v for v in VECTORS if v["plaintext"].startswith("<xml>")]


def read(text: str | bytes, agent_id: str = "") -> Inbound:
    return parse_message(text.encode() if isinstance(text, str) else text, corp_id=CORP_ID, agent_id=agent_id)


def post(inner: str = "<Encrypt><![CDATA[abcd]]></Encrypt>") -> bytes:
    return f"<xml><ToUserName>{CORP_ID}</ToUserName>{inner}<AgentID>218</AgentID></xml>".encode()


# The query


def test_a_query_is_read() -> None:
    assert parse_query(GOOD.encode(), with_echostr=False) == Query(SIGNATURE, "1409659813", "1372623149")


@pytest.mark.parametrize("order", list(itertools.permutations(GOOD.split("&"))))
def test_the_parameters_come_in_any_order(order: tuple[str, ...]) -> None:
    assert parse_query("&".join(order).encode(), with_echostr=False).nonce == "1372623149"


@pytest.mark.parametrize(
    "written",
    ["ab%2Bcd%2F%3D%3D", "ab+cd/==", "ab%20cd%2F==", "%61b%2bcd%2f%3d="],
    ids=["encoded", "bare", "space", "needlessly encoded"],
)
def test_an_echostr_keeps_its_plus(written: str) -> None:
    assert parse_query(f"{GOOD}&echostr={written}".encode(), with_echostr=True).echostr == "ab+cd/=="


@pytest.mark.parametrize(
    "query_string",
    [
        pytest.param("", id="empty"),
        pytest.param("&", id="only a separator"),
        pytest.param("=", id="no name"),
        pytest.param(GOOD + "&", id="separator at the end"),
        pytest.param(GOOD + "&echostr=abcd", id="echostr where none belongs"),
        pytest.param(GOOD + "&x=1", id="unknown parameter"),
        pytest.param(GOOD + "&nonce=1372623149", id="nonce twice"),
        pytest.param(GOOD + "&nonce=", id="nonce twice, once empty"),
        pytest.param(GOOD.partition("&")[2], id="no signature"),
        pytest.param(GOOD.rpartition("&")[0], id="no nonce"),
        pytest.param(GOOD.replace("nonce", "Nonce"), id="name in capitals"),
        pytest.param(GOOD.replace("nonce", "%6Eonce"), id="encoded name"),
        pytest.param(GOOD.replace("nonce", "nonce[]"), id="name as a list"),
        pytest.param(GOOD.replace("&", ";"), id="semicolons"),
        pytest.param(GOOD.replace("1372623149", ""), id="empty nonce"),
        pytest.param(GOOD.replace("1372623149", "1" * 51), id="long nonce"),
        pytest.param(GOOD.replace("1372623149", "12+34"), id="nonce with plus"),
        pytest.param(GOOD.replace("1372623149", "1%0A"), id="nonce with line feed"),
        pytest.param(GOOD.replace("1372623149", "%ef%bc%91"), id="full-width nonce"),
        pytest.param(GOOD.replace("1372623149", "%FF"), id="nonce that is not UTF-8"),
        pytest.param(GOOD.replace("1372623149", "１"), id="raw full-width nonce"),
        pytest.param(GOOD.replace("1409659813", "140965981"), id="nine digits"),
        pytest.param(GOOD.replace("1409659813", "14096598130"), id="eleven digits"),
        pytest.param(GOOD.replace("1409659813", "0409659813"), id="leading zero"),
        pytest.param(GOOD.replace("1409659813", "-409659813"), id="negative"),
        pytest.param(GOOD.replace("1409659813", "1409659813%0A"), id="line feed after the time"),
        pytest.param(GOOD.replace("1409659813", "%20409659813"), id="space in the time"),
        pytest.param(GOOD.replace("1409659813", "%D9%A1409659813"), id="Arabic digit"),
        pytest.param(GOOD.replace(SIGNATURE, SIGNATURE.upper()), id="signature in capitals"),
        pytest.param(GOOD.replace(SIGNATURE, SIGNATURE[1:]), id="short signature"),
        pytest.param(GOOD.replace(SIGNATURE, SIGNATURE + "0"), id="long signature"),
        pytest.param(GOOD.replace(SIGNATURE, "0" * 1_000_000), id="huge signature"),
        pytest.param(GOOD.replace("14", "%3134", 1), id="other digits"),
        pytest.param(GOOD.replace("1372623149", "%2531"), id="encoded twice"),
        pytest.param(GOOD.replace("1372623149", "%zz"), id="broken encoding"),
    ],
)
def test_any_other_query_is_refused(query_string: str) -> None:
    with pytest.raises(InvalidCallback):
        parse_query(query_string.encode(), with_echostr=False)


@pytest.mark.parametrize(
    "echostr", ["", "=", "a*b", "YWJj%0A", "YWJj===", "YW=Jj", "%252B", "a-_b", "%E4%B8%AD", "a" * 2048]
)
def test_an_echostr_that_is_not_base64_is_refused(echostr: str) -> None:
    with pytest.raises(InvalidCallback):
        parse_query(f"{GOOD}&echostr={echostr}".encode(), with_echostr=True)


def test_the_url_check_needs_its_echostr() -> None:
    with pytest.raises(InvalidCallback):
        parse_query(GOOD.encode(), with_echostr=True)


@given(st.binary(max_size=300), st.booleans())
def test_a_query_of_any_bytes_is_read_or_refused(data: bytes, with_echostr: bool) -> None:
    for query_string in (data, GOOD.encode() + data, GOOD.replace("1372623149", "").encode() + data):
        try:
            parse_query(query_string, with_echostr=with_echostr)
        except InvalidCallback:
            continue


# The outer XML


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.get("post_body")], ids=lambda v: v["name"])
def test_the_bodies_of_the_vectors_are_read(vector: dict[str, str]) -> None:
    read = read_post(vector["post_body"].encode())
    assert read.encrypt == vector["encrypt"]
    assert read.to_user == vector["receiveid"]
    assert read.agent_id in ("218", "1000002", "")


@pytest.mark.parametrize("order", list(itertools.permutations(["ToUserName", "Encrypt", "AgentID"])))
def test_the_elements_come_in_any_order(order: tuple[str, ...]) -> None:
    inner = "\n".join(f"<{name}>{name}</{name}>" for name in order)
    read = read_post(f"\n<xml>\n{inner}\n</xml>\n".encode())
    assert (read.to_user, read.encrypt, read.agent_id) == ("ToUserName", "Encrypt", "AgentID")


@pytest.mark.parametrize(
    "declaration",
    ['<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8' ?>\n", '<?xml version="1.0" encoding="UTF-8"?>'],
)
def test_a_declaration_of_utf8_is_fine(declaration: str) -> None:
    assert read_post(declaration.encode() + post()).encrypt == "abcd"


def test_the_ciphertext_is_stripped() -> None:
    assert read_post(post("<Encrypt>\n  <![CDATA[abcd]]>\r\n</Encrypt>")).encrypt == "abcd"


ENTITY = '<!DOCTYPE xml [<!ENTITY e "abcd">]>'
BOMB = "<!DOCTYPE xml [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" ", id="blank"),
        pytest.param(b"abc", id="text"),
        pytest.param(b'{"Encrypt": "abcd"}', id="JSON"),
        pytest.param(b"Encrypt=abcd", id="a form"),
        pytest.param(b"\x1f\x8b" + post(), id="gzip"),
        pytest.param(b"\x00" + post(), id="NUL"),
        pytest.param(b"<xml>", id="not closed"),
        pytest.param(b"<xml></xml>", id="nothing in it"),
        pytest.param(b"<xml/>", id="empty root"),
        pytest.param(post() + post(), id="two roots"),
        pytest.param(post() + b"x", id="text after the root"),
        pytest.param(post().replace(b"xml>", b"xmk>"), id="another root"),
        pytest.param(post().replace(b"xml>", b"XML>"), id="root in capitals"),
        pytest.param(post().replace(b"<xml>", b'<xml xmlns="urn:x">'), id="root in a namespace"),
        pytest.param(b'<xml xmlns="urn:x"><Encrypt xmlns="">abcd</Encrypt></xml>', id="only the root in a namespace"),
        pytest.param(post(""), id="no Encrypt"),
        pytest.param(post("<Encrypt></Encrypt>"), id="empty Encrypt"),
        pytest.param(post("<Encrypt> \n </Encrypt>"), id="blank Encrypt"),
        pytest.param(post("<encrypt>abcd</encrypt>"), id="Encrypt in small letters"),
        pytest.param(post("<Encrypt>abcd</Encrypt><Encrypt>abcd</Encrypt>"), id="Encrypt twice"),
        pytest.param(post("<Encrypt>abcd</Encrypt><Encrypt/>"), id="a second, empty Encrypt"),
        pytest.param(post("<x><Encrypt>abcd</Encrypt></x>"), id="Encrypt inside something"),
        pytest.param(post("<Encrypt>abcd</Encrypt><x><Encrypt>abcd</Encrypt></x>"), id="another Encrypt inside"),
        pytest.param(post("<Encrypt>ab<b/>cd</Encrypt>"), id="element inside Encrypt"),
        pytest.param(post("<Encrypt>abcd</Encrypt><ToUserName>x</ToUserName>"), id="ToUserName twice"),
        pytest.param(post("<Encrypt>ab\x0bcd</Encrypt>"), id="control character"),
        pytest.param(post("<Encrypt>&abcd;</Encrypt>"), id="unknown entity"),
        pytest.param(post("<Encrypt>&#0;</Encrypt>"), id="reference to NUL"),
        pytest.param(ENTITY.encode() + post("<Encrypt>&e;</Encrypt>"), id="entity"),
        pytest.param(ENTITY.lower().encode() + post(), id="doctype in small letters"),
        pytest.param(b"<!DOCTYPE xml>" + post(), id="DTD"),
        pytest.param(b'<!DOCTYPE xml SYSTEM "file:///etc/passwd">' + post(), id="external DTD"),
        pytest.param(b'<?xml version="1.0"?><!DOCTYPE xml>' + post(), id="DTD after the declaration"),
        pytest.param(b"<!-- --><!DOCTYPE xml>" + post(), id="DTD after a comment"),
        pytest.param(b"<?p <![CDATA[ ?><!DOCTYPE xml><?p ]]> ?>" + post(), id="DTD between instructions"),
        pytest.param(post()[:5] + b"<!DOCTYPE xml>" + post()[5:], id="DTD inside the root"),
        pytest.param(f"{BOMB}]>".encode() + post("<Encrypt>&j;</Encrypt>"), id="billion laughs"),
        pytest.param("\ufeff".encode() + post(), id="BOM"),
        pytest.param(post().decode().encode("utf-16"), id="UTF-16 with BOM"),
        pytest.param(post().decode().encode("utf-16-le"), id="UTF-16"),
        pytest.param(post().decode().encode("utf-16-be"), id="UTF-16, big-endian"),
        pytest.param(post().decode().encode("utf-32"), id="UTF-32"),
        pytest.param(b'<?xml version="1.0" encoding="utf-16"?>' + post(), id="declared as UTF-16"),
        pytest.param(b'<?xml version="1.0" encoding="latin-1"?>' + post(), id="declared as Latin-1"),
        pytest.param(b'<?xml version="1.0" encoding="utf-7"?>' + post(), id="declared as UTF-7"),
        pytest.param(post("<Encrypt>\xe4</Encrypt>").decode().encode("latin-1"), id="Latin-1"),
        pytest.param(post().replace(b"abcd", b"\xed\xa0\x80"), id="lone surrogate"),
        pytest.param(b"<a>" * 200_000 + b"</a>" * 200_000, id="200,000 levels"),
        pytest.param(b"<xml>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"</xml>", id="9,000 levels"),
        pytest.param(b"<xml>" + b"<" * 60_000, id="60,000 brackets"),
        pytest.param(b"<xml>" + b"<![CDATA[" * 7_000, id="7,000 open sections"),
        pytest.param(b" " * 60_000 + b"<?xml", id="60,000 blanks"),
        pytest.param(post("<Encrypt>" + "a" * MAX_BODY + "</Encrypt>"), id="too large"),
        pytest.param(b"a" * 10_000_000, id="10 MB"),
    ],
)
def test_any_other_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidCallback):
        read_post(body)


@given(st.binary(max_size=300))
def test_a_body_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    for body in (data, b"<xml>" + data, b"<xml>" + data + b"</xml>", b"<xml><Encrypt>" + data + b"</Encrypt></xml>"):
        try:
            read_post(body)
        except InvalidCallback:
            continue


# The message


@pytest.mark.parametrize("vector", XML_VECTORS, ids=lambda v: v["name"])
def test_the_messages_of_the_vectors_are_read(vector: dict[str, str]) -> None:
    if "reply" in vector["name"]:  # a reply goes the other way: to the member, from the company
        with pytest.raises(InvalidCallback, match="ToUserName"):
            parse_message(vector["plaintext"].encode(), corp_id=vector["receiveid"])
        return
    root = ElementTree.fromstring(vector["plaintext"])
    inbound = parse_message(
        vector["plaintext"].encode(), corp_id=keys_of(vector).receiveid, agent_id=root.findtext("AgentID") or ""
    )
    assert inbound.from_user == root.findtext("FromUserName")
    assert inbound.content == (root.findtext("Content") or "")
    assert inbound.msg_id == (root.findtext("MsgId") or "")
    assert inbound.created_at == int(root.findtext("CreateTime") or 0)


def test_a_text_message_is_read() -> None:
    inbound = read(message(Content="  第一行\n#1042 <b> &amp; \t"))
    assert inbound.to_user == CORP_ID
    assert (inbound.from_user, inbound.created_at, inbound.msg_type) == ("LiMing", 1783000000, "text")
    assert (inbound.msg_id, inbound.agent_id) == ("7421035889012345678", "1000002")
    assert inbound.content == "  第一行\n#1042 <b> &amp; \t"
    assert (inbound.event, inbound.event_key, inbound.is_callback_event) == ("", "", False)


def test_an_event_is_read_with_all_its_fields() -> None:
    items = "<Items><Item><Q>q1</Q><O>o1</O><O>o2</O></Item></Items>"
    inbound = read(event("template_card_event", items, EventKey="btn", TaskId="lead-42@2026"))
    assert inbound.is_callback_event
    assert (inbound.event, inbound.event_key) == ("template_card_event", "btn")
    assert inbound.fields["TaskId"] == "lead-42@2026"
    assert inbound.fields["Q"] == "q1"
    assert inbound.fields["O"] == "o1\no2"
    assert "Items" not in inbound.fields
    assert [name for name, _ in inbound.leaves][-5:] == ["EventKey", "TaskId", "Q", "O", "O"]


def test_a_text_that_speaks_of_markup_is_heard() -> None:
    text = '<!DOCTYPE html><!ENTITY a "b"> <?php ?> <!-- --> <![CDATA['
    assert read(message(Content=text)).content == text


def test_control_characters_are_dropped() -> None:
    noisy = "a\x00b\x0bc\x0c\x1f\ufffe\uffffd\te\nf\x7f"
    assert read(message(Content=noisy)).content == "abcd\te\nf\x7f"


@pytest.mark.parametrize("name", ["AgentID", "AgentId"])
def test_the_agent_must_be_ours(name: str) -> None:
    ours = message(**{"AgentID": "", name: "1000002"})
    assert read(ours, agent_id="1000002").agent_id == "1000002"
    assert read(ours).agent_id == "1000002"
    with pytest.raises(InvalidCallback, match="AgentID"):
        read(ours, agent_id="1000003")


def test_only_an_event_may_belong_to_no_agent() -> None:
    assert read(event("change_contact", AgentID=""), agent_id="1000002").agent_id == ""
    with pytest.raises(InvalidCallback, match="AgentID"):
        read(message(AgentID=""), agent_id="1000002")


def deep(levels: int) -> str:
    return message("<a>" * levels + "</a>" * levels)


def test_nesting_beyond_what_wecom_sends_is_refused() -> None:
    assert read(deep(16)).from_user == "LiMing"
    with pytest.raises(InvalidCallback):
        read(deep(17))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("1616140317555161061", id="an echostr"),
        pytest.param('{"ToUserName": "x"}', id="JSON"),
        pytest.param("<xml></xml>", id="nothing in it"),
        pytest.param(message() + message(), id="two roots"),
        pytest.param("\ufeff" + message(), id="BOM"),
        pytest.param(message().encode("utf-16"), id="UTF-16 with BOM"),
        pytest.param(message().encode("utf-16-le"), id="UTF-16"),
        pytest.param(message().encode("utf-16-be"), id="UTF-16, big-endian"),
        pytest.param(message().encode("utf-32-le"), id="UTF-32"),
        pytest.param(message().encode("gb18030"), id="GB 18030"),
        pytest.param(message(Content="\ud83d").encode("utf-8", "surrogatepass"), id="lone surrogate"),
        pytest.param(message().encode()[:-8], id="cut off"),
        pytest.param("<!DOCTYPE xml>" + message(), id="DTD"),
        pytest.param("<\x00!DOCTYPE xml>" + message(), id="DTD behind a control character"),
        pytest.param(ENTITY + message("<Title>&e;</Title>"), id="entity"),
        pytest.param(f'<!DOCTYPE xml [<!ENTITY e SYSTEM "{__file__}">]>{message("<T>&e;</T>")}', id="external entity"),
        pytest.param(message("<T>&e;</T>"), id="unknown entity"),
        pytest.param(message("<T>&#11;</T>"), id="reference to a control character"),
        pytest.param(f"{BOMB}]>{message('<T>&j;</T>')}", id="billion laughs"),
        pytest.param(deep(8_000), id="8,000 levels"),
        pytest.param(deep(200_000), id="200,000 levels"),
        pytest.param(message("<a/>" * 20_000), id="too large"),
        pytest.param(message("<a:b/>"), id="unbound prefix"),
        pytest.param(message('<b xmlns="urn:x"/>'), id="a namespace"),
        pytest.param(message("<标签/>"), id="element that is not ASCII"),
        pytest.param(message(f"<{'a' * 65}/>"), id="long element name"),
        pytest.param(message(MsgType="event"), id="event without its name"),
        pytest.param(message("<FromUserName>ZhangWei</FromUserName>"), id="two senders"),
        pytest.param(message("<MsgId>1</MsgId>"), id="two ids"),
        pytest.param(message("<AgentId>1</AgentId>"), id="two agents"),
        pytest.param(message("<Content>other</Content>"), id="two contents"),
        pytest.param(message("<Event><b/></Event>"), id="element inside a header"),
        *(pytest.param(message(**{name: ""}), id=f"no {name}") for name in ("ToUserName", "FromUserName")),
        *(pytest.param(message(**{name: ""}), id=f"no {name}") for name in ("CreateTime", "MsgType")),
        pytest.param(message(ToUserName="wx5823bf96d3bd56c8"), id="another company"),
        pytest.param(message(ToUserName=CORP_ID.upper()), id="company in capitals"),
        pytest.param(message(FromUserName="Li Ming"), id="sender with a space"),
        pytest.param(message(FromUserName="LiＭing"), id="full-width sender"),
        pytest.param(message(FromUserName="L\u0131Ming"), id="dotless i"),
        pytest.param(message(FromUserName="a" * 65), id="long sender"),
        pytest.param(message(CreateTime="-1"), id="negative time"),
        pytest.param(message(CreateTime="1.5e9"), id="time that is no integer"),
        pytest.param(message(CreateTime="１７８３００００００"), id="full-width time"),
        pytest.param(message(CreateTime="9" * 5000), id="endless time"),
        pytest.param(message(MsgType="te xt"), id="bad type"),
        pytest.param(message(MsgId="1\n2"), id="bad id"),
        pytest.param(message(MsgId="1" * 65), id="long id"),
        pytest.param(message(AgentID="x"), id="agent that is no number"),
    ],
)
def test_any_other_plaintext_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidCallback):
        read(text)


def test_no_file_is_included(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'
    with pytest.raises(InvalidCallback):
        read(message(include))
    with pytest.raises(InvalidCallback):
        read_post(post(f"<Encrypt>abcd</Encrypt>{include}"))


def test_a_refusal_does_not_show_the_message() -> None:
    told = "护照号E12345678"
    refused = [
        message(Content=told)[:-3],
        message(f"<T>&{told};</T>"),
        message(f"<{told}/>"),
        message(Content=told, FromUserName="王 五"),
        message(Content=told, ToUserName="wxother"),
        "\ud800" + message(Content=told),
    ]
    for text in refused:
        with pytest.raises(InvalidCallback) as caught:
            read(text.encode("utf-8", "surrogatepass"))
        shown = "".join(traceback.format_exception(caught.value))
        assert not any(secret in shown for secret in ("E12345678", "王", "wxother"))


def test_a_message_does_not_show_its_content_in_a_log() -> None:
    assert "护照" not in repr(read(message(Content="护照")))
    assert "护照" not in repr(read(event("view", EventKey="护照")))


@given(st.binary(max_size=300))
def test_a_plaintext_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    head = message().removesuffix("</xml>").encode()
    for plaintext in (data, b"<xml>" + data, head + data, head + data + b"</xml>"):
        try:
            assert len(read(plaintext).identity) == 64
        except InvalidCallback:
            continue


# What identifies it


@pytest.mark.parametrize(
    "again",
    [
        message(),
        message(FromUserName="liming"),
        message(FromUserName="LIMING", Content="changed", CreateTime="1783000005"),
        message("<Later>x</Later>"),
    ],
)
def test_a_message_is_the_same_by_its_id_agent_and_sender(again: str) -> None:
    assert read(again).identity == read(message()).identity


@pytest.mark.parametrize(
    "other",
    [
        message(MsgId="7421035889012345679"),
        message(FromUserName="LiMin"),
        message(AgentID="1000003"),
        message(MsgId="", Content="7421035889012345678"),
        message(AgentID="100000", MsgId="27421035889012345678"),
    ],
)
def test_another_id_agent_or_sender_is_another_message(other: str) -> None:
    assert read(other).identity != read(message()).identity


def test_another_company_is_another_message() -> None:
    other = message(ToUserName="wxother").encode()
    assert parse_message(other, corp_id="wxother").identity != read(message()).identity


def test_a_message_without_an_id_is_its_time_and_content() -> None:
    first = read(message(MsgId="")).identity
    assert read(message(MsgId="", FromUserName="LIMING")).identity == first
    assert read(message(MsgId="", Content="再见")).identity != first
    assert read(message(MsgId="", CreateTime="1783000001")).identity != first


EVENTS = [
    event("enter_agent"),
    event("LOCATION", Latitude="1", Longitude="2"),
    event("LOCATION", Latitude="1", Longitude="3"),
    event("subscribe"),
    event("unsubscribe"),
    event("unsubscribe", AgentID="1000003"),
    event("unsubscribe", FromUserName="ZhangWei"),
    event("enter_agent", CreateTime="1783000001"),
    event("click", EventKey="a"),
    event("click", EventKey="b"),
    event("template_card_event", EventKey="a", TaskId="1"),
    event("template_card_event", EventKey="a", TaskId="2"),
    event("template_card_event", EventKey="a", TaskId="2", ResponseCode="x"),
    event("template_card_event", "<I><O>ab</O><O>c</O></I>", EventKey="a", TaskId="1"),
    event("template_card_event", "<I><O>a</O><O>bc</O></I>", EventKey="a", TaskId="1"),
    event("template_card_event", "<I><O>ab\nc</O></I>", EventKey="a", TaskId="1"),
    event("change_contact", ChangeType="update_user", UserID="a"),
    event("change_contact", ChangeType="update_user", UserID="b"),
    event("change_contact", ChangeType="delete_user", UserID="a"),
    event("change_contact", ChangeType="update_tag", TagId="1"),
    event("batch_job_result", "<BatchJob><JobId>1</JobId></BatchJob>", AgentID=""),
    event("batch_job_result", "<BatchJob><JobId>2</JobId></BatchJob>", AgentID=""),
]


def test_events_of_one_second_are_told_apart() -> None:
    assert len({read(text).identity for text in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("text", EVENTS)
def test_an_event_delivered_again_is_the_same(text: str) -> None:
    again = text.replace("LiMing", "liming").replace("enter_agent", "ENTER_AGENT")
    assert read(again).identity == read(text).identity


@given(st.lists(st.tuples(*[st.from_regex("[0-9a-zA-Z_-]{0,3}", fullmatch=True)] * 3), min_size=2, unique=True))
def test_identities_have_no_border_to_shift(parts: list[tuple[str, str, str]]) -> None:
    made = {
        Inbound(to_user=CORP_ID, agent_id=agent, from_user=sender, msg_id="m" + msg_id, created_at=1, msg_type="text")
        for agent, sender, msg_id in parts
    }
    expected = {(agent, sender.lower(), msg_id) for agent, sender, msg_id in parts}
    assert len({inbound.identity for inbound in made}) == len(expected)


# The URL check


@pytest.mark.parametrize("text", ["1616140317555161061", "a", "Z" * 64])
def test_an_echostr_is_given_back(text: str) -> None:
    assert echo(text.encode()) == text


@pytest.mark.parametrize("text", ["", "a" * 65, "a b", "a\n", "１", "<b>", "中", "\ufeffa", "a\x00", message()])
def test_anything_but_an_echostr_is_not_given_back(text: str) -> None:
    with pytest.raises(InvalidCallback):
        echo(text.encode())


def test_a_recorded_message_cannot_be_read_through_the_url_check() -> None:
    shown = 0
    for recorded in captures(200, seed=4):
        request = recorded.request
        try:
            values = parse_query(query(request, as_echostr=True), with_echostr=True)
        except InvalidCallback:
            continue  # too long for a query
        plaintext = decrypt(
            KEYS,
            msg_signature=values.msg_signature,
            timestamp=values.timestamp,
            nonce=values.nonce,
            encrypted=values.echostr,
        )
        with pytest.raises(InvalidCallback):
            echo(plaintext)
        shown += 1
    assert shown > 20


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] == "url_verify"], ids=lambda v: v["name"])
def test_the_url_checks_of_the_vectors_pass(vector: dict[str, str]) -> None:
    query_string = (
        f"msg_signature={vector['msg_signature']}&timestamp={vector['timestamp']}"
        f"&nonce={vector['nonce']}&echostr={quote(vector['encrypt'], safe='')}"
    )
    values = parse_query(query_string.encode(), with_echostr=True)
    plaintext = decrypt(
        keys_of(vector),
        msg_signature=values.msg_signature,
        timestamp=values.timestamp,
        nonce=values.nonce,
        encrypted=values.echostr,
    )
    assert echo(plaintext) == vector["plaintext"]


# The reply


def content_of(reply: bytes) -> str:
    return ElementTree.fromstring(reply).findtext("Content") or ""


def reply_with(content: str) -> bytes:
    return passive_reply(to_user="LiMing", from_user=CORP_ID, content=content, created_at=1783000000)


def test_a_reply_has_what_wecom_wants() -> None:
    root = ElementTree.fromstring(reply_with("已发送"))
    assert {child.tag: child.text for child in root} == {
        "ToUserName": "LiMing",
        "FromUserName": CORP_ID,
        "CreateTime": "1783000000",
        "MsgType": "text",
        "Content": "已发送",
    }


@pytest.mark.parametrize(
    "text", ["", "]]>", "]]]]>>", "a]]><Content>x</Content><![CDATA[b", "&amp; <b>", "]]", "👨‍👩‍👧‍👦", "\t\n"]
)
def test_a_reply_says_any_text(text: str) -> None:
    assert content_of(reply_with(text)) == text


def test_a_long_reply_is_cut_to_what_wecom_shows() -> None:
    shown = content_of(reply_with("案件" * 1000))
    assert shown == "案件" * 340 + "案…"
    assert len(shown.encode()) == 2046


def test_a_reply_drops_what_xml_cannot_say() -> None:
    assert content_of(reply_with("a\x00b\x0b\x1f\ud800c\ufffe")) == "abc"


@given(st.text(st.characters(), max_size=1200))
def test_a_reply_is_always_readable_and_never_too_long(text: str) -> None:
    shown = content_of(reply_with(text))
    assert len(shown.encode()) <= 2048
    sayable = without_control_characters(text).replace("\r\n", "\n").replace("\r", "\n")
    assert shown == sayable or sayable.startswith(shown.removesuffix("…"))


def test_a_reply_body_is_in_the_official_order_and_reads_back() -> None:
    envelope = encrypt(KEYS, reply_with("已发送"), timestamp="1783000000", nonce="1320562132")
    body = passive_reply_body(envelope)
    assert [child.tag for child in ElementTree.fromstring(body)] == ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"]
    assert (
        body
        == (
            f"<xml><Encrypt><![CDATA[{envelope.encrypt}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{envelope.msg_signature}]]></MsgSignature>"
            "<TimeStamp>1783000000</TimeStamp><Nonce><![CDATA[1320562132]]></Nonce></xml>"
        ).encode()
    )


# A whole request


def test_a_request_passes_through_all_steps() -> None:
    for recorded in captures(20, seed=5):
        body = post(f"<Encrypt><![CDATA[{recorded.request.encrypted}]]></Encrypt>")
        values = parse_query(query(recorded.request), with_echostr=False)
        plaintext = decrypt(
            KEYS,
            msg_signature=values.msg_signature,
            timestamp=values.timestamp,
            nonce=values.nonce,
            encrypted=read_post(body).encrypt,
        )
        assert read(plaintext, agent_id="1000002").content


def test_a_sealed_text_that_is_not_xml_is_refused_by_the_reader_only() -> None:
    request = sealed(padded(layout(b"\xff\xfe not xml")))
    plaintext = decrypt(KEYS, **request._asdict())
    with pytest.raises(InvalidCallback, match="UTF-8"):
        read(plaintext)


# Cutting


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("", 3, ""),
        ("abc", 3, "abc"),
        ("abcd", 3, "…"),
        ("abcd", 4, "abcd"),
        ("abcde", 4, "a…"),
        ("案件案件", 12, "案件案件"),
        ("案件案件", 11, "案件…"),
        ("案件案件", 9, "案件…"),
        ("案件案件", 8, "案…"),
        ("👍👍", 7, "👍…"),
        ("👍👍", 6, "…"),
        ("a\ud800b", 10, "a?b"),
    ],
)
def test_a_text_is_cut_at_a_character(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


@given(st.text(st.characters(), max_size=100), st.integers(3, 120))
def test_a_cut_text_fits_and_begins_as_the_text_does(text: str, limit: int) -> None:
    shown, whole = cut(text, limit), text.encode("utf-8", "replace").decode()
    assert len(shown.encode()) <= limit
    if shown != whole:
        assert whole.startswith(shown.removesuffix("…"))
        assert len(shown.encode()) > limit - 4  # no more was lost than one character


def test_a_limit_without_room_for_the_ellipsis_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="room"):
        cut("案件", 2)
