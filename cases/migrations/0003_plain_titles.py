from django.db import migrations, models

from jiayi.plaintext import one_line


def clean(apps, schema_editor):
    """Bring what was written before into the form in which names and titles are kept now."""
    for row in apps.get_model("cases", "Case").objects.only("title").iterator():
        if row.title != (line := one_line(row.title) or "未命名"):
            row.title = line
            row.save(update_fields=["title"])


class Migration(migrations.Migration):
    dependencies = [
        ("advisors", "0002_initial"),
        ("cases", "0002_initial"),
        ("members", "0002_plain_names"),
    ]

    operations = [
        # File names never held any of these: they were taken out when the file was sent.
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__contains", "\u061c"), _negated=True),
                    models.Q(("name__contains", "\u200b"), _negated=True),
                    models.Q(("name__contains", "\u200e"), _negated=True),
                    models.Q(("name__contains", "\u200f"), _negated=True),
                    models.Q(("name__contains", "\u2028"), _negated=True),
                    models.Q(("name__contains", "\u2029"), _negated=True),
                    models.Q(("name__contains", "\u202a"), _negated=True),
                    models.Q(("name__contains", "\u202b"), _negated=True),
                    models.Q(("name__contains", "\u202c"), _negated=True),
                    models.Q(("name__contains", "\u202d"), _negated=True),
                    models.Q(("name__contains", "\u202e"), _negated=True),
                    models.Q(("name__contains", "\u2060"), _negated=True),
                    models.Q(("name__contains", "\u2066"), _negated=True),
                    models.Q(("name__contains", "\u2067"), _negated=True),
                    models.Q(("name__contains", "\u2068"), _negated=True),
                    models.Q(("name__contains", "\u2069"), _negated=True),
                    models.Q(("name__contains", "\ufeff"), _negated=True),
                    models.Q(("name__contains", "\n"), _negated=True),
                    models.Q(("name__contains", "\r"), _negated=True),
                ),
                name="attachment_name_is_plain",
            ),
        ),
        migrations.RunPython(clean, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("title__contains", "\u061c"), _negated=True),
                    models.Q(("title__contains", "\u200b"), _negated=True),
                    models.Q(("title__contains", "\u200e"), _negated=True),
                    models.Q(("title__contains", "\u200f"), _negated=True),
                    models.Q(("title__contains", "\u2028"), _negated=True),
                    models.Q(("title__contains", "\u2029"), _negated=True),
                    models.Q(("title__contains", "\u202a"), _negated=True),
                    models.Q(("title__contains", "\u202b"), _negated=True),
                    models.Q(("title__contains", "\u202c"), _negated=True),
                    models.Q(("title__contains", "\u202d"), _negated=True),
                    models.Q(("title__contains", "\u202e"), _negated=True),
                    models.Q(("title__contains", "\u2060"), _negated=True),
                    models.Q(("title__contains", "\u2066"), _negated=True),
                    models.Q(("title__contains", "\u2067"), _negated=True),
                    models.Q(("title__contains", "\u2068"), _negated=True),
                    models.Q(("title__contains", "\u2069"), _negated=True),
                    models.Q(("title__contains", "\ufeff"), _negated=True),
                    models.Q(("title__contains", "\n"), _negated=True),
                    models.Q(("title__contains", "\r"), _negated=True),
                ),
                name="case_title_is_plain",
            ),
        ),
    ]
