"""`manage.py clean_files`: removes stored files that no row names, and names rows whose file is missing."""

import hashlib
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from cases.files.actions import FOLDER, THUMBNAIL_SUFFIX
from cases.models import Attachment

KEPT = timedelta(days=1)  # a younger file's row may not be committed yet
BATCH = 500


class Command(BaseCommand):
    help = "Remove stored files, older than a day, that belong to no message: what a crash while sending left behind."

    def add_arguments(self, parser: ArgumentParser) -> None:
        text = "remove nothing; read every file and report messages whose file is missing or altered"
        parser.add_argument("--check", action="store_true", help=text)

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        if not check:
            removed = list(orphans())
            for name in removed:
                default_storage.delete(name)
            self.stdout.write(f"{len(removed)} removed")
            return
        found = 0
        for attachment, problem in damaged():
            found += 1
            # Not its name: that is the client's.
            self.stdout.write(f"message {attachment.message_id}, {attachment.file.name}: {problem}")
        if found:
            raise CommandError(f"{found} damaged: restore them from the backup")
        self.stdout.write("every file is there, as it was sent")


def orphans() -> Iterator[str]:
    """Yield the names of stored files older than a day that no message has."""
    names = _old_files(FOLDER)
    while batch := list(islice(names, BATCH)):
        # A thumbnail is called after its file.
        owners = {name.removesuffix(THUMBNAIL_SUFFIX) for name in batch}
        known = set(Attachment.objects.filter(file__in=owners).values_list("file", flat=True))
        yield from (name for name in batch if name.removesuffix(THUMBNAIL_SUFFIX) not in known)


def damaged() -> Iterator[tuple[Attachment, str]]:
    """Yield every attachment whose bytes are not what was sent, with the reason."""
    for attachment in Attachment.objects.order_by("pk").iterator(BATCH):
        try:
            if _sha256(attachment.file) != attachment.sha256:
                yield attachment, "altered"
            elif attachment.thumbnail and not attachment.thumbnail.storage.exists(attachment.thumbnail.name):
                yield attachment, "thumbnail missing"
        except FileNotFoundError:
            yield attachment, "missing"


def _sha256(stored: FieldFile) -> str:
    digest = hashlib.sha256()
    with stored.open("rb") as file:
        for chunk in file.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def _old_files(folder: str) -> Iterator[str]:
    before = timezone.now() - KEPT
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return  # nothing was ever sent
    for name in files:
        path = f"{folder}/{name}"
        if default_storage.get_modified_time(path) < before:
            yield path
    for inner in folders:
        yield from _old_files(f"{folder}/{inner}")
