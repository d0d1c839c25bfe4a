"""When and in which language a member last used the website, by what they did on it; an open tab does not count."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import get_language

from members.models import Member, User

WRITE_EVERY = timedelta(seconds=60)


def note_member_active(user: User) -> None:
    """Note that this person, if a member, does something on the website now, in the language of the request."""
    member: Member | None = getattr(user, "member", None)
    if member is None:
        return
    now, language = timezone.now(), get_language() or ""
    stale = member.last_active_at is None or member.last_active_at < now - WRITE_EVERY
    if stale or member.language != language:
        Member.objects.filter(pk=member.pk).update(last_active_at=now, language=language)
