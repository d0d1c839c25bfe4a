from typing import Any

from django.db import migrations, models

NEWS = ["member_registered", "advisor_applied", "advisor_reviewed"]
ASSIGNMENTS = ["case_assigned", "case_taken"]


def set_priorities(apps: Any, _editor: Any) -> None:
    """Give the rows there are the priority of their event."""
    rows = apps.get_model("wecom", "Notification").objects
    rows.filter(event__in=ASSIGNMENTS).update(priority=2)
    rows.filter(event__in=NEWS).update(priority=3)


class Migration(migrations.Migration):
    dependencies = [("wecom", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="notification", name="notification_due"),
        migrations.AddField(
            model_name="notification",
            name="priority",
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
        migrations.RunPython(set_priorities, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["state", "channel", "priority", "due_at"], name="notification_turn"),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=models.Q(event__in=NEWS, priority=3)
                | models.Q(event__in=ASSIGNMENTS, priority=2)
                | ~models.Q(event__in=[*NEWS, *ASSIGNMENTS]) & models.Q(priority=1),
                name="notification_priority_of_its_event",
            ),
        ),
    ]
