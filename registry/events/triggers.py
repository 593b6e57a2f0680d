"""The triggers that keep the log as it is, whoever writes: for migrations, which make them, and for `verifylog`.

What they say of events_event: rows come only in at the end of their chain, and stay. Of events_chainhead: a head begins
at position 0 and moves only with its chain. Whoever owns the database can take triggers away; the chain shows it then.
A migration that remakes one of the tables (on SQLite nearly every change of a column does) must call drop_log_triggers
before, since one table's triggers name the other, and make_log_triggers after: tests/events/test_triggers.py tells.
"""

from __future__ import annotations

from typing import Any

ZERO = "00" * 32


def append_only(vendor: str, table: str, same: str = "rowid = NEW.rowid") -> dict[str, str]:
    """By name, the statements that make the triggers against UPDATE, DELETE, TRUNCATE and writing over of a table.

    `same` is when a row that is there has the key of a new one, for the tables whose key is not the rowid of SQLite.
    """
    if vendor == "postgresql":
        return {
            f"{table}_append_only": f"""
                CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION events_refuse()"""
        }
    refuse = "SELECT RAISE(ABORT, 'The log is append-only: {} is refused.');"
    return {
        f"{table}_no_update": f"""
            CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {refuse.format("UPDATE")} END""",
        f"{table}_no_delete": f"""
            CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN {refuse.format("DELETE")} END""",
        # INSERT OR REPLACE takes the old row away without asking the trigger above.
        f"{table}_no_replace": f"""
            CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
            WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
            BEGIN {refuse.format("INSERT over a row")} END""",
    }


_POSTGRESQL_FUNCTIONS = [
    """
    CREATE OR REPLACE FUNCTION events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'The log is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END $$""",
    # For each statement, so that a COPY of 500,000 events is looked at once; what a statement brings into a chain must
    # begin behind its head and go on without a gap. Two writers at once are told apart by UNIQUE (chain, position).
    """
    CREATE OR REPLACE FUNCTION events_continue() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        wrong record;
    BEGIN
        SELECT chain, position INTO wrong FROM (
            SELECT chain, position, previous, digest, group_id,
                lag(position) OVER way AS before_position, lag(digest) OVER way AS before_digest
            FROM fresh WINDOW way AS (PARTITION BY chain ORDER BY position)
        ) events
        WHERE chain <> coalesce(group_id, 0) OR octet_length(digest) <> 32 OR NOT CASE
            WHEN before_position IS NOT NULL THEN before_position = position - 1 AND before_digest = previous
            ELSE EXISTS (
                SELECT 1 FROM events_chainhead head
                WHERE head.chain = events.chain AND head.position = events.position - 1
                AND head.digest = events.previous
            ) END
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'The log is append-only: position % does not continue chain %.', wrong.position, wrong.chain
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        UPDATE events_chainhead head SET position = last.position, digest = last.digest FROM (
            SELECT DISTINCT ON (chain) chain, position, digest FROM fresh ORDER BY chain, position DESC
        ) last WHERE head.chain = last.chain;
        RETURN NULL;
    END $$""",
]

_POSTGRESQL = {
    "events_event_continue": """
        CREATE TRIGGER events_event_continue AFTER INSERT ON events_event REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION events_continue()""",
    "events_chainhead_begins": f"""
        CREATE TRIGGER events_chainhead_begins BEFORE INSERT ON events_chainhead FOR EACH ROW
        WHEN (NEW.position <> 0 OR NEW.digest <> '\\x{ZERO}'::bytea) EXECUTE FUNCTION events_refuse()""",
    # Depth 0: not from within events_continue().
    "events_chainhead_moves": """
        CREATE TRIGGER events_chainhead_moves BEFORE UPDATE OR DELETE OR TRUNCATE ON events_chainhead FOR EACH STATEMENT
        WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION events_refuse()""",
}

