"""Saving a row that passes its validation."""

from django.db import IntegrityError, models, transaction


def save_valid(row: models.Model, *, fields: list[str] | None = None) -> None:
    """Check a row against all rules and save it (of an existing one only `fields`).

    Raises django's ValidationError, also when a unique value was taken between the check and the save.
    """
    row.full_clean()
    try:
        with transaction.atomic():
            row.save(update_fields=fields)
    except IntegrityError:
        row.full_clean()  # sees the row that was faster, and says what is taken
        raise
