"""Sending a file: the bytes go to the storage first, then message and row in one transaction."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.actions import write_message
from cases.files.uploads import Upload
from cases.limits import limit_files
from cases.models import Attachment, Case, Message
from jiayi.errors import Unavailable
from members.models import User

logger = logging.getLogger("jiayi.files")

FOLDER = "messages"  # in the storage; what lies elsewhere is not ours to clean
THUMBNAIL_SUFFIX = "-thumbnail"


def post_file(
    case: Case, sender: User, upload: Upload, *, client_id: str, source: str = Message.Source.WEB
) -> tuple[Message, bool]:
    """Write a file into a case's conversation, once for each `client_id` of the sender; its name is the body.

    Returns the message and whether it is new. Raises Gone and Conflict as post_message does, Unavailable when it
    cannot be stored. Where a scanner is configured, the file is served when that has found it clean. Inside a
    transaction that fails afterwards, the file stays behind without a row, and `manage.py clean_files` removes it.
    """
    return write_file(case, sender, store(upload), client_id=client_id, source=source)


def store(upload: Upload) -> Attachment:
    """Put the bytes into the storage, which may take its time: never inside a transaction.

    Returns the file's row, unsaved, for write_file. Raises Unavailable when they cannot be stored.
    """
    attachment = Attachment(
        name=upload.name,
        size=upload.size,
        content_type=upload.content_type,
        kind=upload.kind,
        sha256=upload.sha256,
        width=upload.width,
        height=upload.height,
        state=upload.verdict.state,
        finding=upload.verdict.finding,
        scan_due_at=timezone.now() if upload.verdict.state == Attachment.State.WAITING else None,
    )
    _store(attachment, upload)
    return attachment


def write_file(
    case: Case, sender: User, attachment: Attachment, *, client_id: str, source: str = Message.Source.WEB
) -> tuple[Message, bool]:
    """Write a file that is stored into a case's conversation; one that is not needed is removed. As post_file."""
    with transaction.atomic():
        # Inside: what is raised here means that nothing was written. When the commit itself fails, it is unknown.
        try:
            message, created = write_message(
                case, sender, kind=Message.Kind.FILE, body=attachment.name, client_id=client_id, source=source
            )
            if created:
                if source == Message.Source.WEB:
                    limit_files(case, sender, attachment.size)  # now that the case is locked
                attachment.message = message
                attachment.save()
        except BaseException:
            remove(attachment)
            raise
    if not created:
        remove(attachment)
    return message, created


def _store(attachment: Attachment, upload: Upload) -> None:
    storage = attachment.file.storage
    name = f"{FOLDER}/{timezone.now():%Y%m}/{uuid4().hex}"
    contents: dict[str, File[bytes]] = {name: File(upload.file)}
    if upload.thumbnail:
        contents[name + THUMBNAIL_SUFFIX] = ContentFile(upload.thumbnail)
    # The names stand on the row before anything is written, so that also half a file can be removed.
    attachment.file, attachment.thumbnail = name, name + THUMBNAIL_SUFFIX if upload.thumbnail else ""
    try:
        for path, content in contents.items():
            storage.save(path, content)
            _to_disk(storage, path)
    except Exception as error:
        # The disk is full, or the object storage away.
        remove(attachment)
        logger.exception("a file cannot be stored")
        raise Unavailable(_("文件暂时无法保存，请稍后再试。")) from error
    except BaseException:
        remove(attachment)
        raise


def _to_disk(storage: Storage, name: str) -> None:
    """Have a local folder keep the file through a power cut, as the database keeps its row."""
    if not isinstance(storage, FileSystemStorage):
        return  # not a local folder
    path = Path(storage.path(name))
    for part in (path, path.parent, path.parent.parent):
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(attachment: Attachment) -> None:
    """Take a file that has no message out of the storage again."""
    for stored in (attachment.file, attachment.thumbnail):
        if stored:
            # What the storage does not delete now, clean_files deletes later.
            with suppress(Exception):
                stored.storage.delete(stored.name)
