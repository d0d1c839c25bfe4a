"""The app's access token: shared by all processes, requested by one at a time, never with a secret that was refused."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from wecom.api.client import WeComError, fetch_token
from wecom.api.errcodes import Verdict
from wecom.models import AppToken

T = TypeVar("T")

EARLY = timedelta(minutes=5)  # a token is renewed this long before it ends
REFRESH_LEASE = timedelta(seconds=15)  # longer than the client's deadline for one request
REFUSED_FOR = timedelta(hours=1)  # the length of WeCom's ban (DOC 90313, 45009)
LOOK_EVERY = 0.1  # seconds between two looks while another process asks
WAIT_FOR_TOKEN = 15.0  # seconds for the process that asks WeCom for a new one


def with_token(call: Callable[[str], T]) -> T:
    """Return `call(token)`; when WeCom refuses the token, get a new one and try once more. Raises WeComError."""
    token = app_token()
    try:
        return call(token)
    except WeComError as error:
        if error.verdict is not Verdict.TOKEN:
            raise
    return call(app_token(rejected=token))


def app_token(*, rejected: str = "") -> str:
    """Return the shared token, a new one if it ended or is the one WeCom `rejected`.

    Must not be called inside a transaction. Raises WeComError; for a refused secret without asking WeCom again.
    """
    AppToken.objects.get_or_create(corp_id=settings.WECHAT_CORP_ID)
    deadline = time.monotonic() + WAIT_FOR_TOKEN
    while time.monotonic() < deadline:
        row = AppToken.objects.get(corp_id=settings.WECHAT_CORP_ID)
        now = timezone.now()
        if row.value and row.value != rejected and row.expires_at and row.expires_at > now + EARLY:
            return row.value
        if row.refused_secret == _digest() and row.refused_until and row.refused_until > now:
            raise WeComError(row.problem, Verdict.CONFIGURATION)
        free = Q(refreshing_until=None) | Q(refreshing_until__lt=now)
        # `value` is part of the condition: another process may have stored a new token since we read the row.
        if AppToken.objects.filter(free, pk=row.pk, value=row.value).update(refreshing_until=now + REFRESH_LEASE):
            return _refresh(row)
        time.sleep(LOOK_EVERY)
    raise WeComError("另一个进程正在获取 access_token，稍后自动重试。", Verdict.RETRY)


def _refresh(row: AppToken) -> str:
    mine = AppToken.objects.filter(pk=row.pk)
    try:
        token = fetch_token(settings.WECHAT_CORP_ID, settings.WECHAT_APP_SECRET)
    except WeComError as error:
        change: dict[str, object] = {"refreshing_until": None, "problem": error.reason[:300]}
        if error.verdict is Verdict.CONFIGURATION:
            change |= {"refused_secret": _digest(), "refused_until": timezone.now() + REFUSED_FOR}
        mine.update(**change)
        raise
    mine.update(
        value=token.value,
        expires_at=timezone.now() + timedelta(seconds=token.expires_in),
        refreshing_until=None,
        refused_secret="",
        refused_until=None,
        problem="",
    )
    return token.value


def _digest() -> str:
    return hashlib.sha256(f"{settings.WECHAT_CORP_ID}:{settings.WECHAT_APP_SECRET}".encode()).hexdigest()
