"""Filter `{{ message.created_at|moment|date:"H:i" }}`: templates read the API's JSON, whose times are text."""

from datetime import datetime

from django import template

register = template.Library()


@register.filter
def moment(iso: str) -> datetime:
    """Return a time of the JSON API as a datetime, which filters like `date` can format."""
    return datetime.fromisoformat(iso)
