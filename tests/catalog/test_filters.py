"""The filter language: what it reads, what it says about mistakes, and which groups it finds on the database."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from registry.catalog.filters import (
    Not,
    Query,
    Term,
    group_conditions,
    is_wide,
    make_term,
    parse,
    tag_text,
    version_condition,
    version_conditions,
)
from registry.catalog.filters.terms import MAX_TERMS, STATUSES, VERSION_KEYS, leaf
from registry.catalog.models import ModelPackage, ModelPackageGroup
from tests.factories import IMAGE, make_group, make_version, specification

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DATABASE = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def names(text: str, wide: bool = False) -> list[str]:
    found = ModelPackageGroup.objects.live().filter(group_conditions(parse(text), NOW, wide=wide))
    return sorted(found.values_list("name", flat=True))


# ---------- reading and writing ----------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("fraud xgb", [Term("", "fraud"), Term("", "xgb")]),
        ("tag:team=fraud", [Term("tag", "fraud", "team")]),
        ("TAG:team=a=b", [Term("tag", "a=b", "team")]),
        ("tag:team", [Term("tag", None, "team")]),
        ("tag:team=", [Term("tag", None, "team")]),
        ('tag:team=""', [Term("tag", "", "team")]),
        ('tag:"a=b"=c', [Term("tag", "c", "a=b")]),
        ('meta:"data set"="a b"', [Term("meta", "a b", "data set")]),
        ("-status:rejected", [Not(Term("status", "rejected"))]),
        ('-"-x" "status:x"', [Not(Term("", "-x")), Term("", "status:x")]),
        ("s3://bucket/key", [Term("", "s3://bucket/key")]),
        ("arn:aws:sagemaker:x:1:model-package-group/a", [Term("", "arn:aws:sagemaker:x:1:model-package-group/a")]),
        ('"open end', [Term("", "open end")]),
        ('""  ', []),
    ],
)
def test_parse_reads_terms(text: str, parts: list[Any]) -> None:
    assert list(parse(text).parts) == parts
    assert not parse(text).faults


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("team:fraud", "tag:team=fraud"),
        ("statsu:approved", "status:approved"),
        ("xgboost:1.7-1", "image:xgboost:1.7-1"),
        ("tags:team=fraud", "tag:team=fraud"),
        ("status:aproved", "status:approved"),
        ("approved:yes", "status:approved"),
        ("updated:7", "updated:<7d"),
        ("updated:<2026-02-31", "updated:<7d"),
        ("tag:", ""),
        ("by:", ""),
    ],
)
def test_a_mistake_is_told_and_filters_nothing(text: str, suggestion: str) -> None:
    query = parse(f"{text} fraud")
    (fault,) = query.faults
    assert fault.fault
    assert fault.suggestion == suggestion
    assert [str(node) for node in query.node.nodes] == ["fraud"]
    if suggestion:
        assert not parse(suggestion).faults
        assert query.replaced(0, suggestion).text == f"{suggestion} fraud"


def test_a_suggestion_keeps_the_negation() -> None:
    assert parse("x -team:fraud").replaced(1, "tag:team=fraud").text == "x -tag:team=fraud"


def test_too_many_filters_are_told() -> None:
    query = parse(" ".join(f"w{n}" for n in range(MAX_TERMS + 2)))
    assert len(query.faults) == 2
    assert len(query.node.nodes) == MAX_TERMS


def test_too_long_a_filter_is_told() -> None:
    assert "2,000 characters" in parse("x " * 1500).faults[-1].fault


def test_tag_text_quotes_what_the_language_would_read_otherwise() -> None:
    assert tag_text("team", "fraud") == "tag:team=fraud"
    assert parse(tag_text("a b=c", "")).parts == (Term("tag", "", "a b=c"),)


@given(st.text(max_size=60))
def test_parse_never_raises_and_reads_again_what_it_writes(text: str) -> None:
    query = parse(text)
    assert parse(query.text) == query
    assert [t.fault for t in parse(query.text).faults] == [t.fault for t in query.faults]


SIGNS = st.sampled_from(
    ["tag:", "meta:", "status:", "by:", "updated:", '"', "\\", "=", "-", " ", "a", "b:", "(", "AND", "<7d", "*"]
)


@given(st.lists(SIGNS, max_size=14).map("".join))
def test_signs_of_the_language_in_any_order_are_read_again(text: str) -> None:
    query = parse(text)
    assert parse(query.text) == query


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_tag_is_found_by_its_own_filter_text(key: str, value: str) -> None:
    key, value = key.replace("\x00", ""), value.replace("\x00", "")
    if key:
        assert parse(tag_text(key, value)).parts == (Term("tag", value, key),)


# ---------- the same, evaluated by hand ----------

TEAMS, IMAGES, PEOPLE = ["fraud", "risk", "Risk", ""], [IMAGE, IMAGE.replace("1.7-1", "1.5-1")], ["ci", "ana"]
WORDS = ["fraud", "score", "DEMAND", "xgb", "retrained", "zz"]
STAGES = ["Development", "Production", ""]
STATUS_VALUES = ["Approved", "PendingManualApproval", "Rejected", None]


@dataclass
class Version:
    status: str | None
    stage: str
    by: str
    image: str
    meta: dict[str, str]


@dataclass
class Group:
    name: str
    description: str
    tags: dict[str, str]
    region: str
    updated_at: datetime
    versions: list[Version] = field(default_factory=list)


@pytest.fixture(params=[1, 2])
def world(request: pytest.FixtureRequest, db: None) -> list[Group]:
    """A dozen groups with random versions, in the database and as plain values."""
    dice = random.Random(request.param)
    groups = []
    for number in range(12):
        tags = {key: dice.choice(TEAMS) for key in ("team", "tier") if dice.random() < 0.6}
        group = Group(
            name=f"{dice.choice(['fraud', 'demand', 'Score'])}-{dice.choice(['xgb', 'skl'])}-{number}",
            description=" ".join(dice.sample(["Fraud score", "retrained weekly", "demand"], dice.randint(0, 2))),
            tags=tags,
            region=dice.choice(["us-east-1", "eu-west-1"]),
            updated_at=NOW - timedelta(hours=dice.choice([1, 30, 24 * 7, 24 * 60])),
        )
        row = make_group(group.name, description=group.description, region=group.region, tags=list(tags.items()))
        for _ in range(dice.randint(0, 3)):
            version = Version(
                status=dice.choice(STATUS_VALUES),
                stage=dice.choice(STAGES),
                by=dice.choice(PEOPLE),
                image=dice.choice(IMAGES),
                meta={key: dice.choice(["v13", "v14"]) for key in ("feature_set", "seed") if dice.random() < 0.5},
            )
            cycle = {"Stage": version.stage, "StageStatus": "Done"} if version.stage else None
            make_version(
                row,
                actor=Actor(name=version.by, role=Role.ADMIN, door="browser"),
                approval_status=version.status,
                model_life_cycle=cycle,
                customer_metadata_properties=version.meta,
                inference_specification=specification(version.image),
            )
            group.versions.append(version)
        ModelPackageGroup.objects.filter(pk=row.pk).update(updated_at=group.updated_at)
        groups.append(group)
    return groups


def version_matches(version: Version, term: Term) -> bool:
    value = term.value or ""
    match term.key:
        case "status":
            return version.status == STATUSES[value.lower()]
        case "stage":
            wanted = "" if value.lower() == "none" else value
            return version.stage == wanted or (bool(wanted) and version.stage.lower() == wanted.lower())
        case "by":
            return version.by == value
        case "image":
            name = version.image.rpartition("/")[2]
            return version.image == value or name.startswith(value) or name.partition(":")[2] == value
    return pair_matches(version.meta, term)


def pair_matches(pairs: dict[str, str], term: Term) -> bool:
    if term.name not in pairs:
        return False
    held = pairs[term.name]
    if term.value is not None and term.value.endswith("*"):
        return held.startswith(term.value[:-1])
    return term.value is None or held == term.value


def group_matches(group: Group, term: Term) -> bool:
    value = term.value or ""
    match term.key:
        case "":
            return value.lower() in group.name.lower() or value.lower() in group.description.lower()
        case "tag":
            return pair_matches(group.tags, term)
        case "region":
            return group.region == value
        case "approved":
            return all(version.status != "Approved" for version in group.versions)
    age = NOW - group.updated_at
    return {"<2d": age <= timedelta(days=2), ">2d": age > timedelta(days=2), ">=2026-11-01": age < timedelta(days=21)}[
        value
    ]


def evaluate(query: Query, group: Group) -> bool:
    parts = [part for part in query.parts if not leaf(part).fault]
    about_version = [part for part in parts if leaf(part).key in VERSION_KEYS]
    others = [part for part in parts if part not in about_version]

    def holds(part: Any, truth: bool) -> bool:
        return truth != isinstance(part, Not)

    if any(not isinstance(part, Not) for part in about_version):
        if not any(
            all(holds(part, version_matches(version, leaf(part))) for part in about_version)
            for version in group.versions
        ):
            return False
    elif any(version_matches(version, leaf(part)) for part in about_version for version in group.versions):
        return False
    return all(holds(part, group_matches(group, leaf(part))) for part in others)


TERMS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(["approved", "waiting", "Pending", "rejected", "none"]).map("status:{}".format),
    st.sampled_from(["Production", "production", "none", "Staging"]).map("stage:{}".format),
    st.sampled_from([*PEOPLE, "nobody"]).map("by:{}".format),
    st.sampled_from([IMAGE, "sagemaker-xgboost", "sagemaker-xgboost:1.7", "1.5-1", "1.5"]).map("image:{}".format),
    st.sampled_from(["feature_set", "seed=v13", "seed=v1*", "seed=v9", "absent"]).map("meta:{}".format),
    st.sampled_from(["team", "team=fraud", "team=risk", 'team=""', "team=Ri*", "tier=fraud"]).map("tag:{}".format),
    st.sampled_from(["us-east-1", "eu-west-1", "eu"]).map("region:{}".format),
    st.sampled_from(["<2d", ">2d", ">=2026-11-01"]).map("updated:{}".format),
    st.sampled_from(["approved:none", "stauts:approved", "updated:soon"]),
)
QUERIES = st.lists(st.tuples(st.booleans(), TERMS).map(lambda t: "-" * t[0] + t[1]), min_size=1, max_size=4)


def test_filters_find_what_a_plain_evaluation_finds(world: list[Group]) -> None:
    @DATABASE
    @given(QUERIES.map(" ".join))
    def check(text: str) -> None:
        expected = sorted(group.name for group in world if evaluate(parse(text), group))
        assert names(text) == expected
        assert names(text, wide=True) == expected

    check()


def test_any_text_can_be_asked_of_the_database(world: list[Group]) -> None:
    @DATABASE
    @given(st.lists(SIGNS | st.text(max_size=6), max_size=8).map("".join))
    def check(text: str) -> None:
        assert set(names(text)) <= {group.name for group in world}

    check()


# ---------- single rules ----------


def test_is_wide_counts_the_pair_or_image(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make_version(make_group(f"g-{number}"), customer_metadata_properties={"seed": "1", "only": str(number)})
    monkeypatch.setattr("registry.catalog.filters.conditions.WIDE", 2)
    wide = ["meta:seed=1", "meta:seed", "image:sagemaker", "-image:sagemaker status:none"]
    narrow = ["meta:only=1", "meta:only=1 image:sagemaker", "image:none", "status:waiting by:any-admin", ""]
    assert [text for text in wide + narrow if is_wide(parse(text))] == wide


def test_version_conditions_hold_for_one_and_the_same_version(db: None) -> None:
    both, apart = make_group("both"), make_group("apart")
    production = {"Stage": "Production", "StageStatus": "Done"}
    make_version(both, approval_status="Approved", model_life_cycle=production)
    make_version(apart, approval_status="Approved")
    make_version(apart, approval_status="Rejected", model_life_cycle=production)
    assert names("status:approved stage:production") == ["both"]
    assert names("status:approved -stage:production") == ["apart"]
    assert names("-status:rejected") == ["both"]
    found = ModelPackage.objects.filter(version_conditions(parse("both status:approved -stage:Production")))
    assert [str(package) for package in found] == ["apart v1"]
    assert ModelPackage.objects.filter(version_condition(make_term("status", "rejected"))).count() == 1


def test_deleted_rows_and_unversioned_packages_are_not_found_by(db: None) -> None:
    group = make_group("gone")
    version = make_version(group, approval_status="Approved", customer_metadata_properties={"seed": "1"})
    assert names("meta:seed=1") == ["gone"]
    assert names("-meta:seed=1") == []
    ModelPackage.objects.filter(pk=version.pk).update(deleted_at=NOW)
    assert names("meta:seed=1") == []
    assert names("-meta:seed=1") == ["gone"]


def test_words_are_found_without_case_and_signs_stand_for_themselves(db: None) -> None:
    make_group("plain", description="Élan 100% of a_b")
    make_group("other", description="elan 1000 of aab")
    assert names("PLAIN") == ["plain"]
    assert names("élan") == ["plain"]
    assert names("100% a_b") == ["plain"]
    assert names('"of a_b"') == ["plain"]


@pytest.mark.parametrize("own", [True, False])
def test_a_pasted_arn_finds_its_group(db: None, settings: Any, own: bool) -> None:
    group = make_group("DiabetesProgression")
    version = make_version(group)
    make_group("diabetes")
    if own:
        arns = [group.arn, version.arn]
    else:
        arns = [
            f"arn:aws:sagemaker:us-west-2:111122223333:{kind}"
            for kind in ("model-package-group/d", "model-package/d/1")
        ]
        ModelPackageGroup.objects.filter(pk=group.pk).update(original_arn=arns[0])
        ModelPackage.objects.filter(pk=version.pk).update(original_arn=arns[1])
        arns.append(arns[1].replace("/1", "/7"))
    for arn in arns:
        assert names(arn) == ["DiabetesProgression"], arn
    assert names("arn:aws:sagemaker:us-east-1:999999999999:model-package-group/DiabetesProgression") == []


def test_updated_takes_ages_and_days(db: None) -> None:
    for name, hours in (("new", 1), ("old", 24 * 30)):
        ModelPackageGroup.objects.filter(pk=make_group(name).pk).update(updated_at=NOW - timedelta(hours=hours))
    assert names("updated:<2h") == names("updated:2026-11-22") == names("updated:>2026-11-01") == ["new"]
    assert names("updated:>1w") == names("updated:<2026-11-22") == ["old"]
    assert names("updated:<=2026-11-22 updated:>=2026-10-01") == ["new", "old"]
