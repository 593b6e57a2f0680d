"""Write a backup, check one, and restore one; each as a function that commands call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.checkpoint_checks import checkpoint_faults
from registry.events.models import CheckpointKey
from registry.events.services import record
from registry.events.triggers import drop_log_triggers, make_log_triggers, missing_triggers

from . import migration_states, program
from .archive import FORMAT, JSON, VERSION, Reading, Writing
from .canonical import rows_of
from .errors import Damaged, Refusal
from .keys import KeyFit, fit_of_access_keys, fit_of_checkpoint_key
from .loading import Loader, filled_tables, make_way, room_to_load, set_last_number
from .log_walks import EVENTS, HEADS, LogWalk
from .snapshots import Reader, own_reader, snapshot
from .tables import Table

Report = Callable[[int], None]
ACCESS_KEYS = "accounts_accesskey"
# Rows that go into the database in one statement.
BATCH = 10_000


def _no_report(many: int) -> None:
    """For whoever draws no bar."""


@dataclass
class Told:
    """What a backup holds and what was found about it. `faults` are those of the log itself: where it was changed."""

    rows: int
    size: int
    counts: dict[str, int]
    made_at: str
    digest: str = ""
    is_older: bool = False
    faults: list[str] = field(default_factory=list)
    keys: list[KeyFit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, manifest: JSON, size: int) -> Told:
        rows = {told["name"]: told["rows"] for told in manifest["tables"]}
        counted = {
            "group": "catalog_modelpackagegroup",
            "version or package": "catalog_modelpackage",
            "event": EVENTS,
        }
        counts = {word: rows.get(name, 0) for word, name in counted.items()}
        return cls(manifest["totals"]["rows"], size, counts, manifest["made_at"])


# ---------- writing ----------


def back_up(
    *, actor: Actor, path: Path, force: bool = False, begin: Report = _no_report, report: Report = _no_report
) -> Told:
    """Write all data of this moment into a file, while others go on writing; leaves no event.

    Needs the right to back up. `begin` hears about how many rows there are, `report` how many more were written. Raises
    Refusal for a path that is taken, and OSError as the disk does; the file appears when it is whole. A log whose
    places do not fit together is written as it is, and told of.
    """
    authorize(actor, "registry.back_up")
    with Writing(path, force=force) as writing, snapshot() as reader:
        applied = reader.applied_migrations()
        tables = migration_states.tables_after(applied)
        numbers = {table.name: reader.last_number(table) for table in tables}
        begin(sum(filter(None, numbers.values())))
        log = _Log(tables, with_contents=False)
        for table in tables:
            told = writing.add(table, reader.lines(table, log.watch(table)), report)
            told["last_number"] = numbers[table.name]
        manifest = _manifest(reader, writing.members, applied)
        written = Told.of(manifest, writing.finish(manifest))
        written.faults = log.faults()
        return written


class _Log:
    """Watches the tables of the log go by and follows its chains."""

    def __init__(self, tables: list[Table], *, with_contents: bool) -> None:
        by_name = {table.name: table for table in tables}
        self.heads_table, self.heads = by_name.get(HEADS), list[Any]()
        self.walk = LogWalk(by_name[EVENTS], with_contents=with_contents)

    def watch(self, table: Table) -> Callable[[Any], None] | None:
        if table.name == EVENTS:
            return self.walk.take
        return self._keep_heads if table.name == HEADS else None

    def _keep_heads(self, rows: Sequence[Sequence[Any]]) -> None:
        # Copies: a loader changes rows into what it writes.
        self.heads += map(tuple, rows)

    def faults(self) -> list[str]:
        if self.heads_table is not None:
            self.walk.finish(self.heads_table, self.heads)
        return self.walk.told()


def _manifest(reader: Reader, members: list[JSON], applied: list[tuple[str, str]]) -> JSON:
    by_name = {told["name"]: told for told in members}
    return {
        "format": FORMAT,
        "version": VERSION,
        "program": f"Model Registry {program.version()}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "database": reader.vendor,
        "account_id": settings.REGISTRY_ACCOUNT_ID,
        "totals": {"rows": sum(told["rows"] for told in members), "bytes": sum(told["bytes"] for told in members)},
        "log": {
            "events": by_name[EVENTS]["rows"],
            # The heads of all chains are the rows of this member.
            "heads": by_name.get(HEADS, {}).get("sha256"),
            "checkpoint": _newest_checkpoint(reader) if "events_checkpoint" in by_name else None,
        },
        "migrations": [list(name) for name in applied],
        "tables": members,
    }


def _newest_checkpoint(reader: Reader) -> JSON | None:
    """Number, key and signature of the newest checkpoint, to be compared with one that was kept elsewhere."""
    signature = "lower(hex(signature))" if reader.vendor == "sqlite" else "encode(signature, 'hex')"
    sql = f"SELECT number, key, {signature} FROM events_checkpoint ORDER BY number DESC LIMIT 1"
    for rows in reader.rows(sql):
        return dict(zip(("number", "key", "signature"), rows[0], strict=True))
    return None


# ---------- checking ----------


def check(*, path: Path, begin: Report = _no_report, report: Report = _no_report) -> Told:
    """Read all of a backup, without a database: bytes, members, rows, the chains of the log. Raises Refusal, Damaged.

    `begin` hears how many bytes there are, of the file and then of its rows; `report` how many more were read.
    """
    begin(_size(path))
    with Reading(path, report) as backup:
        begin(backup.manifest["totals"]["bytes"])
        told, log = _told(backup), _Log(backup.tables, with_contents=True)
        for table in backup.tables:
            watch = log.watch(table)
            for lines in backup.batches(table):
                rows = _rows(table, lines)
                if watch is not None:
                    watch(rows)
                report(sum(map(len, lines)) + len(lines))
        told.faults = log.faults()
        told.keys = _keys(backup)
        return told


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}.") from None


def _told(backup: Reading) -> Told:
    told = Told.of(backup.manifest, _size(backup.path))
    told.digest = backup.digest
    account = backup.manifest["account_id"]
    if account != settings.REGISTRY_ACCOUNT_ID:
        told.remarks.append(
            f"it was made with REGISTRY_ACCOUNT_ID={account}, here it is {settings.REGISTRY_ACCOUNT_ID}, so that ARNs "
            "which clients kept do not fit."
        )
    return told


def _keys(backup: Reading) -> list[KeyFit]:
    return [
        *fit_of_access_keys(_all_rows(backup, ACCESS_KEYS)),
        *fit_of_checkpoint_key(backup.manifest["log"]["checkpoint"]),
    ]


def _rows(table: Table, lines: list[bytes]) -> list[list[Any]]:
    """The rows of lines; Damaged where they do not have the columns of the table."""
    try:
        rows = rows_of(lines)
    except ValueError as error:
        raise Damaged(f"A row of {table.name} cannot be read: {error}.") from None
    if any(len(row) != len(table.columns) for row in rows):
        raise Damaged(f"A row of {table.name} has other columns than the manifest lists.")
    return rows


def _all_rows(backup: Reading, name: str) -> Iterator[dict[str, Any]]:
    for table in backup.tables:
        if table.name == name:
            names = [column.name for column in table.columns]
            for lines in backup.batches(table):
                for row in _rows(table, lines):
                    yield dict(zip(names, row, strict=True))


# ---------- restoring ----------


def restore(
    *,
    actor: Actor,
    path: Path,
    accept_broken_log: bool = False,
    begin: Report = _no_report,
    report: Report = _no_report,
) -> Told:
    """Bring all rows of a backup into this database, prove that they are the same, leave one `registry.restored`.

    Needs the right to restore. Only into a database without any data of a registry: nothing is ever deleted for it. A
    database without tables is migrated first; a backup of an older program is restored as it was, then migrated. All in
    one transaction: rows, constraints, counts and digests recomputed from the database, the chains of the log and its
    checkpoints. Raises Refusal before anything is written, Damaged where something is not what it was: then nothing is.
    A log that was changed before it was backed up is Damaged too, but for `accept_broken_log`: it is restored with its
    faults, which are told and counted in the event.
    """
    authorize(actor, "registry.restore")
    begin(_size(path))
    with Reading(path, report) as backup:
        applied = [(app, name) for app, name in backup.manifest["migrations"]]
        expected = migration_states.tables_after(applied)
        if {table.name: table for table in expected} != {table.name: table for table in backup.tables}:
            raise Refusal(f"{path} has other tables than this program had after the same migrations.")
        _refuse_data(expected)
        is_older = migration_states.prepare(applied)
        # Migrations put something into a database that was without tables, but no data.
        _refuse_data(expected)
        # Written, then read again.
        begin(2 * backup.manifest["totals"]["rows"])
        told = _told(backup)
        told.is_older = is_older
        with room_to_load(), transaction.atomic():
            _load(backup, expected, report, as_it_is=accept_broken_log and _is_broken(backup))
            _check_constraints()
            told.faults = _prove(backup, expected, report)
            if not is_older:
                told.faults += _checkpoint_faults()
            if not accept_broken_log:
                _refuse_faults(path, told.faults)
            if not is_older:
                _finish(actor, told)
        if is_older:
            migration_states.go_on()
            with transaction.atomic():
                _finish(actor, told)
        told.keys = _keys(backup)
        return told


def _refuse_data(tables: list[Table]) -> None:
    there = set(connection.introspection.table_names())
    filled = filled_tables([table for table in tables if table.name in there])
    if filled:
        raise Refusal(
            f"This database holds data already, in {', '.join(filled[:5])}. A backup goes only into an empty one, and "
            "nothing is deleted for it, since a log is never deleted: name another one in REGISTRY_DATA_DIR or "
            "DATABASE_URL."
        )


def _refuse_faults(path: Path, faults: list[str]) -> None:
    if faults:
        raise Damaged(
            f"The log in {path} was changed before it was backed up: {'; '.join(faults)}. Nothing was restored. "
            "--accept-broken-log restores it as it is."
        )


def _is_broken(backup: Reading) -> bool:
    """Whether the log in the backup is one that the triggers would not let in."""
    log = _Log(backup.tables, with_contents=False)
    for table in backup.tables:
        if (watch := log.watch(table)) is not None:
            for lines in backup.batches(table):
                watch(_rows(table, lines))
    return bool(log.faults())


def _load(backup: Reading, tables: list[Table], report: Report, *, as_it_is: bool) -> None:
    make_way()
    log = _Log(tables, with_contents=False)
    if as_it_is:
        drop_log_triggers(connection)
    # Chains begin before their events, whatever the order of tables.
    for table in sorted(tables, key=lambda table: table.name != HEADS):
        loader = Loader(table)
        load = loader.load
        if table.name == HEADS:
            load = loader.replace_heads if as_it_is else loader.begin_chains
        watch = log.watch(table)
        try:
            for lines in backup.batches(table):
                for part in _parts(lines):
                    rows = _rows(table, part)
                    if watch is not None:
                        watch(rows)
                    load(rows)
                    report(len(part))
        except (DatabaseError, ValueError) as error:
            if not as_it_is:
                _refuse_faults(backup.path, log.walk.told())
            reason = " ".join(str(error).split())
            raise Damaged(
                f"The database does not take a row of {table.name}: {reason} Nothing was restored."
            ) from error
        if (number := backup.told(table)["last_number"]) is not None:
            set_last_number(table, number)
    if as_it_is:
        make_log_triggers(connection)
    else:
        _refuse_faults(backup.path, log.faults())


def _parts(lines: list[bytes]) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while part := list(islice(rest, BATCH)):
        yield part


def _check_constraints() -> None:
    """Foreign keys and whatever else waits for the end of a transaction."""
    try:
        connection.check_constraints()
    except DatabaseError as error:
        raise Damaged(f"The rows do not belong together: {' '.join(str(error).split())}") from error


def _prove(backup: Reading, tables: list[Table], report: Report) -> list[str]:
    """Recompute count and digest of each table from the database; Damaged where one is not the manifest's.

    Returns what is wrong with the log that both have: each event's digest is computed anew too.
    """
    reader, log = own_reader(), _Log(tables, with_contents=True)
    for table in tables:
        digest, rows = hashlib.sha256(), 0
        for many, lines in reader.lines(table, log.watch(table)):
            digest.update(lines)
            rows += many
            report(many)
        told = backup.told(table)
        if (rows, digest.hexdigest()) != (told["rows"], told["sha256"]):
            raise Damaged(
                f"{table.name} came out of the database with {rows} rows and another digest than its {told['rows']} "
                "rows had in the backup. Nothing was restored."
            )
    faults = log.faults()
    if log.walk.is_chained:
        faults += [f"the trigger {name} is missing" for name in missing_triggers(connection)]
    return faults


def _checkpoint_faults() -> list[str]:
    """What does not fit the checkpoints, by the keys that came with them; which key is at hand is another question."""
    trusted = [bytes(public) for public in CheckpointKey.objects.values_list("public", flat=True)]
    return [fault.rstrip(".") for fault in islice(checkpoint_faults(trusted), 10)]


def _finish(actor: Actor, told: Told) -> None:
    """The one event that is new: after all was proved, since it makes the log longer than it was."""
    after: JSON = {"made_at": told.made_at, "rows": told.rows}
    if told.faults:
        after["faults"] = told.faults
    record(actor, "registry.restored", target=f"sha256:{told.digest}", after=after)
