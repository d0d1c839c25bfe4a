"""The view of `/api/wechat/receive`, which WeCom calls (DOC 90930, 90238).

A request that fails verification gets one and the same response, writes nothing and costs no database query. A verified
one is committed before the response. WeCom cuts the connection after 5 s and calls again.
"""

import logging
import time
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from jiayi.bridge import BEGAN
from wecom.failpoints import failpoint
from wecom.inbound import crypto, envelope, receipts
from wecom.inbound.crypto import InvalidCallback
from wecom.inbound.receive import receive
from wecom.inbound.spool import bring_in, is_empty, put_aside
from wecom.models import InboundMessage

WECOM_WAITS = 5  # seconds (DOC 90238)
RESPOND_WITHIN = 4.0  # seconds
RETRY_AFTER = 0.05  # seconds
CLOCK_TOLERANCE = 600  # seconds
WARN_EVERY = 60  # seconds

logger = logging.getLogger("jiayi.wecom")
_last_clock_warning = 0.0


@csrf_exempt
def wechat_receive(request: HttpRequest) -> HttpResponse:
    """Prove by GET that the URL is ours; receive by POST a message or callback event, and respond with its receipt."""
    try:
        if request.method == "GET":
            return HttpResponse(_echo(request), content_type="text/plain; charset=utf-8")
        if request.method == "POST":
            return _respond(_message(request), request.META.get(BEGAN, time.monotonic()))
    except InvalidCallback:
        pass
    return HttpResponse("invalid request", status=400, content_type="text/plain; charset=utf-8")


def configured_keys() -> crypto.Keys:
    """Return the callback's token, key and CorpID. Raises ImproperlyConfigured, naming the problem."""
    try:
        return crypto.Keys(settings.WECHAT_CALLBACK_TOKEN, settings.WECHAT_ENCODING_AES_KEY, settings.WECHAT_CORP_ID)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


def _keys() -> crypto.Keys:
    try:
        return configured_keys()
    except ImproperlyConfigured:
        # check_wecom and the system checks say so; a stranger is not told.
        raise InvalidCallback("not configured") from None


def _query(request: HttpRequest, *, with_echostr: bool) -> envelope.Query:
    raw = request.META.get("QUERY_STRING", "").encode("latin-1", "replace")
    return envelope.parse_query(raw, with_echostr=with_echostr)


def _decrypt(query: envelope.Query, encrypted: str) -> bytes:
    return crypto.decrypt(
        _keys(),
        msg_signature=query.msg_signature,
        timestamp=query.timestamp,
        nonce=query.nonce,
        encrypted=encrypted,
    )


def _echo(request: HttpRequest) -> str:
    query = _query(request, with_echostr=True)
    return envelope.echo(_decrypt(query, query.echostr))


def _message(request: HttpRequest) -> envelope.Inbound:
    body = _body(request)
    query = _query(request, with_echostr=False)
    post = envelope.read_post(body)
    plaintext = _decrypt(query, post.encrypt)
    inbound = envelope.parse_message(plaintext, corp_id=settings.WECHAT_CORP_ID, agent_id=settings.WECHAT_AGENT_ID)
    _watch_the_clock(int(query.timestamp))
    return inbound


def _body(request: HttpRequest) -> bytes:
    """Return the body, at most one byte more than allowed of it. Raises InvalidCallback."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdigit() or len(length) > 9 or int(length) > envelope.MAX_BODY:
        raise InvalidCallback("body too long")
    # Django takes a body sent in chunks, without a length, for an empty one.
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    try:
        return (request.META["wsgi.input"] if chunked else request).read(envelope.MAX_BODY + 1)
    except OSError:
        raise InvalidCallback("the body broke off") from None


def _respond(inbound: envelope.Inbound, began: float) -> HttpResponse:
    failpoint("callback.verified")
    received_at = timezone.now()
    row = _store(inbound, received_at, began)
    failpoint("callback.committed")
    if row is not None:
        return _receipt(inbound, row.reply, row.received_at)
    return _receipt(inbound, "" if inbound.is_callback_event else receipts.PUT_ASIDE, received_at)


def _receipt(inbound: envelope.Inbound, text: str, at: datetime) -> HttpResponse:
    """Respond with a receipt as an encrypted passive reply, or with nothing. `at` is the time that the reply bears."""
    if not text:
        return HttpResponse(b"", content_type="text/plain; charset=utf-8")
    plaintext = envelope.passive_reply(
        to_user=inbound.from_user,
        from_user=inbound.to_user,
        content=text,
        created_at=int(at.timestamp()),
    )
    sealed = crypto.encrypt(_keys(), plaintext, timestamp=str(int(time.time())), nonce=str(time.time_ns() % 10**10))
    return HttpResponse(envelope.passive_reply_body(sealed), content_type="application/xml; charset=utf-8")


def _store(inbound: envelope.Inbound, received_at: datetime, began: float) -> InboundMessage | None:
    """Receive it before responding; a busy database is asked again while WeCom still waits.

    If it stays busy, or our code fails, the message is put aside on the disk and brought in later, as WeCom does not
    promise to call again. Returns None then. `began` is when WeCom began to wait, by time.monotonic(): before the
    request had a thread.
    """
    deadline = began + RESPOND_WITHIN
    try:
        while (left := deadline - time.monotonic()) > 0:
            try:
                # Those put aside come first: a "#1042" among them decides where this one goes.
                if is_empty() or (bring_in(left) is not None and is_empty()):
                    return receive(inbound, received_at, wait=left)
            except (OperationalError, InterfaceError):
                close_old_connections()
            time.sleep(RETRY_AFTER)
        logger.error("a message could not be stored in time and is put aside")
    except Exception:
        logger.exception("a message could not be handled and is put aside")
    _put_aside(inbound, received_at)
    return None


def _put_aside(inbound: envelope.Inbound, received_at: datetime) -> None:
    """Keep it on the disk. If even that fails, let WeCom's 5 s run out: only then does it call again."""
    try:
        put_aside(inbound, received_at)
    except OSError:
        logger.exception("a message could not be put aside either")
        time.sleep(WECOM_WAITS + 1)
        raise InvalidCallback("nowhere to store it") from None


def _watch_the_clock(timestamp: int) -> None:
    """Log, once in WARN_EVERY seconds, that our clock and WeCom's differ. No request is refused for its age."""
    global _last_clock_warning
    off = time.time() - timestamp
    if abs(off) > CLOCK_TOLERANCE and time.monotonic() - _last_clock_warning > WARN_EVERY:
        _last_clock_warning = time.monotonic()
        logger.warning("a callback's timestamp is %d s off: is this machine's clock right?", round(off))
