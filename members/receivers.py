"""Receivers that end a person's live streams when their sessions end."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from jiayi.bus import publish
from members.models import Session, User
from members.sessions import end_sessions


def connect() -> None:
    """Connect the receivers. Called once from MembersConfig.ready()."""
    post_delete.connect(on_session_ended, sender=Session, dispatch_uid="members.session")
    post_save.connect(on_account_saved, sender=User, dispatch_uid="members.account")


def on_session_ended(*, instance: Session, **kwargs: Any) -> None:
    """End the streams of a session that was signed out; not of one that had expired (`clearsessions`)."""
    if instance.user_id is not None and instance.expire_date > timezone.now():
        publish({"type": "revoked", "user": instance.user_id})


def on_account_saved(
    *, instance: User, created: bool, update_fields: frozenset[str] | None = None, **kwargs: Any
) -> None:
    """End the sessions of a deactivated account, and the streams after that or a new password."""
    if not created and (update_fields is None or update_fields & {"is_active", "password"}):
        if not instance.is_active:
            end_sessions(instance)
        publish({"type": "revoked", "user": instance.pk})
