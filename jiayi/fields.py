"""Fields of models and forms for names and titles (jiayi/plaintext.py), and for longer texts of forms."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from jiayi.plaintext import one_line

HOPELESS = 5_000  # characters; no name or title is as long, even before one_line()
# What the database itself refuses in a name: that which changes how the rest of the line is read, or breaks it.
BARRED = "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\n\r"


if TYPE_CHECKING:  # at runtime Django's fields are not generic
    from django.db.models.expressions import Combinable

    CharField = models.CharField[str | int | Combinable, str]
else:
    CharField = models.CharField


class LineField(CharField):
    """A name or title. What is stored is one_line() of it, however it is written (save, update, bulk_create)."""

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return one_line(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return one_line(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)  # the row in memory has the stored value too
        return value

    def formfield(self, form_class: Any = None, choices_form_class: Any = None, **kwargs: Any) -> Any:
        kwargs |= {"form_class": form_class or LineFormField, "choices_form_class": choices_form_class}
        return super().formfield(**kwargs)

    def deconstruct(self) -> Any:
        # To migrations it is what the database sees.
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class LineFormField(forms.CharField):
    """The form field of a LineField: required and max_length apply to what would be stored."""

    def to_python(self, value: Any) -> str:
        value = super().to_python(value) or ""
        # Validators refuse a NUL and what is too long; one_line() would take long for the latter.
        return value if "\0" in value or len(value) > HOPELESS else one_line(value)


class TextFormField(forms.CharField):
    """A text of several lines; a line end counts as one character. The browser cuts nothing off, the limit is shown."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        attrs = {name: value for name, value in super().widget_attrs(widget).items() if name != "maxlength"}
        if self.max_length:
            # js/lib/limit.js says these near the limit and over it.
            attrs["data-limit"] = self.max_length
            attrs |= {"data-left": _("还剩 {n} 字"), "data-over": _("超出 {n} 字，请删减")}
        return attrs


def plain(fields: Iterable[str], name: str) -> models.CheckConstraint:
    """Return the rule that none of these fields holds one of BARRED."""
    barred = [models.Q((f"{field}__contains", character)) for field in fields for character in BARRED]
    condition = models.Q(*[~one for one in barred])
    return models.CheckConstraint(condition=condition, name=name)
