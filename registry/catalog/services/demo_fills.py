"""Fill the registry with large demo data, as quickly as the database takes it."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection, transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.models import Event
from registry.events.services import record
from registry.statements import note_bulk_load

from ..demo.filling import Filling
from ..demo.rows import TABLES, flush_commit, roomy_sqlite, vacuum
from ..demo.scheme import Scheme
from ..errors import AlreadyExists, Refused
from ..models import ModelPackage, ModelPackageGroup

# Registrations whose rows are kept in memory before they are written.
BATCH = 2_000


def fill_with_demo(
    *, actor: Actor, scheme: Scheme, add: bool = False, report: Callable[[int, int], None] = lambda done, rows: None
) -> int:
    """Write the history that a scheme describes; returns how many rows, and leaves one `registry.imported`.

    Needs the right to import. Its rows are what the services would have left, its own events included. `add` lets it
    into a registry that is not empty. PostgreSQL takes all of it in one transaction, SQLite in many small ones.
    `report` hears how many versions and rows there are so far. Raises AlreadyExists when that scheme's data is there,
    Refused when something else is, or a part of it.
    """
    authorize(actor, "registry.import")
    _refuse_what_is_there(scheme, add=add)
    filling = Filling(scheme)
    with transaction.atomic():
        filling.reserve()
    if connection.vendor == "postgresql":
        with transaction.atomic():
            flush_commit()
            rows = _fill(filling, report, whole=True)
            _finish(actor, scheme)
            note_bulk_load(*TABLES)
        if not connection.in_atomic_block:
            vacuum()
        return rows
    with roomy_sqlite():
        rows = _fill(filling, report, whole=False)
        with transaction.atomic():
            _finish(actor, scheme)
    return rows


def _fill(filling: Filling, report: Callable[[int, int], None], *, whole: bool) -> int:
    rows = 0

    def write() -> None:
        nonlocal rows
        with transaction.atomic():
            rows += filling.save()
            if not whole:
                filling.save_groups()

    for done in filling.advance():
        if done % BATCH == 0:
            write()
            report(done, rows)
    write()
    with transaction.atomic():
        filling.save_groups()
    return rows


def _finish(actor: Actor, scheme: Scheme) -> None:
    told = {"groups": scheme.groups, "versions": scheme.versions, "packages": scheme.packages}
    record(actor, "registry.imported", target=scheme.label(), after=told)


def _refuse_what_is_there(scheme: Scheme, *, add: bool) -> None:
    if Event.objects.filter(kind="registry.imported", target=scheme.label()).exists():
        raise AlreadyExists(f"The groups {scheme.prefix}-… of seed {scheme.seed} are there already.", None)
    if ModelPackageGroup.objects.filter(region=scheme.region, name__prefix=f"{scheme.prefix}-").exists():
        raise Refused(
            f"There are other groups {scheme.prefix}-…: name another prefix, or begin with an empty registry."
        )
    if not add and (ModelPackageGroup.objects.exists() or ModelPackage.objects.exists()):
        raise Refused("The registry is not empty. Use another data folder or database, or say --add.")
