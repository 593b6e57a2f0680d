"""The model package group: the name under which all versions of one model are numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q, Subquery

from registry.addresses import url
from registry.statements import Prepared

from ..errors import NotFound
from ..validators import (
    DESCRIPTION_MAX,
    METRIC_NAME_MAX,
    NAME_MAX,
    validate_description,
    validate_name,
    validate_region,
)
from .lookups import at_most
from .teams import TeamAccess, but_hidden, hidden_from, is_hidden, seen_by, sees_all

if TYPE_CHECKING:
    from registry.accounts.models import User
    from registry.accounts.permissions import Actor


class GroupQuerySet(models.QuerySet["ModelPackageGroup"]):
    """Named questions about groups; start with visible_to."""

    def live(self) -> GroupQuerySet:
        """Groups that have not been deleted."""
        return self.filter(deleted_at=None)

    def open_to(self, user: User | Actor) -> GroupQuerySet:
        """The groups, live and deleted, that `user` may know of: all but those limited to teams of others."""
        if user.role is None:
            return self.none()
        return seen_by(user, self, "pk")

    def visible_to(self, user: User | Actor) -> GroupQuerySet:
        """The live groups that `user` may know of; none without a role."""
        return self.open_to(user).live()


class ModelPackageGroup(models.Model):
    """A group, live or deleted. (region, name) is unique among the live ones; a group made again is a new row.

    The counts and the approved version are kept by the services under the lock of this row, so that lists need no
    look at the versions: `waiting_count` and the like count live versions by status, `approved_version` is the
    highest number that is approved now.
    """

    region = models.CharField(max_length=16, validators=[validate_region])
    name = models.CharField(max_length=NAME_MAX, validators=[validate_name])
    description = models.CharField(
        max_length=DESCRIPTION_MAX, blank=True, default="", validators=[validate_description]
    )
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=256, blank=True, default="")
    updated_at = models.DateTimeField()
    updated_by_name = models.CharField(max_length=256, blank=True, default="")

    last_version = models.PositiveIntegerField(default=0)
    version_count = models.PositiveIntegerField(default=0)
    waiting_count = models.PositiveIntegerField(default=0)
    approved_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    latest_created_at = models.DateTimeField(null=True, blank=True)
    approved_version = models.PositiveIntegerField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    # What an approval needs (catalog/rules.py); {} is one approval and nothing else.
    review_rules = models.JSONField(default=dict, blank=True)
    # The metric that leads the timeline, where somebody chose one, and the directions that names do not tell.
    leading_metric = models.CharField(max_length=METRIC_NAME_MAX, blank=True, default="")
    metric_directions = models.JSONField(default=dict, blank=True)

    resource_policy = models.TextField(blank=True, default="")
    managed_storage_type = models.CharField(max_length=32, blank=True, default="")
    original_arn = models.CharField(max_length=256, blank=True, default="")
    imported_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by_name = models.CharField(max_length=256, blank=True, default="")
    created_by = models.JSONField(default=dict, blank=True)

    # Without any, everybody with a role sees the group (models/teams.py).
    teams = models.ManyToManyField(Group, through=TeamAccess, related_name="model_package_groups")

    objects = GroupQuerySet.as_manager()

    class Meta:
        verbose_name = "model package group"
        constraints = [
            models.UniqueConstraint(
                fields=["region", "name"], condition=Q(deleted_at=None), name="group_name_unique_among_live"
            ),
            models.CheckConstraint(
                condition=Q(version_count__lte=F("last_version")), name="group_counts_within_numbers"
            ),
            at_most("region", 16, "group"),
            at_most("name", NAME_MAX, "group"),
            at_most("description", DESCRIPTION_MAX, "group"),
        ]
        indexes = [
            models.Index(fields=[*fields], condition=Q(deleted_at=None), name=name)
            for name, fields in {
                "group_updated": ["-updated_at", "-id"],
                "group_created": ["-created_at", "-id"],
                "group_latest": ["-latest_created_at", "-id"],
                "group_approved": ["-approved_at", "-id"],
                "group_versions": ["-version_count", "-id"],
                "group_name": ["name", "id"],
            }.items()
        ] + [
            # They are few and changed long ago: along the order of all, a page of them is the last that is found.
            models.Index(
                fields=["-updated_at", "-id"],
                condition=Q(deleted_at=None, approved_at=None),
                name="group_never_approved",
            ),
            models.Index(fields=["original_arn"], name="group_original_arn"),
            # Of the deleted ones too: an open page asks every few seconds what became of its group.
            models.Index(fields=["region", "name", "-id"], name="group_of_name"),
            models.Index(fields=["-deleted_at", "-id"], condition=Q(deleted_at__isnull=False), name="group_deleted"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return url("group-detail", self.region, self.name)

    @property
    def arn(self) -> str:
        """The group's ARN in this registry (contract section 5)."""
        return f"arn:aws:sagemaker:{self.region}:{settings.REGISTRY_ACCOUNT_ID}:model-package-group/{self.name}"

    @classmethod
    def find(
        cls, user: User | Actor, region: str, name: str, read: Prepared[ModelPackageGroup] | None = None
    ) -> ModelPackageGroup | None:
        """The group of that name that `user` may know of; as visible_to, by a statement compiled once.

        `read` is another statement of the same values, for a page that wants more from the same query.
        """
        found = (read or _NAMED).first(region=region, name=name) if user.role is not None else None
        return found if found is not None and not is_hidden(user, found.pk) else None

    @classmethod
    def all_named(cls, user: User | Actor, region: str, name: str) -> list[ModelPackageGroup]:
        """The groups of that name that `user` may know of, live and deleted, the first made first; at most 100."""
        if user.role is not None and sees_all(user):
            return _ALL_NAMED.all(region=region, name=name)
        return list(_of_name(region, name, cls.objects.open_to(user)))

    @classmethod
    def has_several_regions(cls, user: User | Actor) -> bool:
        """True if `user` may know of groups of more than one region: two index reads in one query.

        Not MIN and MAX: asked for both at once, SQLite reads all of the index.
        """
        if user.role is None:
            return False
        hidden = hidden_from(user)
        return bool(_OTHER_REGION[bool(hidden)].rows(**hidden))

    def require_sight(self, actor: Actor) -> None:
        """Raise NotFound unless `actor` may know of the group; no query while nothing is limited."""
        if is_hidden(actor, self.pk):
            raise NotFound(f"There is no group {self.name}.")

    @property
    def unset_count(self) -> int:
        """Live versions without an approval status."""
        return self.version_count - self.waiting_count - self.approved_count - self.rejected_count


