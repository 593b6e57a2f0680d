"""The model package: one registered model, a numbered version of a group or an unversioned package of its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from registry.addresses import url
from registry.statements import Prepared

from ..errors import NotFound
from ..validators import (
    DESCRIPTION_MAX,
    NAME_MAX,
    URL_MAX,
    validate_description,
    validate_name,
    validate_region,
)
from .groups import ModelPackageGroup
from .lookups import at_most
from .teams import is_hidden, seen_by

if TYPE_CHECKING:
    from registry.accounts.models import User
    from registry.accounts.permissions import Actor


class ApprovalStatus(models.TextChoices):
    """The three statuses in the wire's spelling; the label is the word that people read."""

    APPROVED = "Approved", "Approved"
    WAITING = "PendingManualApproval", "Waiting"
    REJECTED = "Rejected", "Rejected"


class PackageQuerySet(models.QuerySet["ModelPackage"]):
    """Named questions about packages; start with visible_to."""

    def live(self) -> PackageQuerySet:
        """Packages that have not been deleted."""
        return self.filter(deleted_at=None)

    def open_to(self, user: User | Actor) -> PackageQuerySet:
        """The packages, live and deleted, that `user` may know of: all but those of groups limited to others."""
        if user.role is None:
            return self.none()
        return seen_by(user, self, "group_id")

    def visible_to(self, user: User | Actor) -> PackageQuerySet:
        """The live packages that `user` may know of; none without a role."""
        return self.open_to(user).live()

    def versioned(self) -> PackageQuerySet:
        return self.filter(group__isnull=False)

    def unversioned(self) -> PackageQuerySet:
        return self.filter(group__isnull=True)

    def approved(self) -> PackageQuerySet:
        return self.filter(approval_status=ApprovalStatus.APPROVED)

    def with_sort_name(self) -> PackageQuerySet:
        """With `sort_name` and `sort_version`: a version sorts by its group's name, then its number (contract 6)."""
        return self.annotate(sort_name=Coalesce("name", "group__name"), sort_version=Coalesce("version", 0))

    def of_version(self, region: str, group: str, version: int) -> PackageQuerySet:
        """The version with that number of the live group with that name; at most one row."""
        return self.filter(
            group__region=region, group__name=group, group__deleted_at=None, version=version
        ).select_related("group")


