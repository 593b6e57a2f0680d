"""Checkpoints sign the whole log, once for each state of it, and whatever is changed behind them is named."""

import io
import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from registry.events import checkpoints
from registry.events.chains import content_of, digest_of
from registry.events.checkpoint_checks import checkpoint_findings
from registry.events.checkpoint_keys import public_key
from registry.events.checkpoints import (
    LogContradicts,
    count_events,
    heads_at,
    is_due,
    make_checkpoint,
    waypoints_of,
)
from registry.events.clock import run_clock
from registry.events.merkle import Tree
from registry.events.models import ChainHead, Checkpoint, CheckpointKey, CheckpointLeaf, Event
from registry.events.proofs import Statement, is_signed, key_name, public_bytes, sign
from registry.events.stretches import stretches
from tests.factories import make_group, make_user, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    """Three groups and a person, under one checkpoint, and more events in two of the chains under a second."""
    made = [make_group(name) for name in ("fraud", "churn", "price")]
    for group in made:
        make_version(group)
    make_user("viewer", username="vera")
    make_checkpoint()
    make_version(made[0])
    make_version(made[2])
    make_checkpoint()
    return made


def faults():
    return [f"{finding.group or finding.chain}: {finding.text}" for finding in checkpoint_findings()]


# ---------- making ----------


def test_a_checkpoint_says_where_all_chains_end(world):
    first, second = Checkpoint.objects.order_by("number")
    assert (first.number, first.chains, first.events) == (1, 4, 7)
    assert (second.number, second.chains, second.events) == (2, 4, 9)
    assert second.events == count_events() == Event.objects.count()
    assert bytes(second.previous) == first.statement.digest() and bytes(first.previous) == bytes(32)
    assert first.at < second.at
    for checkpoint in (first, second):
        assert is_signed(public_key(), bytes(checkpoint.signature), checkpoint.statement.text())
        assert Statement.of_text(checkpoint.statement.text()) == checkpoint.statement
        assert Tree(place.leaf for place in heads_at(checkpoint.number)).root == bytes(checkpoint.root)
    heads = {head.chain: (head.position, bytes(head.digest)) for head in ChainHead.objects.all()}
    assert {place.chain: (place.position, place.digest) for place in heads_at(2)} == heads
    # Only what moved is kept anew.
    assert CheckpointLeaf.objects.filter(checkpoint=1).count() == 4
    assert set(CheckpointLeaf.objects.filter(checkpoint=2).values_list("chain", flat=True)) == {
        world[0].pk,
        world[2].pk,
    }
    assert faults() == []


def test_nothing_new_makes_no_checkpoint(world):
    assert make_checkpoint().number == 2
    assert Checkpoint.objects.count() == 2


def test_an_empty_log_has_none():
    assert make_checkpoint() is None and not is_due() and faults() == []


def test_a_time_that_was_set_back_rises_all_the_same(world, monkeypatch):
    last = checkpoints.newest_checkpoint()
    monkeypatch.setattr(checkpoints.timezone, "now", lambda: last.at - timedelta(days=1))
    make_version(world[1])
    assert make_checkpoint().at > last.at
    assert faults() == []


def test_a_chain_that_grew_by_many_gets_waypoints(world, monkeypatch):
    monkeypatch.setattr(checkpoints, "WAYPOINTS", 3)
    for _ in range(8):
        make_version(world[0])
    last = make_checkpoint()
    head = ChainHead.objects.get(chain=world[0].pk).position
    assert [place.position for place in waypoints_of(3)] == [p for p in range(4, head) if p % 3 == 0]
    assert (last.waypoints, bytes(last.waypoint_root)) == (
        len(waypoints_of(3)),
        Tree(place.leaf for place in waypoints_of(3)).root,
    )
    assert faults() == []
    (near,) = stretches(world[0].pk, [5])
    assert (near.first, near.last, near.is_head, near.root()) == (5, 6, False, bytes(last.waypoint_root))
    (end,) = stretches(world[0].pk, [5, head])
    assert (end.first, end.last, end.is_head, end.root()) == (5, head, True, bytes(last.root))


def test_events_far_apart_are_proved_apart(world, monkeypatch):
    monkeypatch.setattr("registry.events.stretches.GAP", 2)
    monkeypatch.setattr(checkpoints, "WAYPOINTS", 3)
    for _ in range(12):
        make_version(world[0])
    make_checkpoint()
    found = stretches(world[0].pk, [1, 2, 9, 15])
    assert [(s.first, s.last, s.checkpoint) for s in found] == [(1, 2, 1), (9, 9, 3), (15, 15, 3)]
    roots = {c.number: {bytes(c.root), bytes(c.waypoint_root)} for c in Checkpoint.objects.all()}
    assert all(s.root() in roots[s.checkpoint] for s in found)


