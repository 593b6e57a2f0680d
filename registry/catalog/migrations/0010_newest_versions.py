"""The strips of the index from an index alone, and so the versions of a status."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_group_of_name")]

    operations = [
        migrations.AddIndex(
            model_name="modelpackage",
            index=models.Index(fields=["group", "-version", "deleted_at", "approval_status"], name="package_newest"),
        ),
        migrations.RemoveIndex(model_name="modelpackage", name="package_group_status"),
        migrations.AddIndex(
            model_name="modelpackage",
            index=models.Index(
                fields=["group", "approval_status", "-version", "deleted_at"], name="package_group_status"
            ),
        ),
    ]
