from django.db import migrations, models

from jiayi.plaintext import one_line


def clean(apps, schema_editor):
    """Bring what was written before into the form in which names and titles are kept now."""
    for row in apps.get_model("members", "User").objects.only("name").iterator():
        if row.name != (line := one_line(row.name) or "未命名"):
            row.name = line
            row.save(update_fields=["name"])


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("members", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="email",
            field=models.EmailField(
                error_messages={
                    "invalid": "邮箱好像不完整，例如 name@qq.com。",
                    "unique": "该邮箱已注册，请直接登录。",
                },
                max_length=254,
                unique=True,
                verbose_name="邮箱",
            ),
        ),
        migrations.RunPython(clean, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="user",
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
                name="user_name_is_plain",
            ),
        ),
    ]
