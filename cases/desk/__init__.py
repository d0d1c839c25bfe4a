"""The advisor's desk: notes, hand-overs, canned replies and the filters of the list, none of which a member sees.

Imported by the message page (`panel`, `filters`), the demo and the tests; by `live` for the JSON of a note.
"""
