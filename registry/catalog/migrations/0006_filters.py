"""Metrics are found by name and value, checks by name and state: filters read a range of an index, not the table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_reviewing")]

    operations = [
        migrations.RemoveIndex(model_name="metric", name="metric_find"),
        migrations.AddIndex(
            model_name="metric", index=models.Index(fields=["name", "value", "package"], name="metric_find")
        ),
        migrations.AddIndex(
            model_name="check", index=models.Index(fields=["name", "state", "package"], name="check_find")
        ),
    ]
