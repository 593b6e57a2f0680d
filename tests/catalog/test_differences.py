"""What differs between two versions beside metrics, containers and metadata."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.catalog.models import ModelPackage
from registry.catalog.reports import changes, differences
from registry.catalog.reports.differences import Difference, all_but_metrics, compare_members, leaves_of
from tests.factories import make_group, make_version, specification

pytestmark = pytest.mark.django_db


def two(old: dict[str, Any], new: dict[str, Any]) -> tuple[ModelPackage, ModelPackage]:
    group = make_group()
    before = make_version(group, approval_status="Approved", **old)
    return before, make_version(group, **new)


def found(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, list[str], list[str]]]:
    before, after = two(old, new)
    return [(d.label, list(d.before), list(d.value)) for d in compare_members(after, before)]


def test_specification_members_stage_and_source():
    types = {"SupportedContentTypes": ["text/csv", "application/json"]}
    assert found(
        {
            "inference_specification": specification() | types,
            "model_life_cycle": {"Stage": "Production", "StageStatus": "Approved"},
            "task": "OTHER",
        },
        {
            "inference_specification": specification() | {"SupportedContentTypes": ["text/csv"]},
            "domain": "COMPUTER_VISION",
            "metadata_properties": {"CommitId": "abc"},
        },
    ) == [
        ("Commit", [], ["abc"]),
        ("Domain", [], ["COMPUTER_VISION"]),
        ("Takes", ["text/csv", "application/json"], ["text/csv"]),
        ("Stage", ["Production"], []),
        ("Task", ["OTHER"], []),
    ]


def test_kinds():
    assert [Difference("a", *sides).kind for sides in (([], ["1"]), (["1"], []), (["1"], ["2"]))] == [
        "added",
        "removed",
        "changed",
    ]


def test_the_model_card_by_its_paths_and_its_status():
    old = {"intended_uses": {"purpose": "Rank", "risk": "Low"}, "list": [1, {"a": True}]}
    new = {"intended_uses": {"purpose": "Sort", "risk": "Low"}, "list": [1]}
    cards = [
        {"model_card": {"ModelCardStatus": status, "ModelCardContent": json.dumps(card)}}
        for status, card in (("Approved", old), ("Draft", new))
    ]
    assert found(*cards) == [
        ("Model card status", ["Approved"], ["Draft"]),
        ("Model card, intended_uses.purpose", ["Rank"], ["Sort"]),
        ("Model card, list.2.a", ["true"], []),
    ]


def test_a_long_model_card_is_cut_and_says_so():
    content = [json.dumps({f"k{n}": side for n in range(40)}) for side in ("old", "new")]
    rows = found(*({"model_card": {"ModelCardContent": text}} for text in content))
    assert len(rows) == differences.CARD_LINES + 1
    assert rows[-1] == ("Model card", [], [f"{40 - differences.CARD_LINES} more differences"])


@pytest.mark.parametrize("content", ["no json", "[" * 100_000, "null", '"text"', ""])
def test_odd_cards_are_read(content):
    assert isinstance(leaves_of({"ModelCardContent": content}), dict)


def test_additional_specifications():
    def one(name: str, image: str) -> dict[str, Any]:
        return {"Name": name, "Containers": [{"Image": image}], "SupportedContentTypes": ["text/csv"]}

    rows = found(
        {"additional_inference_specifications": [one("batch", "x:1"), one("gone", "x:1")]},
        {"additional_inference_specifications": [one("batch", "x:2"), one("fresh", "x:1")]},
    )
    assert rows == [
        ("batch, Image URI", ["x:1"], ["x:2"]),
        ("Specification fresh", [], ["new"]),
        ("Specification gone", ["present"], []),
    ]


def test_the_queue_lists_all_of_it_and_the_tally_counts():
    before, after = two(
        {"customer_metadata_properties": {"a": "1", "gone": "x"}, "domain": "OTHER"},
        {
            "customer_metadata_properties": {"a": "2"},
            "inference_specification": {
                "Containers": [
                    {
                        "Image": specification()["Containers"][0]["Image"],
                        "ModelDataUrl": specification()["Containers"][0]["ModelDataUrl"],
                        "Environment": {"THREADS": "2"},
                    }
                ]
            },
        },
    )
    comparison = changes.compare(after, changes.read_baseline(after))
    assert [(d.label, list(d.before), list(d.value)) for d in all_but_metrics(comparison)] == [
        ("THREADS", [], ["2"]),
        ("a", ["1"], ["2"]),
        ("gone", ["x"], []),
        ("Domain", ["OTHER"], []),
    ]
    # Another environment in the same image is a changed container.
    assert comparison.tally["containers"] == {"changed": 1}
    assert comparison.tally["members"] == {"removed": 1}
    assert comparison.baseline.package == before


def test_the_baseline_of_the_queue_is_that_of_the_page(django_assert_num_queries):
    group = make_group()
    statuses = ("PendingManualApproval", "Approved", "Rejected", "PendingManualApproval")
    versions = [make_version(group, approval_status=status) for status in statuses]
    for package in versions:
        page = changes.choose_baseline(package, changes.neighbours(package)[1])
        with django_assert_num_queries(1):
            found = changes.read_baseline(package)
        assert (found.version, found.reason) == (page.version, page.reason)
