"""Signals of advisors, which `wecom` listens to (docs/signals.md)."""

from django.dispatch import Signal

# Sent inside the transaction that approved, rejected or suspended an advisor.
# Arguments: advisor (Advisor, after the change), before (the status it had), by (User)
advisor_reviewed = Signal()

# Sent inside the transaction that bound an advisor to another WeCom account, or to none.
# Arguments: advisor (Advisor, after the change)
wecom_account_changed = Signal()

# Sent inside the transaction that changed when an advisor is reached: away, hours, quiet hours, plain text.
# Arguments: advisor (Advisor, after the change)
availability_changed = Signal()
