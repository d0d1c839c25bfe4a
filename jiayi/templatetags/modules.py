"""Tag `{% modulepreload "js/pages/messages.js" %}`: links by which the browser fetches a script's modules all at once.

Without them it finds each module only after it has read the one that imports it: on a slow line, a round trip each.
"""

import posixpath
import re
from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join

register = template.Library()

_IMPORT = re.compile(r"""^(?:import|export)\b[^"';]*?["'](\.\.?/[\w./-]+\.js)["']""", re.MULTILINE)


@register.simple_tag
def modulepreload(name: str) -> str:
    """Give a link for each module that the static file `name` imports, directly or not."""
    modules = imported(name) if settings.DEBUG else _imported_once(name)
    return format_html_join("\n  ", '<link rel="modulepreload" href="{}">', ((static(one),) for one in modules))


def imported(name: str) -> list[str]:
    """Return the static names of all modules that `name` imports, directly or not, without itself."""
    found = [name]
    for one in found:
        folder = one.rpartition("/")[0]
        imports = (posixpath.normpath(f"{folder}/{other}") for other in _IMPORT.findall(_source(one)))
        found += [other for other in dict.fromkeys(imports) if other not in found]
    return found[1:]


_imported_once = cache(imported)


def _source(name: str) -> str:
    path = finders.find(name)
    if not path:
        raise FileNotFoundError(f"no static file {name}")
    return Path(path).read_text(encoding="utf-8")
