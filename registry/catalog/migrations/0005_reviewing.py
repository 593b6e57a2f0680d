"""Votes, checks, rules, saved views, and since when a version waits."""

import importlib

import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models
from django.db.models import F

# SQLite rebuilds catalog_modelpackage for a new column or constraint, which its triggers do not survive.
_triggers = importlib.import_module("registry.catalog.migrations.0002_no_tags_on_versions")


def note_waiting(apps, schema_editor):
    waiting = apps.get_model("catalog", "ModelPackage").objects.filter(approval_status="PendingManualApproval")
    waiting.update(waiting_since=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0004_list_by_creation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(_triggers.drop_triggers, _triggers.make_triggers),
        migrations.CreateModel(
            name="Check",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=128)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("success", "Passed"), ("failure", "Failed")], max_length=8
                    ),
                ),
                ("url", models.CharField(blank=True, default="", max_length=1024)),
                ("summary", models.CharField(blank=True, default="", max_length=1024)),
                ("reported_at", models.DateTimeField()),
                ("reported_by_name", models.CharField(max_length=256)),
                ("slot", models.PositiveSmallIntegerField()),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "page",
                    models.CharField(
                        choices=[
                            ("groups", "Groups"),
                            ("timeline", "Versions of a group"),
                            ("packages", "Unversioned packages"),
                            ("review", "Review"),
                            ("activity", "Activity"),
                        ],
                        max_length=16,
                    ),
                ),
                ("name", models.CharField(max_length=63)),
                ("query", models.CharField(blank=True, default="", max_length=2000)),
                ("is_shared", models.BooleanField(default=False)),
                ("saved_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Vote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_name", models.CharField(max_length=256)),
                ("comment", models.CharField(blank=True, default="", max_length=1024)),
                ("voted_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddField(
            model_name="modelpackage",
            name="approved_content",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="modelpackage",
            name="decided_by_override",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="modelpackage",
            name="waiting_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelpackagegroup",
            name="leading_metric",
            field=models.CharField(blank=True, default="", max_length=128),
        ),
        migrations.AddField(
            model_name="modelpackagegroup",
            name="metric_directions",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="modelpackagegroup",
            name="review_rules",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddIndex(
            model_name="modelpackage",
            index=models.Index(
                condition=models.Q(("deleted_at", None), ("waiting_since__isnull", False)),
                fields=["waiting_since", "id"],
                name="package_queue",
            ),
        ),
        migrations.RunPython(note_waiting, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="modelpackage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approval_status", "PendingManualApproval"), ("waiting_since__isnull", False)),
                    ("approval_status", "Approved"),
                    models.Q(("approval_status", "Rejected"), ("waiting_since__isnull", True)),
                    models.Q(("approval_status__isnull", True), ("waiting_since__isnull", True)),
                    _connector="OR",
                ),
                name="package_waiting_since_its_status",
            ),
        ),
        migrations.RunPython(_triggers.make_triggers, _triggers.drop_triggers),
        migrations.AddField(
            model_name="check",
            name="package",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="checks",
                to="catalog.modelpackage",
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="vote",
            name="package",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="votes",
                to="catalog.modelpackage",
            ),
        ),
        migrations.AddField(
            model_name="vote",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.UniqueConstraint(fields=("package", "name"), name="check_name_unique_in_package"),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.UniqueConstraint(fields=("package", "slot"), name="check_slot_unique_in_package"),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(condition=models.Q(("slot__lt", 50)), name="check_at_most_50"),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "success", "failure"])), name="check_state_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="check_name_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    django.db.models.functions.text.Length(models.F("name")), 128
                ),
                name="check_name_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    django.db.models.functions.text.Length(models.F("url")), 1024
                ),
                name="check_url_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="check",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    django.db.models.functions.text.Length(models.F("summary")), 1024
                ),
                name="check_summary_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(fields=("owner", "page", "name"), name="view_name_unique_of_owner"),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_shared", True)), fields=("page", "name"), name="view_name_unique_shared"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="view_name_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    django.db.models.functions.text.Length(models.F("name")), 63
                ),
                name="view_name_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    django.db.models.functions.text.Length(models.F("query")), 2000
                ),
                name="view_query_length",
            ),
        ),
        migrations.AddConstraint(
            model_name="vote",
            constraint=models.UniqueConstraint(fields=("package", "user"), name="vote_once_a_person"),
        ),
    ]
