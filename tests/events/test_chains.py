"""What is hashed, and how: the same on every database, and computed by a stranger from the exported line alone."""

import hashlib
import json
import math
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from registry.catalog import services
from registry.events.chains import COLUMNS, START, canonical, content_of, digest_of
from registry.events.log_files import log_lines
from registry.events.models import ChainHead, Event
from registry.events.services import append, held_back, record
from tests.factories import an_actor, make_group, make_package, make_version

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (100.50, "100.5"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (1.5e300, "15" + "0" * 299),
        (0.1 + 0.2, "0.30000000000000004"),
        ({"b": 1, "a": [1.0, {"z": None, "y": {}}]}, '{"a":[1,{"y":{},"z":null}],"b":1}'),
        ('ä\n\u2028\x7f😀"\\/', '"\\u00e4\\n\\u2028\\u007f\\ud83d\\ude00\\"\\\\/"'),
    ],
)
def test_values_have_one_text(value, text):
    assert canonical(value) == text
    assert canonical(json.loads(text)) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_have_is_refused(value):
    with pytest.raises(ValueError, match="no number"):
        canonical({"a": [value]})


VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(10**30), 10**30)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(some.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
def test_the_text_is_json_that_means_the_value(value):
    text = canonical(value)
    # Python reads a number without a fraction as a whole one, however large.
    assert json.loads(text, parse_int=float) == json.loads(json.dumps(value), parse_int=float)
    # A database may keep the order of members and the writing of numbers as it likes.
    assert canonical(json.loads(json.dumps(value))) == text


def test_what_a_database_gives_back_has_the_digest_of_what_was_written():
    group = make_group("fraud", description='Ä "quoted" \u2028 😀')
    numbers = {"a": 1e-7, "b": 1e22, "c": -0.0, "d": 1.0, "e": 0.1 + 0.2, "f": 12345678901234567890, "g": 5e-324}
    at = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with transaction.atomic():
        made = record(
            an_actor(),
            "model_package_group.tagged",
            group=group,
            before={},
            after={"Numbers": numbers, "Text": "\x7f\t\u0001", "None": None, "List": [[], {}]},
            comment="line\r\nline",
            batch=uuid.uuid4(),
            at=at,
        )
    read = Event.objects.get(pk=made.pk)
    assert content_of(read) == content_of(made)
    assert digest_of(bytes(read.previous), content_of(read)) == bytes(read.digest)
    assert b'"at":"2026-03-01T10:00:00.000000Z"' in content_of(read)


def test_positions_and_digests_go_on_in_each_chain():
    group, other = make_group("fraud"), make_group("churn")
    make_version(group)
    make_version(other)
    make_package("sold")
    make_package("sold-too")
    services.set_tags(actor=an_actor(), owner=group, tags=[("a", "b")])
    for chain, size in ((group.pk, 3), (other.pk, 2), (0, 2)):
        previous = START
        events = list(Event.objects.filter(chain=chain).order_by("id"))
        assert [event.position for event in events] == list(range(1, size + 1))
        for event in events:
            assert bytes(event.previous) == previous
            previous = bytes(event.digest)
        head = ChainHead.objects.get(chain=chain)
        assert (head.position, bytes(head.digest)) == (size, previous)


def test_a_stranger_computes_the_digests_from_the_lines():
    """Only the standard library and the words in registry.events.chains."""
    make_version(make_group("fraud", description="Ä😀"), customer_metadata_properties={"metric.auc": "0.5"})
    lines = list(log_lines())
    assert len(lines) == Event.objects.count()
    last = {}
    for line in lines:
        told = json.loads(line)
        raw = line[len('{"content":') : line.rindex(',"digest":')].encode()
        chain = told["content"]["chain"]
        assert told["previous"] == last.get(chain, "00" * 32)
        digest = hashlib.sha256(bytes.fromhex(told["previous"]) + hashlib.sha256(raw).digest()).hexdigest()
        assert digest == told["digest"]
        last[chain] = digest
        event = Event.objects.get(pk=told["id"])
        assert told["content"]["after"] == event.after
        assert datetime.fromisoformat(told["content"]["at"]) == event.at.astimezone(UTC)


def test_every_column_is_hashed_or_part_of_the_chain():
    columns = {field.attname for field in Event._meta.concrete_fields}
    assert columns - set(COLUMNS) == {"id", "previous", "digest"}
    assert list(COLUMNS) == sorted(COLUMNS)


# ---------- events that are held back ----------


def test_events_held_back_come_in_their_order_at_the_end():
    group, other = make_group("fraud"), make_group("churn")
    before = Event.objects.count()
    with transaction.atomic(), held_back() as held:
        for number, of in enumerate((group, other, None, group)):
            record(an_actor(), "registry.imported", group=of, target=str(number))
        assert Event.objects.count() == before
        with pytest.raises(ZeroDivisionError), held.together():
            record(an_actor(), "registry.imported", group=group, target="never")
            raise ZeroDivisionError
    found = list(Event.objects.order_by("id")[before:])
    assert [event.target for event in found] == ["0", "1", "2", "3"]
    assert [event.position for event in found if event.chain == group.pk] == [2, 3]


def test_events_held_back_are_gone_where_the_change_fails():
    before = Event.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic(), held_back():
        record(an_actor(), "registry.imported")
        raise ZeroDivisionError
    assert Event.objects.count() == before
    with transaction.atomic():
        record(an_actor(), "registry.imported")
    assert Event.objects.count() == before + 1


def test_many_events_are_written_in_several_statements():
    group = make_group("fraud")
    with transaction.atomic():
        append([Event(kind="x", category="review", actor_name="a", door="b", group_id=group.pk) for _ in range(700)])
    assert ChainHead.objects.get(chain=group.pk).position == 701


def test_a_change_whose_event_cannot_be_written_fails(monkeypatch):
    group = make_group("fraud")
    monkeypatch.setattr("registry.events.services.digest_of", lambda previous, content: b"short")
    with pytest.raises(Exception, match=r"append-only|continue"), transaction.atomic():
        services.set_tags(actor=an_actor(), owner=group, tags=[("a", "b")])
    monkeypatch.undo()
    assert not group.tags.exists()
    assert Event.objects.filter(chain=group.pk).count() == 1
