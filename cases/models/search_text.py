"""The search text of a message: its folded body, written whenever the message is."""

from typing import Any

from django.db import models

from jiayi.folding import fold

# Of the folded text, which may be far longer than the text (U+FDFA becomes eighteen characters): what is stored and
# found. Three characters for each one allowed in a message, so that no real text is cut: Korean,
# the longest, takes three for a syllable.
MAX_SEARCHED = 15_000
# A new kind of message is not found until it is added here.
SEARCHED_KINDS = ("text", "file")


def search_text(kind: str, body: str, *, recalled: bool) -> str:
    """Return what a message is found by; nothing for what the system says and what was taken back."""
    return fold(body)[:MAX_SEARCHED] if kind in SEARCHED_KINDS and not recalled else ""


class SearchText(models.TextField):  # type: ignore[type-arg]  # not at run time
    """A column computed from the row's other fields whenever it is written, by save or bulk_create alike.

    Message.objects leaves it out when it reads: saving such a row writes it only when `update_fields` names it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"default": "", "db_default": "", "editable": False, **kwargs})

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Fold the body as it is stored at this moment."""
        row: Any = model_instance
        text = search_text(row.kind, row.body, recalled=row.recalled_at is not None)
        setattr(row, self.attname, text)
        return text
