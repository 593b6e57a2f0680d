"""Bring a backup back into a database, and prove that what is in it then is what was backed up."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

from django.db import DatabaseError, connection, transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.checkpoint_checks import checkpoint_findings
from registry.events.models import CheckpointKey
from registry.events.services import record
from registry.events.triggers import drop_log_triggers, make_log_triggers, missing_triggers

from . import migration_states
from .archive import JSON, Reading
from .errors import Damaged, Refusal
from .findings import Begin, Report, Told, keys_for, no_begin, no_report, told_of
from .loading import Loader, filled_tables, make_way, note_load, room_to_load, set_last_number
from .log_walks import HEADS, LogWatch
from .snapshots import own_reader
from .tables import Table


def restore(
    *,
    actor: Actor,
    path: Path,
    accept_broken_log: bool = False,
    begin: Begin = no_begin,
    report: Report = no_report,
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
    with Reading(path, begin, report) as backup:
        applied = [(app, name) for app, name in backup.manifest["migrations"]]
        expected = migration_states.tables_after(applied)
        if {table.name: table for table in expected} != {table.name: table for table in backup.tables}:
            raise Refusal(f"{path} has other tables than this program had after the same migrations.")
        _refuse_data(expected)
        is_older = migration_states.prepare(applied)
        # Migrations put something into a database that was without tables, but no data.
        _refuse_data(expected)
        # Written, then read again.
        begin(2 * backup.manifest["totals"]["rows"], "rows")
        told = told_of(backup)
        told.is_older = is_older
        with room_to_load(), transaction.atomic():
            _load(backup, expected, report, as_it_is=accept_broken_log and _is_broken(backup))
            _check_constraints()
            note_load(expected)
            told.faults = _prove(backup, expected, report)
            if not is_older:
                told.faults += _checkpoint_faults()
            if not accept_broken_log:
                _refuse_faults(path, told.faults)
            if not is_older:
                _finish(actor, told)
        if is_older:
            migration_states.go_on()
            # They are read by today's models, which fit only now.
            told.faults += _checkpoint_faults()
            with transaction.atomic():
                _finish(actor, told)
        told.keys = keys_for(backup)
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
    log = LogWatch(backup.tables, with_contents=False)
    for table in backup.tables:
        if (watch := log.watch(table)) is not None:
            for rows in backup.rows(table):
                watch(rows)
    return bool(log.faults())


def _load(backup: Reading, tables: list[Table], report: Report, *, as_it_is: bool) -> None:
    make_way()
    log = LogWatch(tables, with_contents=False)
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
            for rows in backup.rows(table):
                if watch is not None:
                    watch(rows)
                load(rows)
                report(len(rows))
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
    reader, log = own_reader(), LogWatch(tables, with_contents=True)
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
    return [finding.text.rstrip(".") for finding in islice(checkpoint_findings(trusted), 10)]


def _finish(actor: Actor, told: Told) -> None:
    """The one event that is new: after all was proved, since it makes the log longer than it was."""
    after: JSON = {"made_at": told.made_at, "rows": told.rows}
    if told.faults:
        after["faults"] = told.faults
    record(actor, "registry.restored", target=f"sha256:{told.digest}", after=after)
