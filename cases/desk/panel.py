"""The panel beside the conversation that only the case's advisor sees: what its template is given."""

from cases.desk.forms import HandOverForm, NoteForm
from cases.desk.queries import other_cases, page_of_notes
from cases.models import Case

NOTES = 30  # that are shown at first


def desk_context(
    case: Case,
    *,
    before: int | None = None,
    note_form: NoteForm | None = None,
    hand_over_form: HandOverForm | None = None,
) -> dict[str, object]:
    """Return what templates/cases/_desk.html shows of a case to its follow-up advisor. Four queries."""
    notes, has_older = page_of_notes(case, before=before, limit=NOTES)
    return {
        "case": case,
        "notes": notes[::-1],
        "has_older_notes": has_older,
        "others": other_cases(case),
        "note_form": note_form or NoteForm(auto_id="note_%s"),
        "hand_over_form": hand_over_form or HandOverForm(case, auto_id="hand_over_%s"),
    }
