"""The table of the sandbox's chats."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class SandboxMessage(models.Model):
    """One line of the stand-in's chats. Rows are only added: when a card changes, that is a row of kind card_update."""

    class Author(models.TextChoices):
        ROBOT = "robot"
        APP = "app"
        COLLEAGUE = "colleague"
        SANDBOX = "sandbox"  # a grey or red line that explains, as a system line of WeCom does

    # Whose chat with the app this is; empty: the group with the robot.
    userid = models.CharField(max_length=64, blank=True)
    author = models.CharField(max_length=9, choices=Author)
    # WeCom's msgtype, or: event, outcome, dropped, card_update.
    kind = models.CharField(max_length=40)
    text = models.TextField(blank=True)
    # The card's task_id or the medium's media_id, by which the API finds it again.
    handle = models.CharField(max_length=128, blank=True, db_index=True)
    # What the site sent ("request"), what went to the callback ("plaintext"), or the result of that.
    raw = models.JSONField(default=dict)
    # WeCom's answer to the site; empty where the site asked nothing.
    errcode = models.IntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(author__in=["robot", "app", "colleague", "sandbox"]), name="sandbox_author_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.userid or 'group'}: {self.kind}"
