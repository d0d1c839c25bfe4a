from django.dispatch import Signal

# Sent inside the transaction that approved, rejected or suspended an advisor.
# Arguments: advisor (Advisor, after the change), before (the status it had), by (User)
advisor_reviewed = Signal()
