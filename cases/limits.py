"""Limits of what one person may send, so that no one person can stop the site (docs/decisions/0013-limits.md).

Counted from the rows themselves, so that it holds across processes; only searches, which write none, are counted in the
cache. What WeCom brings is never refused by any of this.
"""

import functools
import shutil
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.actions import sent_before
from cases.models import Attachment, Case, Message
from jiayi.errors import TooMany, Unavailable
from jiayi.statements import given, kept
from members.models import User

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MB = 1024 * 1024
FULL_FOR = 600  # seconds after which a full disk is worth another try
ALL_FILES_FOR = 300  # seconds for which the sum of all files is believed


def limit_posts(case: Case, user: User, client_id: str) -> None:
    """Raise TooMany when a person sends more than POSTS_PER_MINUTE; repeating an accepted message does not count."""
    since = timezone.now() - MINUTE
    first = _of_the_last(settings.POSTS_PER_MINUTE).first(sender=user.pk, since=since)
    if first is None or sent_before(case, user, client_id):
        return
    wait = max(1, round((first.created_at - since).total_seconds()))
    raise TooMany(_("发送得太快了，请过一分钟再发送。"), retry_after=wait)


@functools.cache
def _of_the_last(posts: int) -> kept[Message]:
    """Return the query of the first of a person's so many last messages on the website."""

    def sent() -> QuerySet[Message]:
        since = Message.objects.filter(sender=given("sender"), created_at__gt=given("since"), source=Message.Source.WEB)
        return since.only("created_at").order_by("-created_at")[posts - 1 : posts]

    return kept(sent)


def limit_searches(user: User) -> None:
    """Raise TooMany when a person searches more than SEARCHES_PER_MINUTE."""
    key = f"searches:{user.pk}:{int(timezone.now().timestamp() // 60)}"
    count = cache.get(key, 0)
    if count >= settings.SEARCHES_PER_MINUTE:  # a refused one writes nothing
        raise TooMany(_("搜索得太频繁了，请过一分钟再试。"), retry_after=60)
    cache.set(key, count + 1, 120)


def limit_files(case: Case, user: User, size: int) -> None:
    """Raise TooMany when a file of `size` bytes would be more than this person's day, the case, or the site may hold.

    Asked again, with the case's row locked, when the file is written (file_actions.write_file).
    """
    files = Attachment.objects.filter(message__kind=Message.Kind.FILE)
    today = files.filter(message__sender=user, message__created_at__gt=timezone.now() - DAY)
    if _bytes(today) + size > settings.UPLOAD_MB_PER_DAY * MB:
        raise TooMany(_("一天内最多发送 %d MB 的文件，请明天再发送其余的。") % settings.UPLOAD_MB_PER_DAY)
    if _bytes(files.filter(message__case=case)) + size > settings.UPLOAD_MB_PER_CASE * MB:
        raise TooMany(_("这个案件的文件已满 %d MB，请联系您的顾问。") % settings.UPLOAD_MB_PER_CASE)
    if settings.UPLOAD_MB_IN_ALL and _bytes_of_all() + size > settings.UPLOAD_MB_IN_ALL * MB:
        raise Unavailable(_("网站的文件空间已满，管理员会处理；请过一天再发送。"), retry_after=24 * 3600)


def keep_disk_free() -> None:
    """Raise Unavailable when files being received leave less than UPLOAD_MIN_FREE_MB: WeCom's answers need the disk."""
    folders = {Path(settings.VAR_DIR), Path(settings.MEDIA_ROOT)}
    # One that is not there yet will lie on the disk of the folder above.
    there = [next(one for one in (folder, *folder.parents) if one.exists()) for folder in map(Path.absolute, folders)]
    free = min(shutil.disk_usage(folder).free for folder in there)
    if free < settings.UPLOAD_MIN_FREE_MB * MB:
        raise Unavailable(_("文件暂时无法保存，请稍后再试。"), retry_after=FULL_FOR)


def _bytes(files: QuerySet[Attachment]) -> int:
    return files.aggregate(sum=Sum("size"))["sum"] or 0


def _bytes_of_all() -> int:
    """Return the size of all files together, cached: it need not be exact, and the sum reads every row."""
    return cache.get_or_set("files:bytes", lambda: _bytes(Attachment.objects.all()), ALL_FILES_FOR) or 0
