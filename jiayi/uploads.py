"""Upload handlers that limit the size of files, for every page alike: Django itself takes files of any size."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler
from django.utils.translation import gettext as _

# Of a body that is too large, so much is read (and thrown away) that the browser gets to see the answer.
PATIENCE = 4  # times the limit


class UploadTooLarge(RequestDataTooBig):
    """More than UPLOAD_MAX_MB; its text is for the person. Pages answer 400, the API 413."""


def max_upload_bytes() -> int:
    """Return the limit in bytes."""
    return int(settings.UPLOAD_MAX_MB) * 1024 * 1024


def too_large() -> str:
    """Return what to tell a person whose file is over the limit."""
    return _("文件最大 %d MB。") % settings.UPLOAD_MAX_MB


class LimitUploads(FileUploadHandler):
    """The first of FILE_UPLOAD_HANDLERS: passes on no more than UPLOAD_MAX_MB, all files of a request together.

    Raises UploadTooLarge when the over-long file is at its end, or at once when the body is hopelessly large.
    """

    received = 0  # bytes of files so far

    def handle_raw_input(self, input_data: Any, META: dict[str, str], content_length: int, *rest: Any) -> None:
        if content_length > PATIENCE * max_upload_bytes():
            raise UploadTooLarge(too_large())

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.received += len(raw_data)
        return raw_data if self.received <= max_upload_bytes() else None

    def file_complete(self, file_size: int) -> UploadedFile | None:
        if self.received > max_upload_bytes():
            raise UploadTooLarge(too_large())
        return None


class TemporaryUploads(TemporaryFileUploadHandler):
    """Django's handler, but an incomplete file is closed and deleted at once, not by the garbage collector."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            self.file.close()
            raise