_SQLITE = {
    "events_event_continue": """
        CREATE TRIGGER events_event_continue BEFORE INSERT ON events_event
        WHEN NEW.chain IS NOT coalesce(NEW.group_id, 0) OR length(NEW.digest) IS NOT 32 OR NOT EXISTS (
            SELECT 1 FROM events_chainhead
            WHERE chain = NEW.chain AND position = NEW.position - 1 AND digest = NEW.previous
        )
        BEGIN SELECT RAISE(ABORT, 'The log is append-only: this event does not continue its chain.'); END""",
    "events_event_head": """
        CREATE TRIGGER events_event_head AFTER INSERT ON events_event
        BEGIN
            UPDATE events_chainhead SET position = NEW.position, digest = NEW.digest WHERE chain = NEW.chain;
        END""",
    "events_chainhead_begins": f"""
        CREATE TRIGGER events_chainhead_begins BEFORE INSERT ON events_chainhead
        WHEN NEW.position IS NOT 0 OR NEW.digest IS NOT X'{ZERO}'
            OR EXISTS (SELECT 1 FROM events_chainhead WHERE chain = NEW.chain)
        BEGIN SELECT RAISE(ABORT, 'The log is append-only: a chain begins once, at position 0.'); END""",
    # No trigger knows here who called it; a head that stands at the last event of its chain is right, whoever set it.
    "events_chainhead_moves": """
        CREATE TRIGGER events_chainhead_moves BEFORE UPDATE ON events_chainhead
        WHEN NEW.chain IS NOT OLD.chain OR NOT EXISTS (
            SELECT 1 FROM events_event WHERE chain = NEW.chain AND position = NEW.position AND digest = NEW.digest
        ) OR EXISTS (SELECT 1 FROM events_event WHERE chain = NEW.chain AND position = NEW.position + 1)
        BEGIN SELECT RAISE(ABORT, 'The log is append-only: a head moves only with its chain.'); END""",
    "events_chainhead_stays": """
        CREATE TRIGGER events_chainhead_stays BEFORE DELETE ON events_chainhead
        BEGIN SELECT RAISE(ABORT, 'The log is append-only: DELETE is refused.'); END""",
}


def log_triggers(vendor: str) -> dict[str, str]:
    """By name, the statement that makes each trigger of the log on PostgreSQL or SQLite."""
    return append_only(vendor, "events_event") | (_POSTGRESQL if vendor == "postgresql" else _SQLITE)


def checkpoint_triggers(vendor: str) -> dict[str, str]:
    """By name, the statement that makes each trigger of the tables of the checkpoints."""
    return {
        **append_only(vendor, "events_checkpoint", "number = NEW.number"),
        **append_only(vendor, "events_checkpointkey", "name = NEW.name"),
        **append_only(
            vendor, "events_checkpointleaf", "id = NEW.id OR (chain = NEW.chain AND position = NEW.position)"
        ),
    }


def make_checkpoint_triggers(connection: Any) -> None:
    """Make the triggers of the checkpoints' tables; migration 0003 made the functions that they call."""
    with connection.cursor() as cursor:
        for statement in checkpoint_triggers(connection.vendor).values():
            cursor.execute(statement)


def make_log_triggers(connection: Any) -> None:
    """Make the triggers of the log, anew where they are there."""
    drop_log_triggers(connection)
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL_FUNCTIONS if connection.vendor == "postgresql" else []:
            cursor.execute(statement)
        for statement in log_triggers(connection.vendor).values():
            cursor.execute(statement)


def drop_log_triggers(connection: Any) -> None:
    """Take the triggers of the log away: for a migration that changes its tables."""
    with connection.cursor() as cursor:
        for name, statement in log_triggers(connection.vendor).items():
            table = "events_chainhead" if "ON events_chainhead" in statement else "events_event"
            of = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{of}")


def missing_triggers(connection: Any) -> list[str]:
    """The names of the log's triggers that are not there, or switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        there = {name for (name,) in cursor.fetchall()}
    wanted = [*log_triggers(connection.vendor), *checkpoint_triggers(connection.vendor)]
    return [name for name in wanted if name not in there]
