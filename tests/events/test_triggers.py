"""The database refuses to change the log, whoever asks it to, and takes only what continues a chain."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from registry.events.chains import START
from registry.events.models import ChainHead, Event
from registry.events.triggers import missing_triggers
from tests.factories import make_group, make_package, make_version

pytestmark = pytest.mark.django_db

COLUMNS = "at, kind, category, actor_name, door, access_key, user_agent, region, group_name, package_name, target"
OTHERS = ", comment, in_feed, group_id"


@pytest.fixture
def world():
    group = make_group("fraud")
    make_version(group)
    make_package("sold")
    return group


def refused(sql, *params):
    """Run a statement that the database must not take; the log is as it was."""
    before = list(Event.objects.order_by("id").values())
    heads = list(ChainHead.objects.order_by("chain").values())
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
    assert list(Event.objects.order_by("id").values()) == before
    assert list(ChainHead.objects.order_by("chain").values()) == heads
    return caught.value


def test_all_triggers_are_there_after_the_migrations():
    assert missing_triggers(connection) == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events_event SET comment = 'never said'",
        "UPDATE events_event SET chain = chain",
        "DELETE FROM events_event",
        "DELETE FROM events_event WHERE id = (SELECT max(id) FROM events_event)",
        "UPDATE events_chainhead SET position = 1",
        "UPDATE events_chainhead SET chain = chain + 1",
        "DELETE FROM events_chainhead",
        "INSERT INTO events_chainhead (chain, position, digest) SELECT 99, 3, digest FROM events_chainhead LIMIT 1",
    ],
)
def test_what_is_written_stays(world, sql):
    assert "append-only" in str(refused(sql))


@pytest.mark.postgresql_only
@pytest.mark.parametrize("table", ["events_event", "events_chainhead", "events_chainhead, events_event"])
def test_truncate_is_refused(world, table):
    assert "append-only" in str(refused(f"TRUNCATE {table}"))


@pytest.mark.postgresql_only
def test_an_upsert_is_refused(world):
    same = "INSERT INTO events_event SELECT * FROM events_event ORDER BY id LIMIT 1 ON CONFLICT (id) DO UPDATE SET"
    assert "append-only" in str(refused(f"{same} comment = 'never said'"))


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT OR REPLACE INTO events_event SELECT * FROM events_event ORDER BY id LIMIT 1",
        "INSERT OR REPLACE INTO events_event SELECT * FROM events_event ORDER BY id DESC LIMIT 1",
        "REPLACE INTO events_event SELECT * FROM events_event ORDER BY id DESC LIMIT 1",
        "INSERT OR IGNORE INTO events_event SELECT * FROM events_event LIMIT 1",
        "INSERT INTO events_event SELECT * FROM events_event WHERE true ON CONFLICT DO UPDATE SET comment = 'x'",
        "UPDATE OR REPLACE events_event SET id = 1",
        "INSERT OR REPLACE INTO events_chainhead SELECT chain, 0, zeroblob(32) FROM events_chainhead",
        "INSERT OR REPLACE INTO events_chainhead SELECT * FROM events_chainhead",
    ],
)
def test_writing_over_a_row_is_refused(world, sql):
    refused(sql)


def insert(group, *, position, previous, digest=b"d" * 32, chain=None, pk=None):
    """Insert a row as it may come from anywhere."""
    first = Event.objects.filter(group_id=group.pk).order_by("id").first()
    first.pk, first.position, first.previous, first.digest = pk, position, previous, digest
    first.chain = group.pk if chain is None else chain
    with transaction.atomic():
        first.save(force_insert=True)


def test_only_what_continues_its_chain_comes_in(world):
    last = Event.objects.filter(chain=world.pk).order_by("-position").first()
    other = Event.objects.filter(chain=0).order_by("-position").first()
    assert last.position == 2
    for wrong in (
        {"position": 2, "previous": last.digest},
        {"position": 4, "previous": last.digest},
        {"position": 1, "previous": START},
        {"position": 3, "previous": START},
        {"position": 3, "previous": last.previous},
        {"position": 3, "previous": last.digest, "digest": b"short"},
        {"position": other.position + 1, "previous": other.digest, "chain": 0},
        {"position": 1, "previous": START, "chain": 4711},
        {"position": 3, "previous": last.digest, "pk": last.pk},
    ):
        with pytest.raises(IntegrityError):
            insert(world, **wrong)
    insert(world, position=3, previous=last.digest)
    head = ChainHead.objects.get(chain=world.pk)
    assert (head.position, bytes(head.digest)) == (3, b"d" * 32)


def test_many_rows_of_several_chains_in_one_statement(world):
    """What a bulk load does: each chain is looked at for itself, and one wrong row keeps all of them out."""
    other = make_group("churn")
    fields = [field for field in Event._meta.concrete_fields if not field.primary_key]

    def rows(broken):
        made = []
        for group in (world, other):
            head = ChainHead.objects.get(chain=group.pk)
            previous = bytes(head.digest)
            for step in range(1, 4):
                event = Event.objects.filter(chain=group.pk).first()
                event.pk, event.position, event.previous = None, head.position + step, previous
                event.digest = previous = bytes([step]) * 32
                made.append(event)
        if broken:
            made[4].previous = START
        return made

    def write(made):
        sql = f"INSERT INTO events_event ({', '.join(f.column for f in fields)}) VALUES "
        values = [f.get_db_prep_save(f.pre_save(row, True), connection) for row in made for f in fields]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql + ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(made)), values)

    before = Event.objects.count()
    with pytest.raises(IntegrityError):
        write(rows(broken=True))
    assert Event.objects.count() == before
    write(rows(broken=False))
    heads = {head.chain: (head.position, bytes(head.digest)) for head in ChainHead.objects.all()}
    assert heads[world.pk] == (5, b"\x03" * 32)
    assert heads[other.pk] == (4, b"\x03" * 32)
