"""The callback written by hand: what no callback of this kind can do without, in one transaction of plain SQL.

Opened and read by the product's own cipher and parser, and answered with its encrypted receipt; the sender and the case
are locked, the message, what came in and the wake-up are written. No rules, no receipt that says where the next text
goes, no objects: the floor under the callback, and no bridge to WeCom.
"""

import json
import time
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from wecom.inbound import crypto, envelope
from wecom.inbound.callback import configured_keys
from wecom.inbound.numbers import numbered

LOCKED = " FOR NO KEY UPDATE OF {}" if connection.vendor == "postgresql" else ""
SENDER = (
    "SELECT advisors_advisor.id, user_id, name FROM advisors_advisor JOIN members_user ON members_user.id = user_id "
    "WHERE LOWER(wecom_userid) = %s AND status = 'approved' AND is_active"
) + LOCKED.format("advisors_advisor")
CASE = (
    "SELECT cases_case.id, last_seq, title, name, members_user.id FROM cases_case "
    "JOIN members_member ON members_member.id = member_id "
    "JOIN members_user ON members_user.id = members_member.user_id "
    "WHERE number = %s AND advisor_id = %s AND status = 'open'"
) + LOCKED.format("cases_case")
ANSWERED = "UPDATE cases_case SET last_seq = %s, last_message_at = %s, waiting_since = NULL WHERE id = %s"
MESSAGE = (
    "INSERT INTO cases_message "
    "(case_id, seq, kind, body, sender_id, source, notice, about, client_id, created_at, search) "
    "VALUES (%s, %s, 'text', %s, %s, 'wecom', '', '', %s, %s, %s) RETURNING id"
)
INBOUND = (
    "INSERT INTO wecom_inboundmessage "
    "(identity, userid, message_type, event, content, fields, sent_at, received_at, late, "
    "state, reason, advisor_id, case_id, message_id, reply, attempts, untold) VALUES "
    "(%s, %s, 'text', '', %s, %s, %s, %s, false, 'delivered', '', %s, %s, %s, %s, 0, false)"
)
WAKE = "SELECT pg_notify('jiayi', %s)" if LOCKED else "INSERT INTO jiayi_wakeup (payload) VALUES (%s)"


@csrf_exempt
def callback(request: HttpRequest) -> HttpResponse:
    """Receive one text with a case number."""
    if request.method != "POST":
        return HttpResponse(b"ok")
    keys = configured_keys()
    query = envelope.parse_query(request.META["QUERY_STRING"].encode(), with_echostr=False)
    signed = {"msg_signature": query.msg_signature, "timestamp": query.timestamp, "nonce": query.nonce}
    plaintext = crypto.decrypt(keys, **signed, encrypted=envelope.read_post(request.body).encrypt)
    agent = settings.WECHAT_AGENT_ID
    inbound = envelope.parse_message(plaintext, corp_id=settings.WECHAT_CORP_ID, agent_id=agent)
    with transaction.atomic(), connection.cursor() as cursor:
        reply = _written(cursor, inbound)
    now = str(int(time.time()))
    text = envelope.passive_reply(
        to_user=inbound.from_user, from_user=inbound.to_user, content=reply, created_at=int(now)
    )
    sealed = crypto.encrypt(keys, text, timestamp=now, nonce=str(time.time_ns() % 10**10))
    return HttpResponse(envelope.passive_reply_body(sealed), content_type="application/xml; charset=utf-8")


def _written(cursor: Any, inbound: envelope.Inbound) -> str:
    found, now = numbered(inbound.content), str(timezone.now())
    assert found is not None
    cursor.execute(SENDER, [inbound.from_user.lower()])
    advisor, user, _name = cursor.fetchone()
    cursor.execute(CASE, [found.number, advisor])
    case, seq, title, member, member_user = cursor.fetchone()
    cursor.execute(ANSWERED, [seq + 1, now, case])
    client_id = f"wecom:{inbound.identity}"
    cursor.execute(MESSAGE, [case, seq + 1, found.text, user, client_id, now, found.text.lower()])
    (message,) = cursor.fetchone()
    reply, fields = f"✓ 已发送 → #{found.number} {member} · {title}", json.dumps(inbound.fields)
    said = [inbound.identity, inbound.from_user, inbound.content, fields, now, now, advisor, case, message, reply]
    cursor.execute(INBOUND, said)
    wake_up = {"type": "message", "case": case, "seq": seq + 1, "users": [member_user, user]}
    cursor.execute(WAKE, [json.dumps(wake_up)])
    return reply
