"""The strips of the index from an index alone: what they show of the newest versions of each group."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0009_group_of_name")]

    operations = [
        migrations.AddIndex(
            model_name="modelpackage",
            index=models.Index(fields=["group", "-version", "deleted_at", "approval_status"], name="package_newest"),
        ),
    ]
