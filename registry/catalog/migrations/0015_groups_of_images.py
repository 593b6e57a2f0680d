"""The group in the indexes of a container's image: what has an image is found from them alone."""

from django.db import migrations, models

BY_IMAGE = {"opclasses": ["varchar_pattern_ops", "int8_ops", "int8_ops"]}
INDEXES = (
    ("image", "container_image", "container_of_image", BY_IMAGE),
    ("image_name", "container_image_name", "container_of_image_name", BY_IMAGE),
    ("image_tag", "container_image_tag", "container_of_image_tag", BY_IMAGE),
    ("image_digest", "container_image_digest", "container_of_image_digest", {}),
)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0014_fill_groups_of_containers")]

    # The old ones go last: until then everybody reads.
    operations = [
        *(
            migrations.AddIndex(
                model_name="container", index=models.Index(fields=[text, "package", "group"], name=name, **options)
            )
            for text, _, name, options in INDEXES
        ),
        *(migrations.RemoveIndex(model_name="container", name=old) for _, old, _, _ in INDEXES),
    ]
