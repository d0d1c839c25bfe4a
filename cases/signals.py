"""Signals of cases, which `wecom` listens to (docs/signals.md)."""

from django.dispatch import Signal

# All are sent inside the transaction of the change they tell about, while the case's row is locked.

# Arguments: case (Case, after the change), before (Advisor or None), after (Advisor or None), by (User or None)
advisor_assigned = Signal()

# Arguments: message (Message, as it stands now), by (User)
message_recalled = Signal()

# A new message needs no signal of its own: it is the post_save (created) of cases.Message.
