"""Write a backup, check one, and restore one; each as a function that commands call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from . import migration_states, program
from .archive import FORMAT, JSON, VERSION, Reading, Writing
from .canonical import rows_of
from .errors import Damaged, Refusal
from .keys import KeyFit, fit_of_access_keys, fit_of_checkpoint_key
from .loading import Loader, filled_tables, make_way, room_to_load, set_last_number
from .snapshots import Reader, own_reader, snapshot
from .tables import KEPT_BY_TRIGGERS, Table

Report = Callable[[int], None]
BATCH = 10_000


def _no_report(many: int) -> None:
    pass


@dataclass
class Written:
    """What a backup holds, for who made it."""

    rows: int
    size: int
    counts: dict[str, int]


@dataclass
class Restored(Written):
    """What was restored, what was proved of it, and which keys it needs."""

    digest: str
    made_at: str
    is_older: bool = False
    keys: list[KeyFit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


# ---------- writing ----------


def back_up(
    *, actor: Actor, path: Path, force: bool = False, begin: Report = _no_report, report: Report = _no_report
) -> Written:
    """Write all data of this moment into a file, while others go on writing; leaves no event.

    Needs the right to back up. `begin` hears about how many rows there are, `report` how many more were written. Raises
    Refusal for a path that is taken, and OSError as the disk does; the file appears when it is whole.
    """
    authorize(actor, "registry.back_up")
    with Writing(path, force=force) as writing, snapshot() as reader:
        applied = reader.applied_migrations()
        tables = migration_states.tables_after(applied)
        numbers = {table.name: reader.last_number(table) for table in tables}
        begin(sum(filter(None, numbers.values())))
        for table in tables:
            writing.add(table, reader.lines(table), report)["last_number"] = numbers[table.name]
        manifest = _manifest(reader, writing.members, applied)
        return Written(manifest["totals"]["rows"], writing.finish(manifest), _counts(manifest))


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
            "events": by_name["events_event"]["rows"],
            # The heads of all chains are the rows of this member.
            "heads": by_name.get("events_chainhead", {}).get("sha256"),
            "checkpoint": newest_checkpoint(reader) if "events_checkpoint" in by_name else None,
        },
        "migrations": [list(name) for name in applied],
        "tables": members,
    }


def newest_checkpoint(reader: Reader) -> JSON | None:
    """Number, time, key and signature of the newest checkpoint, for whoever holds its text from elsewhere."""
    names = ("number", "key", "signature")
    signature = "lower(hex(signature))" if reader.vendor == "sqlite" else "encode(signature, 'hex')"
    sql = f"SELECT number, key, {signature} FROM events_checkpoint ORDER BY number DESC LIMIT 1"
    for rows in reader.rows(sql):
        return dict(zip(names, rows[0], strict=True))
    return None


def _counts(manifest: JSON) -> dict[str, int]:
    """What people count."""
    rows = {told["name"]: told["rows"] for told in manifest["tables"]}
    words = {
        "group": "catalog_modelpackagegroup",
        "version or package": "catalog_modelpackage",
        "event": "events_event",
    }
    return {word: rows.get(name, 0) for word, name in words.items()}


# ---------- checking ----------


def check(*, path: Path, begin: Report = _no_report, report: Report = _no_report) -> Restored:
    """Read all of a backup without a database: each byte, each member, each row. Raises Refusal and Damaged.

    `begin` hears how many bytes there are, twice: the file's and those of its rows; `report` how many more were read.
    """
    begin(_size(path))
    with Reading(path, report) as backup:
        begin(backup.manifest["totals"]["bytes"])
        keys: list[KeyFit] = []
        for table in backup.tables:
            for lines in backup.batches(table):
                _rows(table, lines)
                report(sum(map(len, lines)))
        keys += fit_of_access_keys(_all_rows(backup, "accounts_accesskey"))
        keys += fit_of_checkpoint_key(backup.manifest["log"]["checkpoint"])
        return _told(backup, keys)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}.") from None


def _told(backup: Reading, keys: list[KeyFit]) -> Restored:
    manifest = backup.manifest
    told = Restored(
        manifest["totals"]["rows"],
        _size(backup.path),
        _counts(manifest),
        digest=backup.digest,
        made_at=manifest["made_at"],
        keys=keys,
    )
    if manifest["account_id"] != settings.REGISTRY_ACCOUNT_ID:
        told.remarks.append(
            f"It was made with REGISTRY_ACCOUNT_ID={manifest['account_id']}, here it is "
            f"{settings.REGISTRY_ACCOUNT_ID}: ARNs that clients kept do not fit."
        )
    return told


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


def restore(*, actor: Actor, path: Path, begin: Report = _no_report, report: Report = _no_report) -> Restored:
    """Bring all rows of a backup into this database, prove that they are the same, leave one `registry.restored`.

    Needs the right to restore. Only into a database without any data of a registry: nothing is ever deleted for it. A
    database without tables is migrated first; a backup of an older program is restored as it was, then migrated. All in
    one transaction: rows, constraints, counts and digests recomputed from the database, the chains of the log. Raises
    Refusal before anything is written, Damaged where something is not what it was: then nothing is.
    """
    authorize(actor, "registry.restore")
    begin(_size(path))
    with Reading(path, report) as backup:
        applied = [(app, name) for app, name in backup.manifest["migrations"]]
        expected = migration_states.tables_after(applied)
        if sorted(expected, key=lambda table: table.name) != sorted(backup.tables, key=lambda table: table.name):
            raise Refusal(f"{path} has other tables than this program had after the same migrations.")
        _refuse_data(expected)
        is_older = migration_states.prepare(applied)
        _refuse_data(expected)
        # Written, then read again.
        begin(2 * backup.manifest["totals"]["rows"])
        with room_to_load(), transaction.atomic():
            _load(backup, expected, report)
            _check_constraints()
            _prove(backup, expected, report)
            told = _told(backup, [])
            told.is_older = is_older
            if not is_older:
                _finish(actor, told)
        if is_older:
            migration_states.go_on()
            with transaction.atomic():
                _finish(actor, told)
        told.keys = fit_of_access_keys(_all_rows(backup, "accounts_accesskey"))
        told.keys += fit_of_checkpoint_key(backup.manifest["log"]["checkpoint"])
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


def _load(backup: Reading, tables: list[Table], report: Report) -> None:
    make_way()
    # Chains begin before their events, whatever the order of tables.
    for table in sorted(tables, key=lambda table: table.name not in KEPT_BY_TRIGGERS):
        loader = Loader(table)
        load = loader.begin_chains if table.name in KEPT_BY_TRIGGERS else loader.load
        try:
            for lines in backup.batches(table):
                for part in _parts(lines):
                    load(_rows(table, part))
                    report(len(part))
        except (DatabaseError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise Damaged(f"The database does not take a row of {table.name}: {reason}.") from error
        if (number := backup.told(table)["last_number"]) is not None:
            set_last_number(table, number)


def _parts(lines: list[bytes]) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while part := list(islice(rest, BATCH)):
        yield part


def _check_constraints() -> None:
    """Foreign keys and whatever else waits for the end of a transaction."""
    try:
        connection.check_constraints()
    except DatabaseError as error:
        raise Damaged(f"The rows do not belong together: {' '.join(str(error).split())}.") from error


def _prove(backup: Reading, tables: list[Table], report: Report) -> None:
    """Recompute count and digest of each table from the database; Damaged where one is not the manifest's."""
    reader = own_reader()
    for table in tables:
        digest, rows = hashlib.sha256(), 0
        for many, lines in reader.lines(table):
            digest.update(lines)
            rows += many
            report(many)
        told = backup.told(table)
        if (rows, digest.hexdigest()) != (told["rows"], told["sha256"]):
            raise Damaged(
                f"{table.name} came out of the database with {rows} rows and another digest than its {told['rows']} "
                "rows had in the backup. Nothing was restored."
            )


def _finish(actor: Actor, told: Restored) -> None:
    """The one event that is new: after all was proved, since it makes the log longer than it was."""
    record(
        actor,
        "registry.restored",
        target=f"sha256:{told.digest}",
        after={"made_at": told.made_at, "rows": told.rows},
        at=timezone.now(),
    )
