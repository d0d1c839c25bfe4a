"""`{{ page|first_data:"page" }}`: json_script for much text. Letters stay letters: escaped, Chinese weighs double."""

from typing import Any

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import json_script

register = template.Library()


class Compact(DjangoJSONEncoder):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False, "separators": (",", ":")})


@register.filter
def first_data(value: object, element_id: str) -> str:
    """Give the script element; `<`, `>` and `&` are escaped in it."""
    return json_script(value, element_id, encoder=Compact)
