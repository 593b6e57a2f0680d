"""One package as its events tell it: its columns, and the rows that hang on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from ..contents import content_hash
from ..models import ApprovalStatus, Check, Container, Metric, ModelPackage, ModelPackageGroup
from ..services.approvals import Decision
from ..services.checks import OUTDATED
from ..services.metrics import metrics_of_metadata
from ..services.packages import container_rows
from ..services.states import COMPLETE, WIRE_MEMBERS
from ..services.tags import slots_for
from .entries import Entry, blank, moment, pairs_of_tags, replaced_tags

_MODIFIED = ("last_modified_at", "last_modified_by", "last_modified_by_name")
_CYCLE = {"stage": "Stage", "stage_status": "StageStatus", "stage_description": "StageDescription"}
# What the events of older releases lack of an imported package.
_UNTOLD_OF_IMPORTS = ("created_by_name", "decided_by_name", "last_modified_by_name")


class PackageReplay:
    """A package after the entries that it took. `row` is None before its registration.

    `row` holds every column but the id. Parts: `pairs` and `tags` are (value, slot) by key, `metrics` (value, standard
    deviation, source) by name, `checks` and `votes` their columns by name. `unknown` are columns that the log does not
    tell, since the release that wrote it did not write them; `is_complete` is False for one that such a release made.
    `since` is the entry that set a column last.
    """

    def __init__(self) -> None:
        self.row: dict[str, Any] | None = None
        self.pairs: dict[str, tuple[str, int]] = {}
        self.tags: dict[str, tuple[str, int]] = {}
        self.metrics: dict[str, tuple[float, float | None, str]] = {}
        self.checks: dict[str, dict[str, Any]] = {}
        self.votes: dict[str, dict[str, Any]] = {}
        self.unknown: set[str] = set()
        self.is_complete = True
        self.since: dict[str, Entry] = {}
        self._voters: dict[str, int | None] = {}

    def take(self, entry: Entry) -> None:
        """Go on by one event; those that change nothing of the tables are passed over."""
        step = _STEPS.get(entry.kind)
        if step is not None and (self.row is not None or entry.kind == "model_package.created"):
            step(self, entry)

    def take_all(self, entries: Iterable[Entry], ended: Sequence[int] = ()) -> PackageReplay:
        """Take several in their order; returns itself.

        `ended` are the events of its group that ended all open votes.
        """
        ends = list(ended)
        for entry in entries:
            while ends and ends[0] < entry.id:
                ends.pop(0)
                self.votes = {}
            self.take(entry)
        if ends:
            self.votes = {}
        return self

    @property
    def columns(self) -> dict[str, Any]:
        """The row; a package that was never registered has none."""
        if self.row is None:
            raise LookupError("The log does not say that it was registered.")
        return self.row

    @property
    def pairs_shown(self) -> dict[str, str]:
        """Its metadata, by key."""
        return {key: value for key, (value, _) in sorted(self.pairs.items())}

    @property
    def members(self) -> dict[str, Any]:
        """What was registered, by the wire's names."""
        return {member: self.columns[name] for name, member in WIRE_MEMBERS.items()}

    @property
    def is_deleted(self) -> bool:
        return self.columns["deleted_at"] is not None

    def as_package(self, pk: int, group: ModelPackageGroup | None = None) -> ModelPackage:
        """The package as an object that nobody saved, for what reads one."""
        package = ModelPackage(pk=pk, **self.columns)
        if group is not None:
            package.group = group
        return package

    def containers(self) -> list[dict[str, Any]]:
        """The rows of its containers, which follow from its specification."""
        specification = self.columns["inference_specification"] or {}
        names = [name for name in blank(Container) if name != "package_id"]
        rows = container_rows(self.as_package(0), specification.get("Containers") or [])
        return [{name: getattr(row, name) for name in names} for row in rows]

    # ---------- one method for each kind of event ----------

    def _set(self, entry: Entry, **columns: Any) -> None:
        self.columns.update(columns)
        self.unknown -= columns.keys()
        self.since.update(dict.fromkeys(columns, entry))

    def _modify(self, entry: Entry) -> None:
        """Its revision, and who modified it when: in an import's update the last event says so."""
        after = entry.after
        if not entry.is_import:
            self._set(
                entry,
                last_modified_at=entry.at,
                last_modified_by=entry.context,
                last_modified_by_name=entry.actor_name,
                # A call that changes nothing is noted, and leaves the revision.
                revision=self.columns["revision"] + (entry.kind != "model_package.touched"),
            )
        elif "LastModifiedTime" in after:
            self._set(
                entry,
                revision=after["Revision"],
                last_modified_at=moment(after["LastModifiedTime"]),
                last_modified_by=after["LastModifiedBy"],
                last_modified_by_name=after["LastModifiedByName"],
            )
        else:
            self.unknown |= {"revision", *_MODIFIED}

    def _review(self, entry: Entry) -> None:
        self._set(entry, revision=self.columns["revision"] + 1)

    def _created(self, entry: Entry) -> None:
        after = entry.after
        self.row = blank(ModelPackage)
        self.is_complete = COMPLETE in after
        imported = entry.is_import
        author = after[COMPLETE] if self.is_complete else "" if imported else entry.actor_name
        self._set(
            entry,
            **{column: after[member] for column, member in WIRE_MEMBERS.items() if member in after},
            **_stage_columns(after.get("ModelLifeCycle")),
            region=entry.region,
            group_id=entry.group_id,
            version=entry.version,
            name=entry.package_name or None,
            created_at=moment(after.get("CreationTime")) or entry.at,
            created_by=after.get("CreatedBy") or {},
            created_by_name=author,
            last_modified_at=moment(after.get("LastModifiedTime")),
            last_modified_by=after.get("LastModifiedBy"),
            last_modified_by_name=after.get("LastModifiedByName", ""),
            imported_at=entry.at if imported else None,
            original_arn=after.get("OriginalArn", ""),
            metrics_note=after.get("MetricsNote", ""),
            status=after.get("ModelPackageStatus", "Completed"),
            status_details=after.get("ModelPackageStatusDetails"),
        )
        self._set(entry, **self._first_decision(entry))
        if imported and not self.is_complete:
            self.unknown |= set(_UNTOLD_OF_IMPORTS)
        pairs = after.get("CustomerMetadataProperties") or {}
        slots = slots_for(pairs)
        self.pairs = {key: (value, slots[key]) for key, value in pairs.items()}
        self.tags = replaced_tags({}, pairs_of_tags(after.get("Tags")))
        for name, said in (after.get("Metrics") or {}).items():
            # What is typed in has no spread, what a report says has one, be it null.
            source = Metric.Source.REPORT if "standard_deviation" in said else Metric.Source.TYPED
            self.metrics[name] = (float(said["value"]), said.get("standard_deviation"), source.value)
        self._follow_metadata()

    def _first_decision(self, entry: Entry) -> dict[str, Any]:
        """The decision that it was registered with."""
        after, row = entry.after, self.columns
        status = row["approval_status"]
        decided = status in (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED)
        if entry.is_import and self.is_complete:
            told = Decision.of_members(after).columns()
            return told | {"approval_description": row["approval_description"]}
        at = (row["last_modified_at"] or row["created_at"]) if entry.is_import else entry.at
        content = ""
        if status == ApprovalStatus.APPROVED:
            content = after.get("ApprovedContent") or content_hash(ModelPackage(**row))
        return {
            "decided_at": at if decided else None,
            "decided_by_name": entry.actor_name if decided and not entry.is_import else "",
            "waiting_since": row["created_at"] if status == ApprovalStatus.WAITING else None,
            "approved_content": content,
        }

    def _decided(self, entry: Entry) -> None:
        self._set(entry, **Decision.of_members(entry.after).columns())
        if "Votes" in entry.before:
            self.votes = {}
        for vote in entry.after.get("Votes") or ():
            self._vote(vote, self._voters.get(vote["User"]))
        self._modify(entry)

    def _staged(self, entry: Entry) -> None:
        self._set(entry, **_stage_columns(entry.after.get("ModelLifeCycle")))
        self._modify(entry)

    def _metadata(self, entry: Entry) -> None:
        was, now = (state.get("CustomerMetadataProperties") or {} for state in (entry.before, entry.after))
        for key in was.keys() - now.keys():
            self.pairs.pop(key, None)
        fresh = slots_for(now.keys() - self.pairs.keys(), [slot for _, slot in self.pairs.values()])
        slots = {key: slot for key, (_, slot) in self.pairs.items()} | fresh
        self.pairs.update({key: (value, slots[key]) for key, value in now.items()})
        self._follow_metadata()
        self._modify(entry)

    def _follow_metadata(self) -> None:
        """Numeric `metric.*` pairs are metrics, where no report or person has that name."""
        wanted = metrics_of_metadata({key: value for key, (value, _) in self.pairs.items()})
        others = {name: m for name, m in self.metrics.items() if m[2] != Metric.Source.METADATA}
        self.metrics = {n: (v, None, Metric.Source.METADATA.value) for n, v in wanted.items()} | others

    def _content(self, entry: Entry) -> None:
        after = entry.after
        changed = {column: after[member] for column, member in WIRE_MEMBERS.items() if member in after}
        if "ChangedSinceApproval" in after:
            since = moment(after.get("WaitingSince"))
            if after["ChangedSinceApproval"] and since is None:
                since = self.columns["waiting_since"] or entry.at  # an older release
            changed["waiting_since"] = since
        if "ApprovedContent" in after:
            changed["approved_content"] = after["ApprovedContent"]
        self._set(entry, **changed)
        if "Votes" in after:
            self.votes = {}
        for name in after.get("ChecksOutdated") or ():
            self.checks[name] |= {"state": Check.State.PENDING.value, "summary": OUTDATED}
        self._modify(entry)

    def _checked(self, entry: Entry) -> None:
        said = entry.after["Check"]
        present = self.checks.get(said["Name"])
        self.checks[said["Name"]] = {
            "state": said["State"],
            "url": said["Url"],
            "summary": said["Summary"],
            "reported_at": entry.at,
            "reported_by_name": entry.actor_name,
            "slot": present["slot"] if present else len(self.checks),
        }

    def _vote(self, said: dict[str, Any], user_id: int | None) -> None:
        self._voters[said["User"]] = user_id
        voted_at = datetime.fromisoformat(said["Time"])
        self.votes[said["User"]] = {"user_id": user_id, "comment": said["Comment"], "voted_at": voted_at}

    def _voted(self, entry: Entry) -> None:
        self._vote(entry.after["Vote"], entry.actor_id)
        self._review(entry)

    def _vote_taken_back(self, entry: Entry) -> None:
        self.votes.pop((entry.before.get("Vote") or {}).get("User", ""), None)
        self._review(entry)

    def _changes_requested(self, entry: Entry) -> None:
        if "ApprovalDescription" not in entry.after:
            self._vote_taken_back(entry)
            return
        self.votes.pop((entry.before.get("Vote") or {}).get("User", ""), None)
        self._set(entry, approval_description=entry.after["ApprovalDescription"])
        self._modify(entry)

    def _metrics_read(self, entry: Entry) -> None:
        for name, said in (entry.after.get("Metrics") or {}).items():
            self.metrics[name] = (float(said["value"]), said.get("standard_deviation"), Metric.Source.REPORT.value)
        self._set(entry, metrics_note=str(entry.after.get("Note") or "")[:300])

    def _tagged(self, entry: Entry) -> None:
        self.tags = replaced_tags(self.tags, pairs_of_tags(entry.after.get("Tags")))

    def _deleted(self, entry: Entry) -> None:
        self._set(entry, deleted_at=entry.at, deleted_by_name=entry.actor_name)

    def _restored(self, entry: Entry) -> None:
        self._set(entry, deleted_at=None, deleted_by_name="")


def _stage_columns(cycle: dict[str, Any] | None) -> dict[str, str]:
    return {column: (cycle or {}).get(member) or "" for column, member in _CYCLE.items()}


_STEPS: dict[str, Callable[[PackageReplay, Entry], None]] = {
    "model_package.created": PackageReplay._created,
    "model_package.approval_status_changed": PackageReplay._decided,
    "model_package.stage_changed": PackageReplay._staged,
    "model_package.metadata_changed": PackageReplay._metadata,
    "model_package.content_changed": PackageReplay._content,
    "model_package.touched": PackageReplay._modify,
    "model_package.check_reported": PackageReplay._checked,
    "model_package.vote_given": PackageReplay._voted,
    "model_package.vote_withdrawn": PackageReplay._vote_taken_back,
    "model_package.changes_requested": PackageReplay._changes_requested,
    "model_package.metrics_read": PackageReplay._metrics_read,
    "model_package.tagged": PackageReplay._tagged,
    "model_package.deleted": PackageReplay._deleted,
    "model_package.restored": PackageReplay._restored,
}
