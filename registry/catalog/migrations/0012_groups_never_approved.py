"""Groups that were never approved along their own order."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0011_names_of_any_region")]

    operations = [
        migrations.AddIndex(
            model_name="modelpackagegroup",
            index=models.Index(
                fields=["-updated_at", "-id"],
                condition=models.Q(deleted_at=None, approved_at=None),
                name="group_never_approved",
            ),
        ),
    ]
