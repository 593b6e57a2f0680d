"""The events of a group that are of none of its versions, for the group as it stood at a moment."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0002_fill_feeds")]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("group_id__isnull", False), ("package_id__isnull", True)),
                fields=["group_id", "-id"],
                name="event_group_alone",
            ),
        ),
    ]
