"""Feeds by several filters at once."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("in_feed", True)),
                fields=["group_id", "category", "-id"],
                name="event_group_category",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("in_feed", True)),
                fields=["group_id", "actor_name", "-id"],
                name="event_group_actor",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("in_feed", True)),
                fields=["actor_name", "category", "-id"],
                name="event_actor_category",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("in_feed", True)),
                fields=["group_id", "actor_name", "category", "-id"],
                name="event_all_filters",
            ),
        ),
    ]
