"""From events to signed leaves: trees are kept by their roots, and only such as were signed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.events import stretches as module
from registry.events.checkpoints import LogContradicts, make_checkpoint
from registry.events.models import CheckpointLeaf, Event
from registry.events.stretches import stretches
from tests.factories import make_group, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(module, "_kept", {})


@pytest.fixture
def world():
    """Three groups of one version each under one checkpoint, which has three leaves."""
    made = [make_group(name) for name in ("fraud", "churn", "price")]
    for group in made:
        make_version(group)
    return made, make_checkpoint()


def test_a_tree_is_put_together_once(world):
    (fraud, churn, _), checkpoint = world
    (first,) = stretches(fraud.pk, [1])
    with CaptureQueriesContext(connection) as asked:
        assert stretches(fraud.pk, [1]) == [first]
        (other,) = stretches(churn.pk, [2])
    assert not [query for query in asked.captured_queries if "events_chainhead" in query["sql"]]
    assert first.root() == other.root() == bytes(checkpoint.root)
    assert first.index != other.index and list(module._kept) == [bytes(checkpoint.root)]


def test_a_tree_that_was_not_signed_is_not_kept(world):
    (fraud, churn, _), checkpoint = world
    leaf = CheckpointLeaf.objects.get(chain=churn.pk)
    with behind_the_triggers():
        CheckpointLeaf.objects.filter(pk=leaf.pk).update(digest=bytes(32))
    (stretch,) = stretches(fraud.pk, [1])
    assert stretch.root() != bytes(checkpoint.root) and not module._kept
    with behind_the_triggers():
        CheckpointLeaf.objects.filter(pk=leaf.pk).update(digest=bytes(leaf.digest))
    (stretch,) = stretches(fraud.pk, [1])
    assert stretch.root() == bytes(checkpoint.root)


def test_a_leaf_that_the_kept_tree_has_not_is_no_leaf(world):
    (fraud, _, _), checkpoint = world
    stretches(fraud.pk, [1])
    event = Event.objects.get(chain=fraud.pk, position=1)
    with behind_the_triggers():
        CheckpointLeaf.objects.create(
            checkpoint=checkpoint, chain=fraud.pk, position=1, digest=bytes(event.digest), is_head=True
        )
    with pytest.raises(LogContradicts, match="Checkpoint 1 did not sign chain"):
        stretches(fraud.pk, [1])


@pytest.mark.parametrize(("most", "kept"), [(2, 0), (3, 1), (5, 1), (6, 2)])
def test_no_more_leaves_are_kept_than_fit(world, monkeypatch, most, kept):
    (fraud, churn, _), _ = world
    monkeypatch.setattr(module, "KEPT_LEAVES", most)
    stretches(churn.pk, [1])
    make_version(fraud)
    newest = make_checkpoint()
    (stretch,) = stretches(fraud.pk, [3])
    assert stretch.root() == bytes(newest.root)
    assert len(module._kept) == kept


@pytest.mark.parametrize(
    "change",
    [
        {"comment": "another"},
        {"after": {"another": 1}},
        {"before": {"another": 1}},
        {"in_feed": False},
        {"position": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_event_that_is_changed_after_it_was_hashed_is_hashed_again(world, change):
    (fraud, _, _), _ = world
    before = stretches(fraud.pk, [1])
    hits = module._link.cache_info().hits
    assert stretches(fraud.pk, [1]) == before and module._link.cache_info().hits > hits
    with behind_the_triggers():
        assert Event.objects.filter(chain=fraud.pk, position=1).update(**change)
    with pytest.raises(LogContradicts):
        stretches(fraud.pk, [1])
