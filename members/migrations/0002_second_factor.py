from django.db import migrations


class Migration(migrations.Migration):
    """A proxy of a table that refers to the account: it cannot be made together with the account."""

    initial = True
    dependencies = [
        ("members", "0001_initial"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        migrations.CreateModel(
            name="SecondFactor",
            fields=[],
            options={
                "verbose_name": "两步验证",
                "verbose_name_plural": "两步验证",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("mfa.authenticator",),
        ),
    ]
