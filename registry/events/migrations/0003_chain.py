"""Each event becomes a link of its group's chain, and the database refuses to change the log from now on."""

from typing import Any

from django.db import migrations, models

from registry.events.chains import COLUMNS, POSITION, START, canonical, content_of_values, digest_of
from registry.events.triggers import drop_log_triggers, make_log_triggers

BATCH = 5_000

# Not by AddField: columns that may not be NULL would have SQLite write the whole table anew, once for each of them.
ADD = {
    "postgresql": [
        """ALTER TABLE events_event
        ADD COLUMN chain bigint NOT NULL DEFAULT 0,
        ADD COLUMN position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
        ADD COLUMN previous bytea NOT NULL DEFAULT '',
        ADD COLUMN digest bytea NOT NULL DEFAULT ''""",
    ],
    "sqlite": [
        "ALTER TABLE events_event ADD COLUMN chain bigint NOT NULL DEFAULT 0",
        'ALTER TABLE events_event ADD COLUMN position bigint unsigned NOT NULL DEFAULT 0 CHECK ("position" >= 0)',
        "ALTER TABLE events_event ADD COLUMN previous BLOB NOT NULL DEFAULT X''",
        "ALTER TABLE events_event ADD COLUMN digest BLOB NOT NULL DEFAULT X''",
    ],
}
CLOSE = {
    "postgresql": [
        """ALTER TABLE events_event
        ALTER COLUMN chain DROP DEFAULT, ALTER COLUMN position DROP DEFAULT,
        ALTER COLUMN previous DROP DEFAULT, ALTER COLUMN digest DROP DEFAULT,
        ADD CONSTRAINT event_chain_position UNIQUE (chain, position)""",
        # A head changes with each event: room for the next one beside it.
        "ALTER TABLE events_chainhead SET (fillfactor = 50)",
    ],
    "sqlite": ["CREATE UNIQUE INDEX event_chain_position ON events_event (chain, position)"],
}


def _run(schema_editor: Any, statements: list[str]) -> None:
    for statement in statements:
        schema_editor.execute(statement)


def complete_0002(apps: Any, schema_editor: Any) -> None:
    """The last index of 0002_fill_feeds: databases of v0.1 applied that migration before the index was in it."""
    schema_editor.execute(
        'CREATE INDEX IF NOT EXISTS "event_all_filters" ON "events_event" '
        '("group_id", "actor_name", "category", "id" DESC) WHERE "in_feed"'
    )


def add_columns(apps: Any, schema_editor: Any) -> None:
    _run(schema_editor, ADD[schema_editor.connection.vendor])


def drop_columns(apps: Any, schema_editor: Any) -> None:
    _run(schema_editor, [f"ALTER TABLE events_event DROP COLUMN {name}" for name in ("chain", "position")])
    _run(schema_editor, [f"ALTER TABLE events_event DROP COLUMN {name}" for name in ("previous", "digest")])


def chain_what_is_there(apps: Any, schema_editor: Any) -> None:
    """Give the events that are there their places, in the order of their ids; in memory are a batch and the heads."""
    rows = apps.get_model("events", "Event").objects.order_by("id").values_list("id", *COLUMNS)
    heads: dict[int, tuple[int, bytes]] = {0: (0, START)}
    chain_at, before_at, after_at, group_at = (COLUMNS.index(n) for n in ("chain", "before", "after", "group_id"))
    last = 0
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        places = []
        for pk, *values in batch:
            chain = values[chain_at] = values[group_at] or 0
            position, previous = heads.get(chain, (0, START))
            values[POSITION] = position + 1
            content = content_of_values(values, before=canonical(values[before_at]), after=canonical(values[after_at]))
            digest = digest_of(previous, content)
            heads[chain] = (position + 1, digest)
            places.append((chain, position + 1, previous, digest, pk))
        _place(schema_editor.connection, places)
        last = batch[-1][0]
    head = apps.get_model("events", "ChainHead")
    made = (head(chain=chain, position=position, digest=digest) for chain, (position, digest) in sorted(heads.items()))
    head.objects.bulk_create(made, batch_size=500)


def _place(connection: Any, places: list[tuple[int, int, bytes, bytes, int]]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                """UPDATE events_event SET chain = place.chain, position = place.position,
                previous = place.previous, digest = place.digest
                FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[], %s::bigint[])
                AS place (chain, position, previous, digest, id) WHERE events_event.id = place.id""",
                [list(column) for column in zip(*places, strict=True)],
            )
        else:
            cursor.executemany(
                "UPDATE events_event SET chain = %s, position = %s, previous = %s, digest = %s WHERE id = %s", places
            )


def close(apps: Any, schema_editor: Any) -> None:
    _run(schema_editor, CLOSE[schema_editor.connection.vendor])
    make_log_triggers(schema_editor.connection)


def open_again(apps: Any, schema_editor: Any) -> None:
    drop_log_triggers(schema_editor.connection)
    if schema_editor.connection.vendor == "postgresql":
        _run(schema_editor, ["ALTER TABLE events_event DROP CONSTRAINT event_chain_position"])
    else:
        _run(schema_editor, ["DROP INDEX event_chain_position"])


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_fill_feeds"),
    ]

    operations = [
        migrations.RunPython(complete_0002, migrations.RunPython.noop),
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("chain", models.BigIntegerField(primary_key=True, serialize=False)),
                ("position", models.PositiveBigIntegerField()),
                ("digest", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add_columns, drop_columns)],
            state_operations=[
                migrations.AddField("event", "chain", models.BigIntegerField(default=0), preserve_default=False),
                migrations.AddField(
                    "event", "position", models.PositiveBigIntegerField(default=0), preserve_default=False
                ),
                migrations.AddField(
                    "event", "previous", models.BinaryField(default=b"", max_length=32), preserve_default=False
                ),
                migrations.AddField(
                    "event", "digest", models.BinaryField(default=b"", max_length=32), preserve_default=False
                ),
            ],
        ),
        migrations.RunPython(chain_what_is_there, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(close, open_again)],
            state_operations=[
                migrations.AddConstraint(
                    "event", models.UniqueConstraint(fields=("chain", "position"), name="event_chain_position")
                ),
            ],
        ),
    ]
