"""The group of the containers that are there, some thousand packages at a time, so that nobody waits long.

What was filled stays so when it is interrupted, and is passed over the next time.
"""

from django.db import migrations, transaction
from django.db.models import Max

BATCH = 5_000
FILL = """UPDATE catalog_container SET group_id = (SELECT p.group_id FROM catalog_modelpackage AS p
    WHERE p.id = catalog_container.package_id AND p.deleted_at IS NULL)
    WHERE package_id >= %s AND package_id < %s AND group_id IS NULL"""


def fill(apps, schema_editor):
    connection = schema_editor.connection
    last = apps.get_model("catalog", "ModelPackage").objects.aggregate(last=Max("pk"))["last"] or 0
    for first in range(1, last + 1, BATCH):
        with transaction.atomic(connection.alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # No deletion in between: the trigger would not see these rows, nor this statement the deletion.
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                cursor.execute("LOCK TABLE catalog_modelpackage IN EXCLUSIVE MODE")
            cursor.execute(FILL, [first, first + BATCH])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("catalog", "0013_groups_of_containers")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
