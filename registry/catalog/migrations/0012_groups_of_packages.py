"""Groups that were never approved along their own order; the groups of many packages from an index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_names_of_any_region")]

    operations = [
        migrations.AddIndex(
            model_name="modelpackage",
            index=models.Index(
                fields=["id"], include=["group"], condition=models.Q(deleted_at=None), name="package_group_of_id"
            ),
        ),
        migrations.AddIndex(
            model_name="modelpackagegroup",
            index=models.Index(
                fields=["-updated_at", "-id"],
                condition=models.Q(deleted_at=None, approved_at=None),
                name="group_never_approved",
            ),
        ),
    ]
