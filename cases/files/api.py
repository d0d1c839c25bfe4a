"""Serving the bytes of a file, to people who may see its message now, in such a way that no browser runs them."""

import logging
import re
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.queries import attachment_for
from jiayi.errors import Gone, Unavailable
from members.requests import SignedInRequest

logger = logging.getLogger("jiayi.files")

RANGE = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))")
THUMBNAIL_TYPE = "image/webp"
HEADERS = {
    # Were it ever opened as a page: no script, no form, no plugin, an origin of its own.
    "Content-Security-Policy": "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Part:
    """`length` bytes of a stored file from `start` on, for FileResponse; opened when the first are read."""

    def __init__(self, stored: FieldFile, start: int, length: int) -> None:
        self.stored, self.start, self.left = stored, start, length
        self.opened = False

    def read(self, size: int) -> bytes:
        if not self.opened:
            self.stored.open("rb").seek(self.start)
            self.opened = True
        data: bytes = self.stored.read(min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        if self.opened:
            self.stored.close()


class PartResponse(FileResponse):
    # Bytes at a time. The bridge to the event loop queues ten of them, so that most files free their thread at once.
    block_size = 256 * 1024


class FileBytes(APIView):
    """GET and HEAD of the original: always a download, with Range, ETag and, if configured, X-Accel-Redirect."""

    def get(self, request: SignedInRequest, key: UUID) -> HttpResponseBase:
        found = attachment_for(request.user, key)
        disposition = content_disposition_header(True, found.name)
        # Not kept on the disk of a computer that others use; a thumbnail may stay until its reader signs out.
        return _bytes(request, found.file, f'"{found.sha256}"', found.content_type, disposition, kept="no-store")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Another site must not show or measure them; none: typed by hand, or a browser that does not say.
        if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
            raise PermissionDenied
        super().initial(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # <img> and <audio> accept other types than the JSON of a refusal; what is found is sent all the same.
        return super().perform_content_negotiation(request, force=True)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        for name, value in HEADERS.items():
            final.headers[name] = value
        return final


class Thumbnail(FileBytes):
    """GET and HEAD of an image's thumbnail, which is our own re-encoding and may be shown inline."""

    def get(self, request: SignedInRequest, key: UUID) -> HttpResponseBase:
        found = attachment_for(request.user, key)
        if not found.thumbnail:
            raise Gone(_("没有找到。"))
        return _bytes(request, found.thumbnail, f'"{found.sha256}-thumbnail"', THUMBNAIL_TYPE, "inline")


def _bytes(
    request: SignedInRequest,
    stored: FieldFile,
    etag: str,
    content_type: str,
    disposition: str | None,
    kept: str = "no-cache",
) -> HttpResponseBase:
    """Answer with a stored file or the part of it that was asked for. The right to see it was checked.

    By default it is kept by the browser only, and asked for again each time: a right that ended is noticed.
    """
    headers = {"ETag": etag, "Cache-Control": f"private, {kept}"}
    response = get_conditional_response(request._request, etag=etag, response=HttpResponse(headers=headers))
    if response is not None and response.status_code != 200:
        return response
    headers |= {"Accept-Ranges": "bytes", "Content-Disposition": disposition or "attachment"}
    if settings.FILES_ACCEL_PREFIX:
        headers["X-Accel-Redirect"] = settings.FILES_ACCEL_PREFIX + quote(stored.name or "")
        return HttpResponse(content_type=content_type, headers=headers)
    status, start, length = _range(request, size := _size(stored), etag)
    headers["Content-Length"] = str(length)
    if status != 200:
        headers["Content-Range"] = f"bytes {f'{start}-{start + length - 1}' if length else '*'}/{size}"
    if request.method == "HEAD" or not length:
        return HttpResponse(status=status, content_type=content_type, headers=headers)
    return PartResponse(Part(stored, start, length), status=status, content_type=content_type, headers=headers)


def _size(stored: FieldFile) -> int:
    """Return the size of a stored file in bytes. Raises Gone when it is missing, Unavailable when the storage fails."""
    try:
        return stored.size
    except FileNotFoundError:
        logger.error("a file is missing in the storage: %s (manage.py clean_files --check)", stored.name)
        raise Gone(_("没有找到。")) from None
    except Exception as error:
        logger.exception("the storage cannot be read")
        raise Unavailable(_("文件暂时无法读取，请稍后再试。")) from error


def _range(request: SignedInRequest, size: int, etag: str) -> tuple[int, int, int]:
    """Return status, first byte and length of what is asked for: 206 one part of it, 416 none, else 200 and all."""
    said = RANGE.fullmatch(request.headers.get("Range", ""))
    # Several parts are answered with the whole file, as HTTP allows: no player asks for them.
    if said is None or request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return 200, 0, size
    if said["suffix"]:
        start, end = max(size - int(said["suffix"]), 0), size - 1
    else:
        start, end = int(said["first"]), min(int(said["last"] or size), size - 1)
        if said["last"] and int(said["last"]) < start:
            return 200, 0, size  # ends before it begins
    return (206, start, end - start + 1) if start < size else (416, 0, 0)
