"""Import whole dumps: a stream of records in small transactions, idempotent, resumable, memory flat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.models import Event
from registry.events.services import Held, held_back
from registry.events.services import record as record_event
from registry.statements import note_bulk_load

from ..errors import AlreadyExists, Refused
from ..metric_reports import MetricReports
from ..models import Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup
from .import_records import FaultyRecord, GroupRecord, PackageRecord
from .imports import Outcome, Reports, import_model_package, import_model_package_group
from .packages import count_imported

Record = GroupRecord | PackageRecord
Key = tuple[str, str, int | None]

# One transaction holds this many records, or fewer large ones: quick, and no other writer waits for long.
CHUNK_RECORDS = 100
CHUNK_BYTES = 8 * 1024 * 1024
# From this many new packages on, an import is a bulk load.
BULK = 1000


def import_records(
    *,
    actor: Actor,
    records: Iterable[Record | FaultyRecord],
    source: str,
    reports: MetricReports | None = None,
    update: bool = False,
    dry_run: bool = False,
    report: Callable[[Outcome], None] = lambda outcome: None,
) -> Counter[str]:
    """Import a stream of records; returns the counts groups, versions, packages, same, updated, differs, faults.

    Needs the right to import. A record that is there already and differs is left as it is, or with `update` takes over
    what may change. A decision is taken over as it was recorded, whatever the rules of its group ask now (`decisions`
    counts them). A faulty record leaves nothing behind and stops no other. Each record leaves one event outside the
    feed; at the end, also when interrupted, one `registry.imported` stands in the feed if anything changed. `report`
    hears of each record once it is committed. `dry_run` does the same and takes all of it back.
    """
    authorize(actor, "registry.import")
    run = _Run(actor=actor, reports=reports or MetricReports(), update=update, dry_run=dry_run)
    counts: Counter[str] = Counter()
    try:
        for chunk in _chunks(records):
            outcomes = run.import_chunk(chunk)
            # All are counted before the first is told: telling may be interrupted, what is committed is not undone.
            for outcome in outcomes:
                _count(counts, outcome)
            for outcome in outcomes:
                report(outcome)
    finally:
        names = ("groups", "versions", "packages", "updated", "decisions", "faults")
        told = {name: counts[name] for name in names if counts[name]}
        if told.keys() - {"faults"} and not dry_run:
            with transaction.atomic():
                record_event(actor, "registry.imported", target=source[:256], after=told, batch=run.batch)
                if counts["versions"] + counts["packages"] >= BULK:
                    note_bulk_load(ModelPackageGroup, ModelPackage, Container, CustomerMetadataProperty, Metric, Event)
    return counts


def _chunks(records: Iterable[Record | FaultyRecord]) -> Iterator[list[Record | FaultyRecord]]:
    chunk: list[Record | FaultyRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += record.size
        if len(chunk) >= CHUNK_RECORDS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _count(counts: Counter[str], outcome: Outcome) -> None:
    counts["records"] += 1
    counts["groups"] += outcome.made_group
    counts["metrics"] += outcome.metrics
    counts["decisions"] += outcome.decided
    if outcome.result == "new" and isinstance(outcome.record, GroupRecord):
        counts["groups"] += 1
    elif outcome.result == "new" and isinstance(outcome.record, PackageRecord):
        counts["versions" if outcome.record.group_name else "packages"] += 1
    else:
        counts["faults" if outcome.result == "fault" else outcome.result] += 1


def _key(record: Record) -> Key:
    """Names a group (number 0), a version, or an unversioned package (no number)."""
    if isinstance(record, GroupRecord):
        return (record.region, record.name, 0)
    return (record.region, record.group_name or record.name, record.version)


def explain(error: Exception) -> str:
    """What is wrong with a record, as one line."""
    if isinstance(error, ValidationError):
        texts = error.message_dict.items() if hasattr(error, "error_dict") else [("", error.messages)]
        return "; ".join(f"{name}: {' '.join(said)}" if name else " ".join(said) for name, said in texts).rstrip(".")
    if isinstance(error, Refused):
        return str(error).rstrip(".")
    return f"the database refused it ({type(error).__name__})"


class _Known:
    """What the registry has of the subjects of one chunk, read in a few queries, and what the chunk adds."""

    def __init__(self, records: list[Record]) -> None:
        self.groups: dict[tuple[str, str], ModelPackageGroup] = {}
        self.packages: dict[Key, ModelPackage] = {}
        for region, some in groupby(sorted(records, key=lambda r: r.region), key=lambda r: r.region):
            self._read_region(region, list(some))

    def _read_region(self, region: str, records: list[Record]) -> None:
        packages = [record for record in records if isinstance(record, PackageRecord)]
        names = {record.group_name if isinstance(record, PackageRecord) else record.name for record in records}
        live = ModelPackageGroup.objects.live().filter(region=region, name__in=names)
        self.groups |= {(region, group.name): group for group in live}
        numbers: dict[str, set[int | None]] = {}
        for record in packages:
            if not record.name_is_exact:
                self.find_without_case(record)
            numbers.setdefault(record.group_name, set()).add(record.version)
        for name, versions in numbers.items():
            if group := self.groups.get((region, name)):
                rows = ModelPackage.objects.filter(group=group, version__in=versions)
                for row in rows.prefetch_related("customer_metadata_properties"):
                    row.group = group
                    self.packages[(region, name, row.version)] = row
        alone = {record.name for record in packages if not record.group_name}
        if alone:
            found = ModelPackage.objects.live().unversioned().filter(region=region, name__in=alone)
            for row in found.prefetch_related("customer_metadata_properties", "tags"):
                self.packages[(region, str(row.name), None)] = row

    def find_without_case(self, record: PackageRecord) -> None:
        """Older ARNs have the name in lower case: take the one group that is called so but for case."""
        if (record.region, record.group_name) in self.groups:
            return
        same = [key for key in self.groups if (key[0], key[1].lower()) == (record.region, record.group_name.lower())]
        if same:
            record.group_name = same[0][1]
            return
        found = ModelPackageGroup.objects.live().filter(region=record.region, name__iexact=record.group_name)[:2]
        if len(found) == 1:
            record.group_name = found[0].name
            self.groups[(record.region, record.group_name)] = found[0]

    def lock(self) -> None:
        """Lock the groups until the chunk is committed, in one order; one that was deleted meanwhile is forgotten."""
        ids = [group.pk for group in self.groups.values()]
        live = set(
            ModelPackageGroup.objects.select_for_update()
            .live()
            .filter(pk__in=ids)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        self.groups = {key: group for key, group in self.groups.items() if group.pk in live}
        self.packages = {key: row for key, row in self.packages.items() if row.group_id is None or row.group_id in live}

    def add(self, outcome: Outcome) -> None:
        """Note what a record left, for a later record of the same subject."""
        if isinstance(outcome.record, FaultyRecord):
            return
        region, name, number = _key(outcome.record)
        if outcome.group is not None:
            self.groups[(region, outcome.group.name)] = outcome.group
        if outcome.package is not None and outcome.result != "same":
            # Read again, when it is asked for: the row in hand does not have the pairs that were just written.
            self.packages[(region, name, number)] = ModelPackage(pk=outcome.package.pk)

    def found(self, record: Record, existing: ModelPackage | ModelPackageGroup) -> None:
        """Note a row that another writer made meanwhile."""
        if isinstance(existing, ModelPackage):
            self.packages[_key(record)] = ModelPackage(pk=existing.pk)
        else:
            self.groups[(existing.region, existing.name)] = existing
            self.lock()

    def package(self, record: PackageRecord) -> ModelPackage | None:
        row = self.packages.get(_key(record))
        if row is not None and not row.region:
            row = ModelPackage.objects.select_related("group").get(pk=row.pk)
        return row


def _count_new(outcomes: list[Outcome]) -> None:
    """Raise the counters of the groups of one chunk, each group once."""
    new: dict[int, tuple[ModelPackageGroup, list[ModelPackage]]] = {}
    for outcome in outcomes:
        if outcome.result == "new" and outcome.package is not None and outcome.group is not None:
            new.setdefault(outcome.group.pk, (outcome.group, []))[1].append(outcome.package)
    for group, packages in new.values():
        count_imported(group, packages)


class _Run:
    """One import: who, how, and the id that all its events carry."""

    def __init__(self, *, actor: Actor, reports: MetricReports, update: bool, dry_run: bool) -> None:
        self.actor, self.reports, self.update, self.dry_run = actor, reports, update, dry_run
        self.batch: UUID = uuid4()
        # In a dry run: the keys (hashed) of what earlier chunks would have brought.
        self.taken_back: set[int] = set()

    def import_chunk(self, records: list[Record | FaultyRecord]) -> list[Outcome]:
        """Import some records in one transaction, each in a savepoint of its own; their events are written at its end.

        A chunk speaks of many groups: it locks those first, and the heads of their chains last.
        """
        good = [record for record in records if not isinstance(record, FaultyRecord)]
        known = _Known(good)
        # Reports may come over a network: read before the transaction, for which other writers wait.
        read = {id(record): self._read_reports(record, known) for record in good}
        outcomes = []
        with transaction.atomic():
            with held_back() as events:
                known.lock()
                for record in records:
                    outcomes.append(self._import_alone(record, known, read.get(id(record)), events))
                if not self.update:
                    _count_new(outcomes)
            if self.dry_run:
                transaction.set_rollback(True)
        if self.dry_run:
            outcomes = [self._as_if_kept(outcome) for outcome in outcomes]
        return outcomes

    def _import_alone(
        self, record: Record | FaultyRecord, known: _Known, read: Reports | None, events: Held
    ) -> Outcome:
        """One record of a chunk; what is wrong with it stops no other."""
        if isinstance(record, FaultyRecord):
            return Outcome(record, "fault", reason=record.reason)
        try:
            try:
                with events.together():
                    outcome = self._import_one(record, known, read)
            except AlreadyExists as error:
                # Somebody registered it since the chunk was looked up: compare with that one.
                known.found(record, error.existing)
                with events.together():
                    outcome = self._import_one(record, known, read)
            known.add(outcome)
        except (ValidationError, Refused, IntegrityError, DataError, ValueError, OverflowError) as error:
            return Outcome(record, "fault", reason=explain(error))
        return outcome

    def _read_reports(self, record: Record, known: _Known) -> Reports | None:
        """What the reports of a package say; None where they were read before, or where there are none."""
        if isinstance(record, GroupRecord):
            return None
        here = known.packages.get(_key(record))
        metrics = record.registration.model_metrics if here is None else here.model_metrics
        if not metrics or (here is not None and not here.metrics_note):
            return None
        return self.reports.read(metrics)

    def _import_one(self, record: Record, known: _Known, read: Reports | None) -> Outcome:
        """One record; its service function is atomic, so that what it refuses leaves nothing."""
        if isinstance(record, GroupRecord):
            return import_model_package_group(
                actor=self.actor,
                record=record,
                batch=self.batch,
                here=known.groups.get((record.region, record.name)),
                update=self.update,
            )
        if not record.name_is_exact:
            known.find_without_case(record)
        return import_model_package(
            actor=self.actor,
            record=record,
            batch=self.batch,
            group=known.groups.get((record.region, record.group_name)),
            here=known.package(record),
            read=read,
            update=self.update,
            # Counting a chunk at once halves the time; an update needs right counts between the records.
            count=self.update,
        )

    def _as_if_kept(self, outcome: Outcome) -> Outcome:
        """In a dry run: what an earlier chunk would have brought counts as being there."""
        if isinstance(outcome.record, FaultyRecord) or outcome.result != "new":
            return outcome
        key = _key(outcome.record)
        result = "same" if hash(key) in self.taken_back else outcome.result
        group_key = (
            (outcome.record.region, outcome.record.group_name, 0) if isinstance(outcome.record, PackageRecord) else key
        )
        made_group = outcome.made_group and hash(group_key) not in self.taken_back
        self.taken_back |= {hash(key), hash(group_key)}
        return Outcome(
            outcome.record,
            result,
            made_group=made_group,
            metrics=outcome.metrics,
            decided=outcome.decided and result == "new",
        )
