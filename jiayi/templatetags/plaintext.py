"""Filter `{{ title|isolated }}`: a name or title kept apart from the text after it, where no <bdi> can stand."""

from django import template

from jiayi import plaintext

register = template.Library()


@register.filter
def isolated(text: object) -> str:
    """Return the text as jiayi.plaintext.isolated does; it is still escaped."""
    return plaintext.isolated(str(text))
