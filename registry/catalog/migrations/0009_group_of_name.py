"""Groups by region and name, deleted ones too: what an open page asks for every few seconds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_teams")]

    operations = [
        migrations.AddIndex(
            model_name="modelpackagegroup",
            index=models.Index(fields=["region", "name", "-id"], name="group_of_name"),
        ),
    ]
