"""Whoever goes behind the triggers' backs is found out: each kind of change is named, with its place."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection

from registry.catalog import services
from registry.catalog.models import ModelPackageGroup
from registry.events.chains import START, content_of, digest_of
from registry.events.links import BATCH
from registry.events.models import ChainHead, Event
from registry.events.triggers import drop_log_triggers, make_log_triggers
from registry.events.verifying import Counts, verify_log
from tests.factories import an_actor, make_group, make_package, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db

EVENTS = 7


@pytest.fixture
def group() -> ModelPackageGroup:
    """A group whose chain has seven events, between two others and chain 0."""
    make_package("sold")
    make_version(make_group("churn"))
    group = make_group("fraud", description="Fraud.")
    for number in range(EVENTS - 1):
        services.set_tags(actor=an_actor(), owner=group, tags=[("step", str(number))])
    make_version(make_group("other"), customer_metadata_properties={"a": "1"})
    assert list(verify_log()) == []
    return group


def row(group, position):
    return Event.objects.get(chain=group.pk, position=position)


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def shift(group, start, by):
    """Give all events from a position on another one; in two steps, since a position is there once."""
    where = "WHERE chain = %s AND position >= %s"
    sql(f"UPDATE events_event SET position = position + 1000 {where}", group.pk, start)
    sql(f"UPDATE events_event SET position = position - 1000 + %s {where}", by, group.pk, 1000)


def seal(event):
    """Give an event the digest of its content, as whoever knows how could."""
    event.digest = digest_of(bytes(event.previous), content_of(event))
    return event


def put_in(group, position, **changes):
    """Another event at a position, as like the others as it can be made."""
    event = row(group, min(position - 1, EVENTS))
    event.pk, event.previous, event.position, event.comment = None, event.digest, position, "never said"
    for name, value in changes.items():
        setattr(event, name, value)
    seal(event).save(force_insert=True)


def edit(group):
    Event.objects.filter(chain=group.pk, position=3).update(comment="never said")


def edit_state(group):
    Event.objects.filter(chain=group.pk, position=3).update(after={"Tags": []})


def edit_time(group):
    event = row(group, 4)
    Event.objects.filter(pk=event.pk).update(at=event.at - timedelta(microseconds=1))


def edit_first_and_last(group):
    Event.objects.filter(chain=group.pk, position__in=[1, EVENTS]).update(actor_name="eve")


def edit_with_digest(group):
    event = row(group, 3)
    event.actor_name = "eve"
    seal(event).save()


def edit_last_with_digest(group):
    event = row(group, EVENTS)
    event.actor_name = "eve"
    seal(event).save()


def edit_all_of_one(group):
    Event.objects.filter(chain=group.pk, position=4).update(
        previous=b"p" * 32, digest=b"d" * 32, batch=uuid.uuid4(), target="x"
    )


def edit_digest(group):
    Event.objects.filter(chain=group.pk, position=4).update(digest=b"d" * 32)


def remove(group):
    Event.objects.filter(chain=group.pk, position=3).delete()


def remove_some(group):
    Event.objects.filter(chain=group.pk, position__in=[1, 3, 4]).delete()


def remove_and_close(group):
    remove(group)
    shift(group, 4, -1)


def remove_and_close_with_head(group):
    remove_and_close(group)
    ChainHead.objects.filter(chain=group.pk).update(position=EVENTS - 1)


def swap(group):
    ids = row(group, 3).pk, row(group, 5).pk
    for pk, position in zip((*ids, *ids), (1003, 1005, 5, 3), strict=True):
        Event.objects.filter(pk=pk).update(position=position)


def swap_ids(group):
    ids = row(group, 3).pk, row(group, 5).pk
    for pk, new in ((ids[0], 10**6), (ids[1], ids[0]), (10**6, ids[1])):
        sql("UPDATE events_event SET id = %s WHERE id = %s", new, pk)


def insert(group):
    shift(group, 3, 1)
    put_in(group, 3)


def insert_at_the_end(group):
    put_in(group, EVENTS + 1)


def insert_at_the_end_with_head(group):
    put_in(group, EVENTS + 1, digest=None)
    Event.objects.filter(chain=group.pk, position=EVENTS + 1).update(comment="other")
    last = row(group, EVENTS + 1)
    ChainHead.objects.filter(chain=group.pk).update(position=last.position, digest=last.digest)


def insert_nonsense(group):
    put_in(group, EVENTS + 3, previous=b"p" * 32)
    Event.objects.filter(chain=group.pk, position=EVENTS + 3).update(comment="other")


def insert_into_the_gap(group):
    remove(group)
    event = row(group, 2)
    event.pk, event.position, event.previous, event.digest = None, 3, b"p" * 32, b"d" * 32
    event.save(force_insert=True)


def cut_off(group):
    Event.objects.filter(chain=group.pk, position__gte=EVENTS - 1).delete()


def cut_off_all(group):
    Event.objects.filter(chain=group.pk).delete()


def lose_head(group):
    ChainHead.objects.filter(chain=group.pk).delete()


def set_head_back(group):
    head = ChainHead.objects.filter(chain=group.pk)
    head.update(position=3, digest=row(group, 3).digest)


def break_head(group):
    ChainHead.objects.filter(chain=group.pk).update(digest=b"d" * 32)


TAMPERINGS = {
    edit: {("edited", 3)},
    edit_state: {("edited", 3)},
    edit_time: {("edited", 4)},
    edit_first_and_last: {("edited", 1), ("edited", EVENTS)},
    edit_with_digest: {("edited", 3)},
    edit_last_with_digest: {("edited", EVENTS)},
    edit_all_of_one: {("edited", 4)},
    edit_digest: {("edited", 4)},
    remove: {("removed", 3)},
    remove_some: {("removed", 1), ("removed", 3)},
    remove_and_close: {("removed", 3)},
    remove_and_close_with_head: {("removed", 3)},
    swap: {("reordered", 3), ("reordered", 5)},
    swap_ids: {("reordered", 3), ("reordered", 5)},
    insert: {("inserted", 3)},
    insert_at_the_end: {("inserted", EVENTS + 1)},
    insert_at_the_end_with_head: {("edited", EVENTS + 1)},
    insert_nonsense: {("inserted", EVENTS + 3)},
    insert_into_the_gap: {("edited", 3)},
    cut_off: {("cut off", EVENTS - 1)},
    cut_off_all: {("cut off", 1)},
    lose_head: {("cut off", None)},
    set_head_back: {("inserted", position) for position in range(4, EVENTS + 1)},
    break_head: {("edited", EVENTS)},
}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda function: function.__name__)
def test_each_change_is_named_with_its_place(group, tampering):
    with behind_the_triggers():
        tampering(group)
    found = list(verify_log())
    assert {(finding.kind, finding.position) for finding in found} == TAMPERINGS[tampering], found
    assert {finding.chain for finding in found} == {group.pk}
    assert all(finding.group in ("us-east-1/fraud", "") for finding in found)
    # What was done to one chain makes no difference for the others.
    for other in ModelPackageGroup.objects.exclude(pk=group.pk):
        assert list(verify_log(chains=[other.pk])) == []
    assert list(verify_log(chains=[group.pk])) == found


def test_a_finding_says_which_event_and_when(group):
    with behind_the_triggers():
        edit(group)
    (finding,) = verify_log()
    event = row(group, 3)
    assert (finding.event_id, finding.at) == (event.pk, event.at)
    assert finding.text == "its content does not give its digest"


def test_events_moved_to_another_group_are_missed_here_and_strange_there(group):
    other = ModelPackageGroup.objects.get(name="other")
    with behind_the_triggers():
        Event.objects.filter(chain=group.pk, position=3).update(chain=other.pk, group_id=other.pk, position=3)
    found = {(finding.kind, finding.chain, finding.position) for finding in verify_log()}
    assert found == {("removed", group.pk, 3), ("inserted", other.pk, 3)}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("column", ["after", "at", "batch"])
def test_what_cannot_be_read_is_edited(group, column):
    """SQLite keeps anything in any column."""
    with behind_the_triggers():
        sql("PRAGMA ignore_check_constraints = 1")
        sql(f"UPDATE events_event SET {column} = %s WHERE id = %s", "{oops", row(group, 3).pk)
        sql("PRAGMA ignore_check_constraints = 0")
    found = list(verify_log())
    assert {(finding.kind, finding.position) for finding in found} == {("edited", 3)}


def test_a_chain_computed_anew_to_its_end_holds_together(group):
    """Only a signed checkpoint tells: this is what those are for (check_checkpoints)."""
    with behind_the_triggers():
        previous = START
        for event in Event.objects.filter(chain=group.pk).order_by("position"):
            event.previous, event.actor_name = previous, "eve"
            seal(event).save()
            previous = event.digest
        ChainHead.objects.filter(chain=group.pk).update(digest=previous)
    assert list(verify_log()) == []


def test_triggers_that_are_gone_are_named(group):
    drop_log_triggers(connection)
    try:
        found = {finding.kind for finding in verify_log()}
        assert found == {"unprotected"}
    finally:
        make_log_triggers(connection)
    assert list(verify_log()) == []


def test_long_chains_are_read_in_batches(group, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr("registry.events.links.BATCH", 3)
    assert BATCH > 3
    counts, heard = Counts(), []
    assert list(verify_log(counts=counts, report=lambda seen: heard.append(seen.events))) == []
    assert (counts.chains, counts.events) == (ChainHead.objects.count(), Event.objects.count())
    with behind_the_triggers():
        edit(group)
        Event.objects.filter(chain=group.pk, position=6).delete()
    assert {(f.kind, f.position) for f in verify_log()} == {("edited", 3), ("removed", 6)}


def test_others_may_write_meanwhile(group, monkeypatch):
    """Events that come in between the reading of the head and of the rows are none that somebody put in."""
    from registry.events import verifying

    plain, once = verifying.links, []

    def links(chain, **more):
        if chain == group.pk and not once:
            once.append(True)
            services.set_tags(actor=an_actor(), owner=group, tags=[("meanwhile", "1")])
        yield from plain(chain, **more)
        if chain == group.pk and len(once) == 1:
            once.append(True)
            services.set_tags(actor=an_actor(), owner=group, tags=[("meanwhile", "2")])

    monkeypatch.setattr(verifying, "links", links)
    assert list(verify_log()) == []
    assert len(once) == 2
    assert row(group, EVENTS + 2)
