"""A container names the group of its version, while that is live: triggers of the database see to it.

They stand before the rows of old are filled in (0014), so nothing is missed, whichever release writes meanwhile. A later
migration that remakes catalog_container or catalog_modelpackage (on SQLite nearly every change of a column does) calls
`drop_triggers` before, since one table's trigger names the other, and `make_triggers` after: a test looks for them.
"""

import django.db.models.deletion
from django.db import migrations, models

OF_PACKAGE = """(SELECT p.group_id FROM catalog_modelpackage AS p
    WHERE p.id = {package} AND p.deleted_at IS NULL)"""
FOLLOW = """UPDATE catalog_container SET group_id = CASE WHEN NEW.deleted_at IS NULL THEN NEW.group_id END
    WHERE package_id = NEW.id"""
WHEN = "WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL))"

SQLITE = [
    f"""CREATE TRIGGER IF NOT EXISTS catalog_container_follows AFTER UPDATE OF deleted_at ON catalog_modelpackage
    {WHEN} BEGIN {FOLLOW}; END""",
    f"""CREATE TRIGGER IF NOT EXISTS catalog_container_is_of_group AFTER INSERT ON catalog_container
    WHEN NEW.group_id IS NULL
    BEGIN UPDATE catalog_container SET group_id = {OF_PACKAGE.format(package="NEW.package_id")} WHERE id = NEW.id; END""",
]
POSTGRESQL = [
    f"""CREATE OR REPLACE FUNCTION catalog_container_follows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {FOLLOW};
        RETURN NULL;
    END $$""",
    f"""CREATE OR REPLACE TRIGGER catalog_container_follows AFTER UPDATE OF deleted_at ON catalog_modelpackage
    FOR EACH ROW {WHEN} EXECUTE FUNCTION catalog_container_follows()""",
    f"""CREATE OR REPLACE FUNCTION catalog_container_is_of_group() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.group_id := {OF_PACKAGE.format(package="NEW.package_id")};
        RETURN NEW;
    END $$""",
    """CREATE OR REPLACE TRIGGER catalog_container_is_of_group BEFORE INSERT ON catalog_container
    FOR EACH ROW WHEN (NEW.group_id IS NULL) EXECUTE FUNCTION catalog_container_is_of_group()""",
]


def make_triggers(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def drop_triggers(apps, schema_editor):
    for name in ("follows", "is_of_group"):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP FUNCTION IF EXISTS catalog_container_{name} CASCADE", params=None)
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS catalog_container_{name}", params=None)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0012_groups_never_approved")]

    operations = [
        migrations.AddField(
            model_name="container",
            name="group",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="catalog.modelpackagegroup",
            ),
        ),
        migrations.RunPython(make_triggers, drop_triggers),
    ]
