"""One group as its events tell it: its own columns and tags, and what follows from its versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from ..models import ModelPackageGroup
from ..services.packages import STATUS_COUNTERS
from ..services.states import COMPLETE
from .entries import Entry, blank, moment, pairs_of_tags, replaced_tags

# Events of a version or group after which the group counts as changed, then and by whom.
_TOUCHING = {
    "model_package.approval_status_changed",
    "model_package.stage_changed",
    "model_package.metadata_changed",
    "model_package.content_changed",
    "model_package.touched",
    "model_package.deleted",
    "model_package.restored",
    "model_package_group.description_changed",
    "model_package_group.tagged",
    "model_package_group.policy_changed",
    "model_package_group.metrics_changed",
    "model_package_group.rules_changed",
    "model_package_group.teams_changed",
    "model_package_group.restored",
}


class Versions:
    """What a group says of its versions, summed up from them one after the other, in any order."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("version_count", *STATUS_COUNTERS.values()), 0)
        self.last_version = 0
        self.latest_created_at: datetime | None = None
        self.approved: tuple[int, datetime | None] | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Count one version by its columns; a deleted one only keeps its number."""
        version, created = row["version"], row["created_at"]
        self.last_version = max(self.last_version, version)
        if row["deleted_at"] is not None:
            return
        self.counts["version_count"] += 1
        if counter := STATUS_COUNTERS.get(row["approval_status"]):
            self.counts[counter] += 1
        self.latest_created_at = max(self.latest_created_at or created, created)
        if row["approval_status"] == "Approved" and version > (self.approved or (0, None))[0]:
            self.approved = version, row["decided_at"] or created

    def columns(self) -> dict[str, Any]:
        """The columns of the group that follow from them."""
        version, at = self.approved or (None, None)
        return self.counts | {
            "last_version": self.last_version,
            "latest_created_at": self.latest_created_at,
            "approved_version": version,
            "approved_at": at,
        }


class GroupReplay:
    """A group after the entries that it took; `row` is None before it was made.

    `row` holds every column but the id and those that follow from its versions, `tags` are (value, slot) by key,
    `teams` the ids of those that see it. Entries of its versions only move `updated_at` and `updated_by_name`: where
    that is not asked, the group's own entries are enough.
    """

    def __init__(self) -> None:
        self.row: dict[str, Any] | None = None
        self.tags: dict[str, tuple[str, int]] = {}
        self.teams: set[int] = set()
        self.unknown: set[str] = set()
        self.is_complete = True
        self.since: dict[str, Entry] = {}

    def take(self, entry: Entry) -> None:
        """Go on by one event of the group or of one of its versions."""
        if self.row is None and entry.kind != "model_package_group.created":
            return
        step = _STEPS.get(entry.kind)
        if step is not None:
            step(self, entry)
        self._touch(entry)

    def take_all(self, entries: Iterable[Entry]) -> GroupReplay:
        """Take several in their order; returns itself."""
        for entry in entries:
            self.take(entry)
        return self

    @property
    def columns(self) -> dict[str, Any]:
        """The row; a group that was never made has none."""
        if self.row is None:
            raise LookupError("The log does not say that it was made.")
        return self.row

    @property
    def tags_shown(self) -> list[tuple[str, str]]:
        """Its tags in the order in which they came."""
        return [(key, value) for key, (value, _) in self.tags.items()]

    @property
    def is_deleted(self) -> bool:
        return self.columns["deleted_at"] is not None

    def as_group(self, pk: int) -> ModelPackageGroup:
        """The group as an object that nobody saved."""
        return ModelPackageGroup(pk=pk, **self.columns)

    # ---------- one method for each kind of event ----------

    def _set(self, entry: Entry, **columns: Any) -> None:
        self.columns.update(columns)
        self.unknown -= columns.keys()
        self.since.update(dict.fromkeys(columns, entry))

    def _touch(self, entry: Entry) -> None:
        after = entry.after
        if entry.kind == "model_package.created":
            return self._registered(entry)
        if entry.is_import:
            # Its record says when; the name of the last change stays.
            later = moment(after.get("LastModifiedTime"))
            if later is not None and entry.kind.startswith("model_package.") and later > self.columns["updated_at"]:
                self._set(entry, updated_at=later)
            return None
        asked = entry.kind == "model_package.changes_requested" and "ApprovalDescription" in after
        if entry.kind in _TOUCHING or asked:
            self._set(entry, updated_at=entry.at, updated_by_name=entry.actor_name)
        return None

    def _registered(self, entry: Entry) -> None:
        after, present = entry.after, self.columns["updated_at"]
        if not entry.is_import:
            at = max(present, moment(after.get("CreationTime")) or entry.at)
            self._set(entry, updated_at=at, updated_by_name=entry.actor_name)
            return
        changed = moment(after.get("LastModifiedTime")) or moment(after.get("CreationTime")) or entry.at
        if present <= changed:
            by = after.get("LastModifiedByName") or after.get(COMPLETE) or ""
            self._set(entry, updated_at=changed, updated_by_name=by)
            if COMPLETE not in after:
                self.unknown.add("updated_by_name")

    def _created(self, entry: Entry) -> None:
        after, imported = entry.after, entry.is_import
        self.is_complete = COMPLETE in after
        by = after[COMPLETE] if self.is_complete else "" if imported else entry.actor_name
        filled_in = {
            "description": after.get("ModelPackageGroupDescription", ""),
            "managed_storage_type": (after.get("ManagedConfiguration") or {}).get("ManagedStorageType", ""),
            "resource_policy": after.get("ResourcePolicy", ""),
            "original_arn": after.get("OriginalArn", ""),
            "created_at": moment(after.get("CreationTime")) or entry.at,
            "created_by": after.get("CreatedBy") or {},
            "created_by_name": by,
        }
        self.tags = replaced_tags(self.tags, pairs_of_tags(after.get("Tags")))
        if self.row is not None:
            # An import's own record of a group that one of its versions had made.
            return self._set(entry, **filled_in)
        self.row = {name: value for name, value in blank(ModelPackageGroup).items() if name not in _OF_VERSIONS}
        self._set(
            entry,
            **filled_in,
            region=entry.region,
            name=entry.group_name,
            imported_at=entry.at if imported else None,
            updated_at=filled_in["created_at"],
            updated_by_name=by,
        )
        if imported and not self.is_complete:
            self.unknown |= {"created_by_name", "updated_by_name"}
        return None

    def _described(self, entry: Entry) -> None:
        self._set(entry, description=entry.after["ModelPackageGroupDescription"])

    def _tagged(self, entry: Entry) -> None:
        self.tags = replaced_tags(self.tags, pairs_of_tags(entry.after.get("Tags")))

    def _policy(self, entry: Entry) -> None:
        self._set(entry, resource_policy=entry.after["ResourcePolicy"])

    def _metrics(self, entry: Entry) -> None:
        after = entry.after
        self._set(entry, leading_metric=after["LeadingMetric"], metric_directions=after["MetricDirections"])

    def _rules(self, entry: Entry) -> None:
        self._set(entry, review_rules=entry.after["ReviewRules"])

    def _teams(self, entry: Entry) -> None:
        self.teams = set(entry.after["TeamIds"])

    def _deleted(self, entry: Entry) -> None:
        self._set(entry, deleted_at=entry.at, deleted_by_name=entry.actor_name)

    def _restored(self, entry: Entry) -> None:
        self._set(entry, deleted_at=None, deleted_by_name="")


_OF_VERSIONS = frozenset(Versions().columns())
_STEPS: dict[str, Callable[[GroupReplay, Entry], None]] = {
    "model_package_group.created": GroupReplay._created,
    "model_package_group.description_changed": GroupReplay._described,
    "model_package_group.tagged": GroupReplay._tagged,
    "model_package_group.policy_changed": GroupReplay._policy,
    "model_package_group.metrics_changed": GroupReplay._metrics,
    "model_package_group.rules_changed": GroupReplay._rules,
    "model_package_group.teams_changed": GroupReplay._teams,
    "model_package_group.deleted": GroupReplay._deleted,
    "model_package_group.restored": GroupReplay._restored,
}
