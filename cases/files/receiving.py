"""Receiving a file that came with a request of the website, for the message page and the JSON API alike."""

from allauth.core import ratelimit
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.translation import gettext as _

from cases.actions import sent_before
from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.limits import keep_disk_free, limit_files
from cases.models import Case, Message
from jiayi.errors import TooMany
from members.models import User

HOUR = 3600  # seconds


def receive_file(
    request: HttpRequest, case: Case, user: User, file: UploadedFile, client_id: str
) -> tuple[Message, bool]:
    """Check a file that came with a request and post it, as post_file does.

    Raises what read_upload, post_file and limit_files do, and TooMany when this person tried UPLOADS_PER_HOUR already.
    A repetition of what was taken is neither counted nor read again.
    """
    if message := sent_before(case, user, client_id):
        return message, False
    keep_disk_free()
    limit_files(case, user, file.size or 0)
    if not ratelimit.consume(request, action="upload", user=user):
        too_many = _("一小时内最多发送 %d 个文件，请过一会儿再试。") % settings.UPLOADS_PER_HOUR
        raise TooMany(too_many, retry_after=HOUR)
    upload = read_upload(file, file.name or "")
    return post_file(case, user, upload, client_id=client_id)
