"""Groups that only some teams see: one row for each team of a group; without a row nothing changes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("catalog", "0007_deletions"),
    ]

    operations = [
        migrations.CreateModel(
            name="TeamAccess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="team_accesses",
                        to="catalog.modelpackagegroup",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="auth.group"),
                ),
            ],
            options={
                "verbose_name": "team of a limited group",
                "verbose_name_plural": "teams of limited groups",
                "constraints": [models.UniqueConstraint(fields=("group", "team"), name="team_access_once")],
            },
        ),
        migrations.AddField(
            model_name="modelpackagegroup",
            name="teams",
            field=models.ManyToManyField(
                related_name="model_package_groups", through="catalog.TeamAccess", to="auth.group"
            ),
        ),
    ]
