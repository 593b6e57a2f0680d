"""Refuse, in the database, a tag on a versioned package and a package that changes between versioned and unversioned.

A check constraint sees one row only, so this takes triggers. On SQLite a later migration that rebuilds catalog_tag or
catalog_modelpackage drops them: it has to run `make_triggers` again (a test looks for them).
"""

from django.db import migrations

SQLITE_TAG = """CREATE TRIGGER IF NOT EXISTS catalog_tag_not_on_version_{when} BEFORE {event} ON catalog_tag
    WHEN NEW.package_id IS NOT NULL
     AND (SELECT group_id FROM catalog_modelpackage WHERE id = NEW.package_id) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'catalog_tag_not_on_version: versions have no tags'); END"""
SQLITE_PACKAGE = """CREATE TRIGGER IF NOT EXISTS catalog_package_stays_of_its_kind
    BEFORE UPDATE OF group_id ON catalog_modelpackage
    WHEN (OLD.group_id IS NULL) <> (NEW.group_id IS NULL)
    BEGIN SELECT RAISE(ABORT, 'catalog_package_stays_of_its_kind: versioned or unversioned for ever'); END"""

POSTGRESQL = """
CREATE OR REPLACE FUNCTION catalog_tag_not_on_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.package_id IS NOT NULL
       AND (SELECT group_id FROM catalog_modelpackage WHERE id = NEW.package_id) IS NOT NULL THEN
        RAISE EXCEPTION 'catalog_tag_not_on_version: versions have no tags' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER catalog_tag_not_on_version BEFORE INSERT OR UPDATE ON catalog_tag
    FOR EACH ROW EXECUTE FUNCTION catalog_tag_not_on_version();
CREATE OR REPLACE FUNCTION catalog_package_stays_of_its_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'catalog_package_stays_of_its_kind: versioned or unversioned for ever'
        USING ERRCODE = 'check_violation';
END $$;
CREATE OR REPLACE TRIGGER catalog_package_stays_of_its_kind BEFORE UPDATE OF group_id ON catalog_modelpackage
    FOR EACH ROW WHEN ((OLD.group_id IS NULL) <> (NEW.group_id IS NULL))
    EXECUTE FUNCTION catalog_package_stays_of_its_kind();
"""


def make_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL, params=None)
        return
    for when in ("INSERT", "UPDATE"):
        schema_editor.execute(SQLITE_TAG.format(when=when.lower(), event=when), params=None)
    schema_editor.execute(SQLITE_PACKAGE, params=None)


def drop_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION catalog_tag_not_on_version CASCADE", params=None)
        schema_editor.execute("DROP FUNCTION catalog_package_stays_of_its_kind CASCADE", params=None)
        return
    for name in ("tag_not_on_version_insert", "tag_not_on_version_update", "package_stays_of_its_kind"):
        schema_editor.execute(f"DROP TRIGGER catalog_{name}", params=None)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [migrations.RunPython(make_triggers, drop_triggers)]
