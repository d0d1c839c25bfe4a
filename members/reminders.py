"""Switching a member's e-mail reminders off by the link in an e-mail, without signing in (RFC 8058)."""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from members.models import Member

_signer = Signer(salt="members.reminders")


def switch_off_url(member: Member) -> str:
    """Return the address that can do nothing but switch this member's reminders off."""
    return settings.SITE_URL + reverse("reminders-off", args=[_signer.sign(str(member.pk))])


def member_of(token: str) -> Member | None:
    """Return whose reminders a token of switch_off_url is about, or None when it is not one of ours."""
    try:
        pk = _signer.unsign(token)
    except BadSignature:
        return None
    return Member.objects.filter(pk=pk).first()
