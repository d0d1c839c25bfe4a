"""The exception handler of all JSON views."""

import errno
import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from jiayi.errors import Conflict, Gone, InvalidInput, TooMany, Unavailable
from jiayi.uploads import UploadTooLarge

STATUS = {Conflict: 409, TooMany: 429, Unavailable: 503}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

logger = logging.getLogger("jiayi.files")
database_logger = logging.getLogger("jiayi.database")


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn the domain's refusals into JSON `{"detail": …}`; a 404 does not say why."""
    if isinstance(error, InvalidInput):
        error = exceptions.ValidationError({"detail": error.message})
    elif isinstance(error, Conflict | TooMany | Unavailable):
        wait = getattr(error, "retry_after", 0)
        headers = {"Retry-After": str(wait)} if wait else None
        return Response({"detail": error.message}, status=STATUS[type(error)], headers=headers)
    elif isinstance(error, OSError) and error.errno in DISK_FULL:
        # While a large file is received; what was received of it is gone with the request.
        logger.error("the disk for files being received is full: %s", error.strerror)
        return Response({"detail": _("文件暂时无法保存，请稍后再试。")}, status=503)
    elif isinstance(error, OperationalError | InterfaceError):
        # Away, or held by others for longer than a person waits: the page sends it again, with the same client_id.
        database_logger.error("the database does not answer: %s", type(error).__name__)
        return Response({"detail": _("网站正忙，请稍后再试。")}, status=503, headers={"Retry-After": "2"})
    elif isinstance(error, RequestDataTooBig):
        detail = str(error) if isinstance(error, UploadTooLarge) else _("内容太大。")
        return Response({"detail": detail}, status=413)
    elif isinstance(error, Gone):
        error = exceptions.NotFound(_("没有找到。"))
    elif isinstance(error, UnicodeDecodeError | RecursionError | SuspiciousOperation | UnreadablePostError):
        # Bytes that are not UTF-8, JSON nested a thousand deep, too many parts, a connection lost while sending.
        error = exceptions.ParseError(_("无法读取请求内容。"))
    response = drf_exception_handler(error, context)
    if response is not None and response.status_code == 404:
        response.data = {"detail": _("没有找到。")}
    return response
