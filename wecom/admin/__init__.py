"""The administrators' pages of the bridge. Django imports this package; importing its modules registers the pages."""

from wecom.admin import checkup, inbound, notifications

__all__ = ["checkup", "inbound", "notifications"]
