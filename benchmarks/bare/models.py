"""A table of messages, as bare as can be."""

from typing import ClassVar

from django.db import models


class Row(models.Model):
    """What the bare view writes."""

    body = models.TextField()

    objects: ClassVar[models.Manager["Row"]] = models.Manager()

    class Meta:
        app_label = "bare"

    def __str__(self) -> str:
        return str(self.pk)