_NAMED: Prepared[ModelPackageGroup] = Prepared(
    lambda region, name: ModelPackageGroup.objects.live().filter(region=region, name=name), region=str, name=str
)


def _of_name(region: str, name: str, groups: GroupQuerySet | None = None) -> GroupQuerySet:
    groups = ModelPackageGroup.objects.all() if groups is None else groups
    return groups.filter(region=region, name=name).order_by("created_at", "pk")[:100]


_ALL_NAMED: Prepared[ModelPackageGroup] = Prepared(_of_name, region=str, name=str)


def beyond_first_region(rows: models.QuerySet[Any, Any]) -> models.QuerySet[Any, Any]:
    """Of some rows the last by region, where it is of another region than the first; read from both ends of an index.

    The order is for PostgreSQL, which would else look through the table for one that there seldom is.
    """
    first = rows.order_by("region").values("region")[:1]
    return rows.filter(region__gt=Subquery(first)).order_by("-region").values_list("pk")[:1]


def _other_region(hidden_from: int | None = None) -> models.QuerySet[Any, Any]:
    return beyond_first_region(but_hidden(ModelPackageGroup.objects.live(), "pk", hidden_from))


_OTHER_REGION: dict[bool, Prepared[ModelPackageGroup]] = {
    False: Prepared(_other_region),
    True: Prepared(_other_region, hidden_from=int),
}
