"""A case with very many messages. Needs Django (servers.set_up_django)."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from cases.actions import post_message
from cases.models import MAX_BODY, Case, Message

SENTENCES = (
    "请问我的工签延期材料还缺什么？",
    "好的，收到，我先看材料。",
    "Please send a scan of your passport, thank you.",
    "学签续签的进度如何，移民局有消息吗？我下个月要出差，想先确认一下时间。",
    "可以。",
)
FIRST = 1_000  # written one by one; the others are copies, made by the database


def fill(number: int, count: int) -> None:
    """Write `count` messages of both sides into an empty case, in about ten seconds a million."""
    case = Case.objects.select_related("member__user", "advisor__user").get(number=number)
    assert case.advisor is not None
    people = (case.member.user, case.advisor.user)
    began = timezone.now() - timedelta(days=500)
    Message.objects.bulk_create(
        Message(
            case=case,
            seq=seq,
            body=f"{SENTENCES[seq % 5]} {seq}",
            sender=people[seq % 3 == 0],
            client_id=f"f{seq}",
            created_at=began + timedelta(hours=seq),
        )
        for seq in range(1, min(FIRST, count) + 1)
    )
    _double(case, count)
    Case.objects.filter(pk=case.pk).update(last_seq=count)
    if connection.vendor == "postgresql":  # as autovacuum would do soon
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def fill_with_ligatures(number: int, count: int) -> None:
    """Have a member write `count` messages of one ligature that grows eighteenfold when it is folded for searching."""
    case = Case.objects.select_related("member__user").get(number=number)
    for n in range(count):
        post_message(case, case.member.user, "\ufdfa" * MAX_BODY, client_id=f"l{n}")


def _double(case: Case, count: int) -> None:
    have = min(FIRST, count)
    table = Message._meta.db_table
    columns = [f.column for f in Message._meta.concrete_fields if f.column not in {"id", "seq", "client_id"}]
    copied = ", ".join(columns)
    with connection.cursor() as cursor:
        while have < count:
            cursor.execute(
                f"INSERT INTO {table} (seq, client_id, {copied}) "
                f"SELECT seq + %s, 'f' || CAST(seq + %s AS TEXT), {copied} FROM {table} "
                "WHERE case_id = %s AND seq <= %s ORDER BY seq",
                [have, have, case.pk, min(have, count - have)],
            )
            have += min(have, count - have)
