"""Checkpoints: signed statements about the ends of all chains; append-only, as the log is."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from registry.events.triggers import make_checkpoint_triggers


def close(apps: Any, schema_editor: Any) -> None:
    make_checkpoint_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_chain"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("package_id", None)), fields=["group_id", "-id"], name="event_of_group"
            ),
        ),
        migrations.CreateModel(
            name="CheckpointKey",
            fields=[
                ("name", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("public", models.BinaryField(max_length=32)),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("registry", models.CharField(max_length=12)),
                ("chains", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("waypoints", models.BigIntegerField()),
                ("waypoint_root", models.BinaryField(max_length=32)),
                ("previous", models.BinaryField(max_length=32)),
                ("key", models.CharField(max_length=16)),
                ("signature", models.BinaryField(max_length=64)),
            ],
            options={"ordering": ["-number"]},
        ),
        migrations.CreateModel(
            name="CheckpointLeaf",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("chain", models.BigIntegerField()),
                ("position", models.PositiveBigIntegerField()),
                ("digest", models.BinaryField(max_length=32)),
                ("is_head", models.BooleanField()),
                (
                    "checkpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leaves",
                        to="events.checkpoint",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_head", True)),
                        fields=["chain", "-checkpoint"],
                        name="leaf_head_of_checkpoint",
                    ),
                    models.Index(
                        condition=models.Q(("is_head", False)),
                        fields=["checkpoint", "chain", "position"],
                        name="leaf_waypoint_of_checkpoint",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("chain", "position"), name="leaf_chain_position"),
                ],
            },
        ),
        migrations.RunPython(close, migrations.RunPython.noop),
    ]
