"""Write a backup and check one; each as a function that commands call. The way back is restoring.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from registry.accounts.permissions import Actor, authorize

from . import migration_states, program
from .archive import FORMAT, JSON, VERSION, Reading, Writing
from .findings import Begin, Report, Told, keys_for, no_begin, no_report, told_of
from .log_walks import EVENTS, HEADS, LogWatch
from .snapshots import Reader, snapshot


def back_up(
    *, actor: Actor, path: Path, force: bool = False, begin: Begin = no_begin, report: Report = no_report
) -> Told:
    """Write all data of this moment into a file, while others go on writing; leaves no event.

    Needs the right to back up. `begin` hears about how many rows there are, `report` how many more were written. Raises
    Refusal for a path that is taken, and OSError as the disk does; the file appears when it is whole. A log whose
    places do not fit together is written as it is, and told of.
    """
    authorize(actor, "registry.back_up")
    with Writing(path, force=force) as writing, snapshot() as reader:
        moment = datetime.now(UTC)
        applied = reader.applied_migrations()
        tables = migration_states.tables_after(applied)
        numbers = {table.name: reader.last_number(table) for table in tables}
        begin(sum(filter(None, numbers.values())), "rows")
        log = LogWatch(tables, with_contents=False)
        for table in tables:
            told = writing.add(table, reader.lines(table, log.watch(table)), report)
            told["last_number"] = numbers[table.name]
        manifest = _manifest(reader, moment, writing.members, applied)
        written = Told.of(manifest, writing.finish(manifest))
        written.faults = log.faults()
        return written


def _manifest(reader: Reader, moment: datetime, members: list[JSON], applied: list[tuple[str, str]]) -> JSON:
    by_name = {told["name"]: told for told in members}
    return {
        "format": FORMAT,
        "version": VERSION,
        "program": f"Model Registry {program.version()}",
        "made_at": moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
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


def check(*, path: Path, begin: Begin = no_begin, report: Report = no_report) -> Told:
    """Read all of a backup, without a database: bytes, members, rows, the chains of the log. Raises Refusal, Damaged.

    `begin` hears how many bytes the file has, then how many rows; `report` how many more were read.
    """
    with Reading(path, begin, report) as backup:
        told, log = told_of(backup), LogWatch(backup.tables, with_contents=True)
        begin(told.rows, "rows")
        for table in backup.tables:
            watch = log.watch(table)
            for rows in backup.rows(table):
                if watch is not None:
                    watch(rows)
                report(len(rows))
        told.faults = log.faults()
        told.keys = keys_for(backup)
        return told