def test_when_one_is_due(world, settings):
    settings.REGISTRY_CHECKPOINT_MINUTES = 60
    later = timezone.now() + timedelta(minutes=61)
    assert not is_due(later)
    make_version(world[1])
    assert is_due(later) and not is_due()
    settings.REGISTRY_CHECKPOINT_MINUTES = 0
    assert not is_due(later) and run_clock() is None


def test_heads_are_read_by_one_statement(world, django_assert_num_queries):
    make_version(world[1])
    with django_assert_num_queries(1):
        assert len(checkpoints._read_heads()) == 4


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_after_the_other():
    group = make_group("fraud")
    made, errors = [], []

    def work():
        try:
            for _ in range(4):
                make_version(group)
                made.append(make_checkpoint().number)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    make_checkpoint()
    assert list(Checkpoint.objects.order_by("number").values_list("number", flat=True)) == list(
        range(1, Checkpoint.objects.count() + 1)
    )
    assert checkpoints.newest_checkpoint().events == Event.objects.count() == 17
    assert faults() == []


@pytest.mark.django_db(transaction=True)
def test_the_clock_makes_one_when_it_is_due(settings):
    settings.REGISTRY_CHECKPOINT_MINUTES = 60
    make_version()
    stop = threading.Event()
    thread = run_clock(stop, every=0.02)
    for _ in range(200):
        if Checkpoint.objects.exists():
            break
        threading.Event().wait(0.05)
    stop.set()
    thread.join(10)
    assert Checkpoint.objects.get().events == 2


# ---------- the tables ----------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events_checkpoint SET events = events + 1",
        "DELETE FROM events_checkpoint WHERE number = 2",
        "UPDATE events_checkpointleaf SET position = position + 1",
        "DELETE FROM events_checkpointleaf",
        "UPDATE events_checkpointkey SET name = 'other'",
        "DELETE FROM events_checkpointkey",
        "INSERT INTO events_checkpoint SELECT * FROM events_checkpoint WHERE number = 2",
    ],
)
def test_checkpoints_stay_as_they_were_made(world, sql):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert faults() == []


@pytest.mark.sqlite_only
@pytest.mark.parametrize("table", ["checkpoint", "checkpointkey", "checkpointleaf"])
def test_writing_over_a_row_is_refused(world, table):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO events_{table} SELECT * FROM events_{table} LIMIT 1")


@pytest.mark.postgresql_only
@pytest.mark.parametrize("table", ["checkpointkey", "checkpointleaf", "checkpoint, events_checkpointleaf"])
def test_truncate_is_refused(world, table):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE events_{table}")


# ---------- what somebody does who owns the database ----------


def rewrite(chain, position, comment="Never said."):
    """Change an event and give all that follow in its chain new digests, the head too: the chain holds again."""
    with behind_the_triggers(), connection.cursor() as cursor:
        digest = None
        for event in Event.objects.filter(chain=chain, position__gte=position).order_by("position"):
            if digest is None:
                event.comment, digest = comment, bytes(event.previous)
            event.previous, event.digest = digest, digest_of(digest, content_of(event))
            digest = event.digest
            cursor.execute(
                "UPDATE events_event SET comment = %s, previous = %s, digest = %s WHERE id = %s",
                [event.comment, bytes(event.previous), digest, event.pk],
            )
        cursor.execute("UPDATE events_chainhead SET digest = %s WHERE chain = %s", [digest, chain])


def cut(chain, position):
    """Take the end of a chain away from that position on, and mend its head."""
    with behind_the_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE chain = %s AND position >= %s", [chain, position])
        last = Event.objects.filter(chain=chain).order_by("-position").first()
        if last is None:
            cursor.execute("DELETE FROM events_chainhead WHERE chain = %s", [chain])
        else:
            cursor.execute(
                "UPDATE events_chainhead SET position = %s, digest = %s WHERE chain = %s",
                [last.position, bytes(last.digest), chain],
            )


