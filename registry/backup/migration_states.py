"""Which tables there were after which migrations: a backup is of the state it was made in, older programs' included."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import apps
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from .errors import Refusal
from .tables import Table, kept_tables

Names = Sequence[tuple[str, str]]


def tables_after(applied: Names) -> list[Table]:
    """The tables of a backup after these migrations (app, name); Refusal where this program does not know them all."""
    loader = MigrationLoader(None)
    refuse_unknown(applied, loader)
    if not set(loader.graph.nodes) - set(applied):
        return kept_tables(apps)
    return kept_tables(loader.project_state([name for name in applied if name in loader.graph.nodes]).apps)


def refuse_unknown(applied: Names, loader: MigrationLoader | None = None) -> None:
    """Refusal for migrations that this program does not have."""
    known = (loader or MigrationLoader(None)).disk_migrations
    unknown = [f"{app}.{name}" for app, name in applied if (app, name) not in known]
    if unknown:
        raise Refusal(
            f"It is of a newer program, with {_listed(unknown)}: use that version of the program, or a later one."
        )


def applied_here() -> list[tuple[str, str]]:
    """What was migrated in this database, sorted; nothing where it has no tables."""
    return sorted(MigrationLoader(connection).applied_migrations)


def prepare(applied: Names) -> bool:
    """Bring this database to where it was after `applied`; True where the rest is to follow (`go_on`).

    An empty database is migrated, one that is there already stays. Refusal where it stands somewhere else.
    """
    loader = MigrationLoader(connection)
    refuse_unknown(applied, loader)
    wanted, here = set(applied) & set(loader.graph.nodes), set(loader.applied_migrations)
    older = wanted != set(loader.graph.nodes)
    if not here:
        if older:
            migrate_to(wanted)
        else:
            call_command("migrate", interactive=False, verbosity=0)
    elif (surplus := here - set(applied)) and older:
        raise Refusal(
            f"It was made before {_listed(_names(surplus))}, which this database has already. Restore it into a "
            "database without any table: it is made as it was then, filled, checked, and migrated."
        )
    elif missing := wanted - here:
        raise Refusal(f"This database lacks {_listed(_names(missing))}: run `manage.py migrate` first.")
    return older


def go_on() -> None:
    """Apply all migrations that are left."""
    call_command("migrate", interactive=False, verbosity=0)


def migrate_to(wanted: set[tuple[str, str]]) -> None:
    """Apply just these migrations to a database without tables."""
    executor = MigrationExecutor(connection)
    nodes = executor.loader.graph.node_map
    # The last of each app: an earlier one as a target means the way back to it.
    last = sorted(
        n for n in wanted if not any(child.key in wanted for child in nodes[n].children if child.key[0] == n[0])
    )
    plan = executor.migration_plan(last)
    state = executor.migrate(last, plan=plan)
    # Content types and permissions, for what names them.
    emit_post_migrate_signal(0, False, connection.alias, apps=state.apps, plan=plan)


def _names(migrations: set[tuple[str, str]]) -> list[str]:
    return [".".join(name) for name in sorted(migrations)]


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return f"the migration {names[0]}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"the migrations {', '.join(names[:3])}{more}"
