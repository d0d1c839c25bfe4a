"""System checks of the settings of files. Ids are stable."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from cases.files.uploads import TYPES


@register(deploy=True)
def check_upload_types(**kwargs: Any) -> list[CheckMessage]:
    known = {one.name for one in TYPES}
    unknown = [name[:20] for name in settings.UPLOAD_TYPES if name not in known]
    if not unknown:
        return []
    hint = f"The names are {', '.join(sorted(known))}."
    return [Error(f"UPLOAD_TYPES names unknown kinds: {', '.join(unknown)}.", hint=hint, id="cases.E001")]