def run(sql, *params):
    with behind_the_triggers(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def test_a_chain_rewritten_with_new_digests_is_named(world):
    rewrite(world[0].pk, 2)
    found = faults()
    assert any("us-east-1/fraud: rewritten at position 2 or before" in fault for fault in found)
    assert any("checkpoint 1" in fault for fault in found) and any("checkpoint 2" in fault for fault in found)


def test_a_chain_rewritten_behind_the_first_checkpoint_is_named_by_the_second(world):
    rewrite(world[0].pk, 3)
    (fault,) = faults()
    assert "us-east-1/fraud: rewritten at position 3" in fault and "checkpoint 2" in fault


def test_a_chain_cut_off_with_a_mended_head_is_named(world):
    cut(world[2].pk, 3)
    assert any("us-east-1/price: cut off" in fault for fault in faults())


def test_a_chain_that_is_gone_is_named(world):
    cut(world[1].pk, 1)
    assert any(f"{world[1].pk}: cut off" in fault for fault in faults())


@pytest.mark.parametrize("change", ["rewrite", "cut", "gone", "head", "moved on"])
def test_no_checkpoint_is_made_over_a_log_that_was_changed(world, change):
    if change == "rewrite":
        rewrite(world[0].pk, 2)
    elif change == "cut":
        cut(world[2].pk, 3)
    elif change == "gone":
        cut(world[1].pk, 1)
    elif change == "head":
        run("UPDATE events_chainhead SET digest = %s WHERE chain = %s", b"x" * 32, world[1].pk)
    else:
        rewrite(world[0].pk, 2)
        make_version(world[0])
    with pytest.raises(LogContradicts):
        make_checkpoint()
    assert Checkpoint.objects.count() == 2
    with pytest.raises(CommandError, match="No checkpoint was made"):
        call_command("checkpoint", stdout=io.StringIO())


def test_a_checkpoint_that_is_gone_is_named(world):
    run("DELETE FROM events_checkpointleaf WHERE checkpoint_id = 1")
    run("DELETE FROM events_checkpoint WHERE number = 1")
    assert any("checkpoint 1 is missing" in fault for fault in faults())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", None),
        ("registry", "111111111111"),
        ("chains", 3),
        ("events", 8),
        ("root", b"r" * 32),
        ("waypoints", 1),
        ("waypoint_root", b"r" * 32),
        ("previous", b"p" * 32),
        ("signature", b"s" * 64),
        ("key", "0123456789abcdef"),
    ],
)
def test_every_changed_column_of_a_checkpoint_is_found(world, column, value):
    value = timezone.now() if column == "at" else value
    run(f"UPDATE events_checkpoint SET {column} = %s WHERE number = 2", value)
    assert any("heckpoint 2" in fault for fault in faults())


@pytest.mark.parametrize(("column", "value"), [("chain", 999), ("position", 77), ("digest", b"d" * 32)])
def test_every_changed_leaf_is_found(world, column, value):
    run(f"UPDATE events_checkpointleaf SET {column} = %s WHERE chain = %s AND position = 3", value, world[0].pk)
    assert any("kept for checkpoint 2" in fault for fault in faults())


def test_a_checkpoint_of_somebody_else_counts_for_nothing(world):
    """All is consistent: chain, heads, leaves, roots and signatures; but the key is not the registry's."""
    rewrite(world[0].pk, 2)
    key = Ed25519PrivateKey.generate()
    public = public_bytes(key)
    with behind_the_triggers(), connection.cursor() as cursor:
        for leaf in CheckpointLeaf.objects.filter(chain=world[0].pk):
            digest = Event.objects.get(chain=leaf.chain, position=leaf.position).digest
            cursor.execute("UPDATE events_checkpointleaf SET digest = %s WHERE id = %s", [bytes(digest), leaf.pk])
        CheckpointKey.objects.create(name=key_name(public), public=public, since=timezone.now())
        previous = bytes(32)
        for made in Checkpoint.objects.order_by("number"):
            made.root = Tree(place.leaf for place in heads_at(made.number)).root
            made.key, made.previous = key_name(public), previous
            made.signature, previous = sign(key, made.statement.text()), made.statement.digest()
            made.save(force_update=True)
    (fault,) = faults()
    assert fault.startswith("None: 2 checkpoints (1 to 2) were signed with key") and "does not hold" in fault
    # To whom names it as trusted, all is well.
    assert list(checkpoint_findings([public])) == []


# ---------- the command ----------


def test_the_command_signs_and_prints_what_to_keep(world):
    out = io.StringIO()
    make_version(world[1])
    call_command("checkpoint", stdout=out)
    made = checkpoints.newest_checkpoint()
    assert out.getvalue().startswith("Checkpoint 3 of ") and made.statement.digest().hex() in out.getvalue()
    call_command("checkpoint", stdout=out)
    assert "Nothing happened since" in out.getvalue() and Checkpoint.objects.count() == 3
    out = io.StringIO()
    call_command("checkpoint", "--public-key", stdout=out)
    assert out.getvalue().split()[0] == public_key().hex()
