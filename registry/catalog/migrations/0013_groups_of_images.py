"""The group of each container, in the indexes of its image; a trigger keeps it to live versions.

On SQLite a later migration that rebuilds catalog_modelpackage drops the trigger: it has to run `make_triggers` again
(a test looks for it).
"""

import django.db.models.deletion
from django.db import migrations, models

FILL = """UPDATE catalog_container SET group_id = (
    SELECT group_id FROM catalog_modelpackage AS p WHERE p.id = package_id AND p.deleted_at IS NULL)"""

FOLLOW = """UPDATE catalog_container SET group_id = CASE WHEN NEW.deleted_at IS NULL THEN NEW.group_id END
    WHERE package_id = NEW.id"""
WHEN = "WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))"
SQLITE = f"""CREATE TRIGGER IF NOT EXISTS catalog_container_of_live_version
    AFTER UPDATE OF deleted_at ON catalog_modelpackage {WHEN} BEGIN {FOLLOW}; END"""
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION catalog_container_of_live_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {FOLLOW};
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER catalog_container_of_live_version AFTER UPDATE OF deleted_at ON catalog_modelpackage
    FOR EACH ROW {WHEN} EXECUTE FUNCTION catalog_container_of_live_version();
"""


def make_triggers(apps, schema_editor):
    of_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL if of_postgresql else SQLITE, params=None)


def drop_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION catalog_container_of_live_version CASCADE", params=None)
    else:
        schema_editor.execute("DROP TRIGGER catalog_container_of_live_version", params=None)


def _indexes():
    for name, text in (
        ("container_image", "image"),
        ("container_image_name", "image_name"),
        ("container_image_tag", "image_tag"),
        ("container_image_digest", "image_digest"),
    ):
        by_prefix = {} if text == "image_digest" else {"opclasses": ["varchar_pattern_ops", "int8_ops", "int8_ops"]}
        index = models.Index(fields=[text, "package", "group"], name=name, **by_prefix)
        yield migrations.AddIndex(model_name="container", index=index)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0012_groups_never_approved")]

    operations = [
        # Without them the rows are filled in faster.
        *(
            migrations.RemoveIndex(model_name="container", name=f"container_image{of}")
            for of in ("", "_name", "_tag", "_digest")
        ),
        migrations.AddField(
            model_name="container",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="catalog.modelpackagegroup",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        *_indexes(),
        migrations.RunPython(make_triggers, drop_triggers),
    ]
