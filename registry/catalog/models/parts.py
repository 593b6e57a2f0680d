"""What hangs on a group or package: tags, customer metadata properties, containers and metrics, one row each."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left

from ..validators import (
    CONTAINERS_MAX,
    IMAGE_MAX,
    KEY_MAX,
    METRIC_NAME_MAX,
    PAIRS_MAX,
    TAGS_MAX,
    URL_MAX,
    VALUE_MAX,
    validate_image,
    validate_metadata_key,
    validate_metadata_value,
    validate_tag_key,
    validate_tag_value,
)
from .groups import ModelPackageGroup
from .lookups import at_most
from .packages import ModelPackage

# How PostgreSQL sorts the entries of an index so that "begins with" can use it in every locale; SQLite needs nothing.
BY_PREFIX = ["varchar_pattern_ops", "varchar_pattern_ops", "int8_ops"]
_BY_IMAGE = ["varchar_pattern_ops", "int8_ops", "int8_ops"]


class Tag(models.Model):
    """A tag of a group or of an unversioned package; a database trigger refuses one on a version.

    `slot` is 0 to 49 and unique per owner: that makes "at most 50" a rule of the database. The order of tags is the
    order of their ids, which is the order of first addition.
    """

    group = models.ForeignKey(
        ModelPackageGroup,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="tags",
        db_index=False,
    )
    package = models.ForeignKey(
        ModelPackage, null=True, blank=True, on_delete=models.CASCADE, related_name="tags", db_index=False
    )
    key = models.CharField(max_length=KEY_MAX, validators=[validate_tag_key])
    value = models.CharField(max_length=VALUE_MAX, blank=True, default="", validators=[validate_tag_value])
    slot = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "key"], name="tag_key_unique_in_group"),
            models.UniqueConstraint(fields=["package", "key"], name="tag_key_unique_in_package"),
            models.UniqueConstraint(fields=["group", "slot"], name="tag_slot_unique_in_group"),
            models.UniqueConstraint(fields=["package", "slot"], name="tag_slot_unique_in_package"),
            models.CheckConstraint(condition=Q(slot__lt=TAGS_MAX), name="tag_at_most_50"),
            models.CheckConstraint(
                condition=Q(group__isnull=False, package__isnull=True) | Q(group__isnull=True, package__isnull=False),
                name="tag_of_one_owner",
            ),
            models.CheckConstraint(condition=~Q(key=""), name="tag_key_not_empty"),
            at_most("key", KEY_MAX, "tag"),
            at_most("value", VALUE_MAX, "tag"),
        ]
        indexes = [
            models.Index(fields=["key", "value", "group"], name="tag_find_group", opclasses=BY_PREFIX),
            models.Index(
                fields=["key", "value", "package"],
                name="tag_find_package",
                opclasses=BY_PREFIX,
                condition=Q(package__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class CustomerMetadataProperty(models.Model):
    """One key and value of a package's customer metadata; `slot` (0 to 49, unique) makes "at most 50" a rule."""

    package = models.ForeignKey(
        ModelPackage, on_delete=models.CASCADE, related_name="customer_metadata_properties", db_index=False
    )
    key = models.CharField(max_length=KEY_MAX, validators=[validate_metadata_key])
    value = models.CharField(max_length=VALUE_MAX, validators=[validate_metadata_value])
    slot = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "customer metadata properties"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["package", "key"], name="property_key_unique_in_package"),
            models.UniqueConstraint(fields=["package", "slot"], name="property_slot_unique_in_package"),
            models.CheckConstraint(condition=Q(slot__lt=PAIRS_MAX), name="property_at_most_50"),
            models.CheckConstraint(condition=~Q(key="") & ~Q(value=""), name="property_not_empty"),
            at_most("key", KEY_MAX, "property"),
            at_most("value", VALUE_MAX, "property"),
        ]
        indexes = [models.Index(fields=["key", "value", "package"], name="property_find", opclasses=BY_PREFIX)]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class Container(models.Model):
    """One container of the inference specification, as columns, so that "where used" is one indexed query.

    The specification itself stays whole on the package. `image_name` is the image without its registry host
    (repository:tag), `image_tag` the part after the colon. `group` is that of a live version, so that the groups of an
    image are found without a look at the versions: triggers of the database set it, take it away with the version and
    bring it back.
    """

    package = models.ForeignKey(ModelPackage, on_delete=models.CASCADE, related_name="containers", db_index=False)
    group = models.ForeignKey(
        ModelPackageGroup,
        null=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        # Copied from the version, where it has one.
        db_constraint=False,
    )
    position = models.PositiveSmallIntegerField()
    image = models.CharField(max_length=IMAGE_MAX, blank=True, default="", validators=[validate_image])
    image_name = models.CharField(max_length=IMAGE_MAX, blank=True, default="")
    image_tag = models.CharField(max_length=IMAGE_MAX, blank=True, default="")
    image_digest = models.CharField(max_length=72, blank=True, default="")
    model_data_url = models.CharField(max_length=URL_MAX, blank=True, default="")
    model_data_etag = models.CharField(max_length=1024, blank=True, default="")
    framework = models.CharField(max_length=256, blank=True, default="")
    framework_version = models.CharField(max_length=10, blank=True, default="")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["package", "position"], name="container_position_unique"),
            models.CheckConstraint(condition=Q(position__lt=CONTAINERS_MAX), name="container_at_most_15"),
            at_most("image", IMAGE_MAX, "container"),
            at_most("model_data_url", URL_MAX, "container"),
        ]
        indexes = [
            models.Index(fields=["image", "package", "group"], name="container_of_image", opclasses=_BY_IMAGE),
            models.Index(
                fields=["image_name", "package", "group"], name="container_of_image_name", opclasses=_BY_IMAGE
            ),
            models.Index(fields=["image_tag", "package", "group"], name="container_of_image_tag", opclasses=_BY_IMAGE),
            models.Index(fields=["image_digest", "package", "group"], name="container_of_image_digest"),
            # An index entry of PostgreSQL holds 2,700 bytes; 1,024 characters may be 4,096.
            models.Index(Left(F("model_data_url"), 512), F("package"), name="container_model_data_url"),
        ]

    def __str__(self) -> str:
        return self.image_name or self.model_data_url


# Numeric metadata under keys that begin so counts as a metric, where no report has that name.
METADATA_PREFIX = "metric."


class Metric(models.Model):
    """A number that was measured on the package: from a metric report, from `metric.*` metadata, or typed in."""

    class Source(models.TextChoices):
        REPORT = "report", "Metric report"
        METADATA = "metadata", "Metadata"
        TYPED = "typed", "Typed in"

    package = models.ForeignKey(ModelPackage, on_delete=models.CASCADE, related_name="metrics", db_index=False)
    name = models.CharField(max_length=METRIC_NAME_MAX)
    value = models.FloatField()
    standard_deviation = models.FloatField(null=True, blank=True)
    source = models.CharField(max_length=8, choices=Source.choices)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["package", "name"], name="metric_name_unique_in_package"),
            models.CheckConstraint(condition=~Q(name=""), name="metric_name_not_empty"),
            at_most("name", METRIC_NAME_MAX, "metric"),
        ]
        indexes = [models.Index(fields=["name", "value", "package"], name="metric_find")]

    def __str__(self) -> str:
        return f"{self.name} {self.value:g}"
