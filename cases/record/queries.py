"""Queries for reading a case back: its files by kind, and the whole conversation in parts that fit into memory."""

from django.db.models import Count

from cases.models import Attachment, Case, Message
from cases.queries import page_of_messages, with_what_is_shown

FILES = 50  # on a page
# What one page for printing holds at most: nearly every conversation is one part. A page that held all of a very long
# one would keep a thread and its memory for as long as a slow client reads (docs/decisions/0020).
PART = 2_000  # messages
PART_CHARACTERS = 1_000_000
STEP = 100  # messages read at a time; by so many a part may exceed the characters


def files_of(case: Case, *, kind: str | None = None, before: int | None = None) -> tuple[list[Message], bool]:
    """Return up to FILES messages of a case that are files, newest first, and whether there are older ones.

    Without a `kind` (Attachment.Kind), recalled ones are among them; with one they are not, as it would tell their
    kind. `before`: a seq.
    """
    found = with_what_is_shown(case.messages.filter(kind=Message.Kind.FILE))
    if kind is not None:
        found = found.filter(attachment__kind=kind, recalled_at=None)
    if before is not None:
        found = found.filter(seq__lt=before)
    page = list(found.order_by("-seq")[: FILES + 1])
    return page[:FILES], len(page) > FILES


def count_files(case: Case) -> dict[str, int]:
    """Return how many files of each kind a case has, without recalled ones."""
    files = Attachment.objects.filter(
        message__case=case, message__kind=Message.Kind.FILE, message__recalled_at=None
    ).order_by()
    counted = dict(files.values_list("kind").annotate(Count("pk")))
    return {kind: counted.get(kind, 0) for kind in Attachment.Kind.values}


def part_of_conversation(case: Case, first: int = 1) -> tuple[list[Message], bool]:
    """Return the messages from the seq `first` on, as many as one part holds, and whether more follow."""
    taken: list[Message] = []
    characters, more = 0, True
    while more and len(taken) < PART and characters < PART_CHARACTERS:
        messages, more = page_of_messages(case, after=taken[-1].seq if taken else first - 1, limit=STEP)
        taken += messages
        characters += sum(len(message.body) for message in messages)
    return taken, more
