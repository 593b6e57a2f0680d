"""Unversioned packages by the beginning of their name, in whichever region."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_newest_versions")]

    operations = [
        migrations.RemoveConstraint(model_name="modelpackage", name="package_name_unique_among_live"),
        migrations.AddConstraint(
            model_name="modelpackage",
            constraint=models.UniqueConstraint(
                fields=["name", "region"],
                condition=models.Q(name__isnull=False, deleted_at=None),
                name="package_name_unique_among_live",
            ),
        ),
    ]
