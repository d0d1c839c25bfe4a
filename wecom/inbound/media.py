"""Pictures, voice and video an advisor sent in WeCom: fetched by the worker, checked as uploads, and posted.

The case was decided at receipt. The job is the inbound row itself: `due_at` says when to try. Trying twice does no
harm, because the message is written once for each inbound row.
"""

import logging
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from cases.files.actions import remove, store, write_file
from cases.files.uploads import read_upload
from cases.models import Message
from jiayi.errors import Gone, Refused
from wecom.api.client import Media, WeComError, fetch_media
from wecom.api.errcodes import Verdict
from wecom.api.tokens import with_token
from wecom.failpoints import failpoint
from wecom.kinds import kind_in_receipt
from wecom.models import InboundMessage

State = InboundMessage.State

MEDIA_LEASE = timedelta(seconds=90)  # longer than fetching and converting may take
GIVE_UP_AFTER = timedelta(days=3)  # WeCom keeps the media no longer (DOC 90254)
BACKOFF = (5, 30, 120, 600, 1800)  # seconds; the last one repeats
CONVERT_SECONDS = 30

logger = logging.getLogger("jiayi.wecom")


def fetch_due_media(stopping: Callable[[], bool] = lambda: False) -> int:
    """Fetch and post the media that are due, until `stopping()` says so. Returns how many were tried."""
    tried = 0
    while not stopping() and (row := _claim()) is not None:
        _fetch(row)
        tried += 1
    return tried


def _claim() -> InboundMessage | None:
    now = timezone.now()
    due = InboundMessage.objects.filter(state=State.FETCHING, due_at__lte=now).order_by("due_at")
    row = due.select_related("advisor__user", "case").first()
    if row is None:
        return None
    # The worker that moves due_at has the row; a killed one loses it when that time comes.
    won = InboundMessage.objects.filter(pk=row.pk, state=State.FETCHING, due_at=row.due_at)
    return row if won.update(due_at=now + MEDIA_LEASE, attempts=row.attempts + 1) else _claim()


def _fetch(row: InboundMessage) -> None:
    failpoint("media.claimed")
    limit = settings.UPLOAD_MAX_MB * 1024 * 1024
    try:
        media = with_token(lambda token: fetch_media(token, row.fields.get("MediaId", ""), limit))
        failpoint("media.fetched")
        _post(row, media)
    except (OperationalError, InterfaceError):
        raise  # away for a moment; the lease brings it back
    except WeComError as error:
        _again_or_never(row, error)
    except Gone:
        _fail(row, "案件已不由您跟进")
    except Refused as refusal:
        _fail(row, refusal.message)
    except Exception:
        # A full disk, or a mistake of ours: it must not end the worker, and the media are there for three days.
        logger.exception("media of inbound message %s cannot be stored", row.pk)
        _again_or_never(row, WeComError("处理文件时出错，详见服务器日志", Verdict.RETRY))
    failpoint("media.posted")


def _again_or_never(row: InboundMessage, error: WeComError) -> None:
    if error.permanent or timezone.now() - row.received_at > GIVE_UP_AFTER:
        _fail(row, error.reason)
        return
    wait = max(error.wait, BACKOFF[min(row.attempts, len(BACKOFF) - 1)])
    _still(row).update(due_at=timezone.now() + timedelta(seconds=wait), reason=error.reason[:200])


def _post(row: InboundMessage, media: Media) -> None:
    assert row.case is not None
    assert row.advisor is not None
    content, name = _playable(row, media)
    stored = store(read_upload(BytesIO(content), name))
    with transaction.atomic():
        if _still(row).select_for_update(no_key=True).first() is None:
            remove(stored)  # taken back, or another worker was quicker
            return
        message, _created = write_file(
            row.case,
            row.advisor.user,
            stored,
            client_id=f"wecom:{row.identity}",
            source=Message.Source.WECOM,
        )
        _still(row).update(state=State.DELIVERED, message=message, due_at=None, reason="")
        failpoint("media.posting")


def _playable(row: InboundMessage, media: Media) -> tuple[bytes, str]:
    """Return the bytes and a name to show; AMR voice as AAC, which every browser plays, where ffmpeg is there."""
    kind = kind_in_receipt(row.message_type)
    if media.content.startswith(b"#!AMR"):
        converted = _amr_to_aac(media.content)
        return (converted, f"{kind}.m4a") if converted else (media.content, f"{kind}（请下载后播放）.amr")
    suffix = Path(media.filename).suffix[:10] if media.filename else ""
    return media.content, media.filename if row.message_type == "file" and suffix else f"{kind}{suffix}"


def _amr_to_aac(amr: bytes) -> bytes | None:
    """Return the voice as AAC in MP4, or None when ffmpeg is missing or cannot read it."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "voice.amr"), Path(folder, "voice.m4a")
        source.write_bytes(amr)
        # What is converted came from outside: one input format, only local files, and a time limit.
        limits = ["-nostdin", "-v", "error", "-protocol_whitelist", "file", "-f", "amr"]
        command = [
            ffmpeg,
            *limits,
            "-i",
            str(source),
            "-c:a",
            "aac",
            "-b:a",
            "32k",
            "-movflags",
            "+faststart",
            str(target),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=CONVERT_SECONDS)  # noqa: S603
            return target.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            logger.warning("a voice message could not be converted (%s)", type(error).__name__)
            return None


def _fail(row: InboundMessage, reason: str) -> None:
    """Hold it: the sender is told with the next receipt, administrators see it in the admin."""
    _still(row).update(state=State.HELD, due_at=None, reason=reason[:200], untold=True)


def _still(row: InboundMessage) -> QuerySet[InboundMessage]:
    return InboundMessage.objects.filter(pk=row.pk, state=State.FETCHING)
