"""The exported log: what is in it, and that a change of the file is found without the database."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from registry.catalog import services
from registry.events.log_files import log_lines, verify_file
from registry.events.models import Event
from registry.events.verifying import Counts
from tests.factories import an_actor, make_group, make_package, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines():
    make_package("sold")
    group = make_group("fraud")
    for number in range(5):
        services.set_tags(actor=an_actor(), owner=group, tags=[("step", str(number))])
    make_version(make_group("churn"))
    return list(log_lines())


@pytest.fixture
def found(tmp_path):
    """A function from lines to what is wrong with a file of them."""

    def write(lines, counts=None):
        path = tmp_path / "log.jsonl"
        path.write_text("".join(lines), encoding="utf-8")
        return [(finding.kind, finding.position) for finding in verify_file(path, counts=counts)]

    return write


def test_the_file_holds_the_whole_log_and_holds_together(lines, found):
    assert len(lines) == Event.objects.count()
    counts = Counts()
    assert found(lines, counts) == []
    assert (counts.chains, counts.events, counts.partial) == (3, len(lines), 0)


def test_changes_of_the_file_are_named(lines, found):
    of_fraud = [place for place, line in enumerate(lines) if '"group_name":"fraud"' in line]
    third, fourth = of_fraud[2], of_fraud[3]
    edited = [*lines]
    edited[third] = edited[third].replace('"step"', '"stop"')
    assert found(edited) == [("edited", 3)]
    assert found(lines[:third] + lines[third + 1 :]) == [("removed", 3)]
    swapped = [*lines]
    swapped[third], swapped[fourth] = swapped[fourth], swapped[third]
    assert found(swapped)
    assert found([*lines, lines[0]])
    assert found([*lines[:third], lines[third], *lines[third:]])


@pytest.mark.parametrize(
    "line",
    [
        "no JSON\n",
        "[]\n",
        "{}\n",
        '{"content":{},"digest":"","id":1,"previous":""}\n',
        '{"content":null,"digest":1,"id":null,"previous":[]}\n',
        "[" * 100_000 + "\n",
        "\x00\n",
    ],
)
def test_lines_that_are_no_events_are_named(lines, found, line):
    assert found([*lines, line])[-1] == ("edited", None)


def test_a_member_more_or_another_type_is_an_edit(lines, found):
    told = json.loads(lines[-1])
    more = {**told, "content": {**told["content"], "note": "never said"}}
    assert found([*lines[:-1], json.dumps(more) + "\n"])
    text = {**told, "content": {**told["content"], "position": "2"}}
    assert found([*lines[:-1], json.dumps(text) + "\n"])


def test_a_part_of_each_chain_without_a_gap(lines, found):
    with behind_the_triggers():
        began = datetime(2026, 1, 1, tzinfo=UTC)
        for event in Event.objects.order_by("id"):
            Event.objects.filter(pk=event.pk).update(at=began + timedelta(days=event.position))
    since, until = began + timedelta(days=3), began + timedelta(days=5)
    part = [json.loads(line)["content"] for line in log_lines(since=since, until=until)]
    assert {(line["group_name"], line["position"]) for line in part} == {("fraud", 3), ("fraud", 4)}


def test_a_part_is_checked_from_where_it_begins(lines, found):
    of_fraud = [line for line in lines if '"group_name":"fraud"' in line]
    counts = Counts()
    assert found(of_fraud[2:5], counts) == []
    assert (counts.chains, counts.partial) == (1, 1)
    assert found([of_fraud[2], of_fraud[4]]) == [("removed", 4)]


def test_chains_by_number(lines):
    chain = Event.objects.get(kind="model_package.created", group_name="churn").chain
    told = [json.loads(line)["content"]["position"] for line in log_lines(chains=[chain])]
    assert told == [1, 2]
