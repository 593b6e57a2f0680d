"""Properties of the import: any record goes in whole or is reported; times mean the same in all dialects."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.accounts.permissions import Actor
from registry.api.sagemaker.answers import parse_time
from registry.api.sagemaker.dumps import Dump
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event

from .dumps import demo_records, tables

moments = st.datetimes(datetime(2017, 11, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, zones)
def test_a_time_means_the_same_in_every_dialect(moment, zone):
    iso = moment.astimezone(zone).isoformat()
    assert parse_time(iso) == moment
    assert parse_time(iso.replace("T", " ")) == moment
    assert parse_time(moment.isoformat().replace("+00:00", "Z")) == moment
    assert parse_time(moment.replace(tzinfo=None).isoformat()) == moment
    assert parse_time(moment.timestamp()) == moment
    assert parse_time(int(moment.timestamp())) == moment.replace(microsecond=0)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)
# Of each kind one: a group with tags, versions with cards, curves and two containers, an unversioned package.
SEEDS = [demo_records()[place] for place in (0, 1, 22, 80, 98)]


def paths(value, path=()):
    """All places in a JSON value, by the keys and indexes that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [found for key, item in inner for found in paths(item, (*path, key))]


@st.composite
def mutated(draw):
    """A real record in which up to three places are gone or hold anything else."""
    record = json.loads(json.dumps(draw(st.sampled_from(SEEDS))))
    for _ in range(draw(st.integers(1, 3))):
        places = paths(record)
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        spot = record
        for key in way:
            spot = spot[key]
        match draw(st.sampled_from(["gone", "anything", "added"])):
            case "gone":
                del spot[last]
            case "anything":
                spot[last] = draw(any_json)
            case "added" if isinstance(spot, dict):
                spot[draw(st.text(max_size=20))] = draw(any_json)
    return record


def run(data: bytes):
    """Import one line; its outcomes, and nothing else may come out."""
    outcomes: list[services.Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        path.write_bytes(data)
        services.import_records(actor=Actor.system(), records=Dump([path]), source=path.name, report=outcomes.append)
    return outcomes


def check(data: bytes):
    """In or reported, nothing half-stored, and what is in is found again the same."""
    with transaction.atomic():
        outcomes = run(data)
        kept = tables()
        faults = [outcome for outcome in outcomes if outcome.result == "fault"]
        assert all(fault.reason for fault in faults)
        assert len(faults) == len(outcomes) or kept
        if len(faults) == len(outcomes):
            assert not (ModelPackage.objects.exists() or ModelPackageGroup.objects.exists() or Event.objects.exists())
        again = run(data)
        assert [outcome.result for outcome in again] == ["fault" if o.result == "fault" else "same" for o in outcomes]
        assert tables() == kept
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutated())
@example({"DescribeModelPackageGroup": {"ModelPackageGroupName": "a", "CreatedBy": {"n": 1e20}}})
@example({"DescribeModelPackage": {"ModelPackageName": "a", "ModelCard": {"n": 10**30, "f": -0.0, "é": "\U0001f600"}}})
@example(
    {
        "DescribeModelPackage": {
            "ModelPackageName": "a",
            "ModelLifeCycle": {"Stage": "Staging", "StageStatus": "PendingApproval", "StageDescription": None},
        }
    }
)
def test_a_mutated_record_goes_in_whole_or_is_reported(record):
    check(json.dumps(record).encode())


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | any_json.map(lambda v: json.dumps(v).encode()))
def test_bytes_that_are_no_record_are_reported(data):
    check(data)
