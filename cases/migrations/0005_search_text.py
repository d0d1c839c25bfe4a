from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import cases.models.search_text
from cases.models.search_text import search_text

BATCH = 1_000  # messages read and written at a time


def fold_what_is_there(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the messages written before their search text, in pieces that fit into memory."""
    messages: Any = apps.get_model("cases", "Message")._default_manager.using(schema_editor.connection.alias)
    last = 0
    while rows := list(
        messages.filter(pk__gt=last).order_by("pk").values_list("pk", "kind", "body", "recalled_at")[:BATCH]
    ):
        last = rows[-1][0]
        texts = [(search_text(kind, body, recalled=recalled is not None), pk) for pk, kind, body, recalled in rows]
        with schema_editor.connection.cursor() as cursor:
            cursor.executemany("UPDATE cases_message SET search = %s WHERE id = %s", [one for one in texts if one[0]])


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0004_plain_titles"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="search",
            field=cases.models.search_text.SearchText(db_default="", default="", editable=False),
        ),
        migrations.RunPython(fold_what_is_there, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("search", ""),
                    models.Q(("kind__in", ["text", "file"]), ("recalled_at__isnull", True)),
                    _connector="OR",
                ),
                name="message_found_while_it_stands",
            ),
        ),
    ]
