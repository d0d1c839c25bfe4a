"""`{{ title|isolated }}`: what somebody wrote, set apart from what follows, where there is no place for a <bdi>."""

from django import template

from jiayi import plaintext

register = template.Library()


@register.filter
def isolated(text: object) -> str:
    """Return the text as jiayi.plaintext.isolated does; it is still escaped."""
    return plaintext.isolated(str(text))