class ModelPackage(models.Model):
    """A registered model. Versioned: `group` and `version`; unversioned: `name`; the database holds that xor.

    What was registered never changes but for status, stage, metadata and what UpdateModelPackage may replace. Members
    that pages filter by are columns; the rest is kept as sent, in JSON columns named after the wire's members, at the
    end of the row so that lists need not read them. `revision` rises with every change (optimistic locks).
    """

    region = models.CharField(max_length=16, validators=[validate_region])
    group = models.ForeignKey(
        ModelPackageGroup,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="packages",
        db_index=False,
    )
    version = models.PositiveIntegerField(null=True, blank=True)
    name = models.CharField(max_length=NAME_MAX, null=True, blank=True, validators=[validate_name])  # noqa: DJ001
    description = models.CharField(
        max_length=DESCRIPTION_MAX, blank=True, default="", validators=[validate_description]
    )
    approval_status = models.CharField(  # noqa: DJ001 - SageMaker knows versions without a status
        max_length=21, null=True, blank=True, choices=ApprovalStatus.choices
    )
    approval_description = models.CharField(max_length=1024, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by_name = models.CharField(max_length=256, blank=True, default="")
    # True where an admin approved although a rule of the group failed.
    decided_by_override = models.BooleanField(default=False)
    # Since when it waits for a reviewer: registered as waiting, put back, or changed after its approval.
    waiting_since = models.DateTimeField(null=True, blank=True)
    # Hash of the content that was approved (catalog/contents.py); empty where nothing is approved.
    approved_content = models.CharField(max_length=64, blank=True, default="")
    stage = models.CharField(max_length=63, blank=True, default="")
    stage_status = models.CharField(max_length=63, blank=True, default="")
    stage_description = models.CharField(max_length=1024, blank=True, default="")
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=256, blank=True, default="")
    last_modified_at = models.DateTimeField(null=True, blank=True)
    last_modified_by_name = models.CharField(max_length=256, blank=True, default="")
    revision = models.PositiveIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by_name = models.CharField(max_length=256, blank=True, default="")
    imported_at = models.DateTimeField(null=True, blank=True)
    original_arn = models.CharField(max_length=256, blank=True, default="")
    # Why the metric reports could not be read; empty when they were, or when there are none.
    metrics_note = models.CharField(max_length=300, blank=True, default="")

    registration_type = models.CharField(max_length=16, blank=True, default="")
    status = models.CharField(max_length=16, default="Completed")
    certify_for_marketplace = models.BooleanField(default=False)
    skip_model_validation = models.CharField(max_length=8, blank=True, default="")
    managed_storage_type = models.CharField(max_length=32, blank=True, default="")
    # The contract sets no length for these two.
    domain = models.TextField(blank=True, default="")
    task = models.TextField(blank=True, default="")
    sample_payload_url = models.CharField(max_length=URL_MAX, blank=True, default="")
    source_uri = models.CharField(max_length=URL_MAX, blank=True, default="")

    created_by = models.JSONField(default=dict, blank=True)
    last_modified_by = models.JSONField(null=True, blank=True)
    status_details = models.JSONField(null=True, blank=True)
    metadata_properties = models.JSONField(null=True, blank=True)
    model_metrics = models.JSONField(null=True, blank=True)
    inference_specification = models.JSONField(null=True, blank=True)
    source_algorithm_specification = models.JSONField(null=True, blank=True)
    validation_specification = models.JSONField(null=True, blank=True)
    drift_check_baselines = models.JSONField(null=True, blank=True)
    additional_inference_specifications = models.JSONField(null=True, blank=True)
    security_config = models.JSONField(null=True, blank=True)
    model_card = models.JSONField(null=True, blank=True)

    objects = PackageQuerySet.as_manager()

    class Meta:
        verbose_name = "model package"
        constraints = [
            models.UniqueConstraint(fields=["group", "version"], name="package_number_unique_in_group"),
            # The name first: the palette asks for names of any region.
            models.UniqueConstraint(
                fields=["name", "region"],
                condition=Q(name__isnull=False, deleted_at=None),
                name="package_name_unique_among_live",
            ),
            models.CheckConstraint(
                condition=Q(group__isnull=False, version__isnull=False, version__gte=1, name__isnull=True)
                | Q(group__isnull=True, version__isnull=True, name__isnull=False),
                name="package_versioned_xor_unversioned",
            ),
            models.CheckConstraint(
                condition=Q(approval_status__isnull=True) | Q(approval_status__in=ApprovalStatus.values),
                name="package_approval_status_known",
            ),
            # Waiting always waits, and what was approved may wait again (its content changed); nothing else does.
            models.CheckConstraint(
                condition=Q(approval_status=ApprovalStatus.WAITING, waiting_since__isnull=False)
                | Q(approval_status=ApprovalStatus.APPROVED)
                | Q(approval_status=ApprovalStatus.REJECTED, waiting_since__isnull=True)
                | Q(approval_status__isnull=True, waiting_since__isnull=True),
                name="package_waiting_since_its_status",
            ),
            at_most("name", NAME_MAX, "package"),
            at_most("description", DESCRIPTION_MAX, "package"),
            at_most("approval_description", 1024, "package"),
            at_most("stage", 63, "package"),
            at_most("source_uri", URL_MAX, "package"),
        ]
        indexes = [
            # All that a strip of the newest versions shows: it is read without the versions themselves. Not a partial
            # index, from which alone SQLite reads nothing; the next one is as complete, or SQLite would walk this one.
            models.Index(fields=["group", "-version", "deleted_at", "approval_status"], name="package_newest"),
            models.Index(fields=["group", "approval_status", "-version", "deleted_at"], name="package_group_status"),
            models.Index(fields=["group", "stage", "-version"], name="package_group_stage"),
            models.Index(fields=["group", "created_by_name", "-version"], name="package_group_author"),
            models.Index(fields=["group", "created_at", "id"], name="package_group_created"),
            models.Index(fields=["approval_status", "-created_at", "-id"], name="package_status_created"),
            models.Index(fields=["stage", "-id"], name="package_stage"),
            models.Index(fields=["created_by_name", "-id"], name="package_author"),
            models.Index(fields=["-created_at", "-id"], name="package_created"),
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(group__isnull=True),
                name="package_unversioned_created",
            ),
            models.Index(
                fields=["waiting_since", "id"],
                condition=Q(waiting_since__isnull=False, deleted_at=None),
                name="package_queue",
            ),
            models.Index(fields=["original_arn"], name="package_original_arn"),
            models.Index(fields=["-deleted_at", "-id"], condition=Q(deleted_at__isnull=False), name="package_deleted"),
        ]

    def __str__(self) -> str:
        return f"{self.group.name} v{self.version}" if self.group is not None else str(self.name)

    def get_absolute_url(self) -> str:
        if self.group is not None:
            return url("package-detail", self.region, self.group.name, self.version)
        return url("unversioned-detail", self.region, self.name)

    @classmethod
    def find_version(
        cls,
        user: User | Actor,
        region: str,
        group: str,
        version: int,
        read: Prepared[ModelPackage] | None = None,
    ) -> ModelPackage | None:
        """The version with its group, if `user` may know of it; as visible_to, by a statement compiled once.

        `read` is another statement of the same values, for a page that wants more from the same query.
        """
        if user.role is None:
            return None
        found = (read or _VERSION).first(region=region, group=group, version=version)
        return found if found is not None and not is_hidden(user, found.group_id) else None

    @classmethod
    def find_unversioned(cls, user: User | Actor, region: str, name: str) -> ModelPackage | None:
        """The unversioned package of that name, if `user` has a role: those of no group are hidden from nobody."""
        return _UNVERSIONED.first(region=region, name=name) if user.role is not None else None

    def require_sight(self, actor: Actor) -> None:
        """Raise NotFound unless `actor` may know of the package's group; no query while nothing is limited."""
        if is_hidden(actor, self.group_id):
            raise NotFound("There is no such version.")

    @property
    def is_versioned(self) -> bool:
        return self.group_id is not None

    @property
    def is_approved(self) -> bool:
        return self.approval_status == ApprovalStatus.APPROVED

    @property
    def is_changed_since_approval(self) -> bool:
        """Approved, but not what it is now: UpdateModelPackage changed the content afterwards."""
        return self.is_approved and self.waiting_since is not None

    @property
    def group_name(self) -> str | None:
        return self.group.name if self.group is not None else None

    @property
    def arn(self) -> str:
        """The package's ARN in this registry (contract section 5)."""
        subject = f"{self.group_name}/{self.version}" if self.group_name is not None else self.name
        return f"arn:aws:sagemaker:{self.region}:{settings.REGISTRY_ACCOUNT_ID}:model-package/{subject}"

    @property
    def model_life_cycle(self) -> dict[str, Any] | None:
        """The stage as the wire's ModelLifeCycle, None without one."""
        if not self.stage:
            return None
        cycle = {"Stage": self.stage, "StageStatus": self.stage_status}
        if self.stage_description:
            cycle["StageDescription"] = self.stage_description
        return cycle


_VERSION: Prepared[ModelPackage] = Prepared(
    lambda region, group, version: ModelPackage.objects.live().of_version(region, group, version),
    region=str,
    group=str,
    version=int,
)
_UNVERSIONED: Prepared[ModelPackage] = Prepared(
    lambda region, name: ModelPackage.objects.live().unversioned().filter(region=region, name=name)[:1],
    region=str,
    name=str,
)
