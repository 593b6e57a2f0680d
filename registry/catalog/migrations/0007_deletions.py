"""Deleted rows in the order of their deletion, and what "where used" reads: artifacts by prefix, digests in images."""

from django.db import migrations, models

INDEX = "container_model_data_url"


def find_prefixes(apps, schema_editor):
    """PostgreSQL sorts an index so that "begins with" can use it in every locale only when told to."""
    _make_index(schema_editor, " text_pattern_ops")


def find_whole_texts(apps, schema_editor):
    _make_index(schema_editor, "")


def _make_index(schema_editor, order):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX {INDEX}")
        schema_editor.execute(
            f'CREATE INDEX {INDEX} ON catalog_container (LEFT("model_data_url", 512){order}, "package_id")'
        )


def note_digests(apps, schema_editor):
    """A digest that stands in the image counts as the container's digest."""
    container = apps.get_model("catalog", "Container")
    for row in container.objects.filter(image__contains="@", image_digest="").only("image").iterator(2000):
        digest = row.image.partition("@")[2]
        if len(digest) == 71 and digest.lower().startswith("sha256:"):
            container.objects.filter(pk=row.pk).update(image_digest=digest)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_filters"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="modelpackage",
            index=models.Index(
                fields=["-deleted_at", "-id"], condition=models.Q(deleted_at__isnull=False), name="package_deleted"
            ),
        ),
        migrations.AddIndex(
            model_name="modelpackagegroup",
            index=models.Index(
                fields=["-deleted_at", "-id"], condition=models.Q(deleted_at__isnull=False), name="group_deleted"
            ),
        ),
        migrations.RunPython(find_prefixes, find_whole_texts),
        migrations.RunPython(note_digests, migrations.RunPython.noop),
    ]
