"""What filters find on the database, compared with a plain evaluation of the same tree over the same values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.catalog.filters import (
    ACTIVITY,
    GROUPS,
    PACKAGES,
    REVIEW,
    TIMELINE,
    And,
    Node,
    Not,
    Or,
    Term,
    collected,
    event_conditions,
    group_conditions,
    is_wide,
    package_conditions,
    parse,
    queue_conditions,
    version_conditions,
)
from registry.catalog.filters.keys import STATUSES
from registry.catalog.filters.terms import VERSION_KEYS, terms_of
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.catalog.filter_worlds import NOW, PEOPLE, Group, Version, World, make_world
from tests.factories import IMAGE

DATABASE = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def names(text: str, wide: bool = False, **how: Any) -> list[str]:
    found = ModelPackageGroup.objects.live().filter(group_conditions(parse(text), NOW, wide=wide, **how))
    return sorted(found.values_list("name", flat=True))


# ---------- the same, evaluated by hand ----------


@pytest.fixture(params=[1, 2])
def world(request: pytest.FixtureRequest, db: None) -> World:
    return make_world(request.param)


def pair_matches(pairs: dict[str, str], term: Term) -> bool:
    if term.name not in pairs:
        return False
    held = pairs[term.name]
    if term.value is not None and term.value.endswith("*"):
        return held.startswith(term.value[:-1])
    return term.value is None or held == term.value


def time_matches(at: datetime, value: str) -> bool:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    return {
        "<2d": at >= NOW - timedelta(days=2),
        ">2d": at < NOW - timedelta(days=2),
        ">=2026-11-01": at >= day,
        "2026-11-01..2026-11-20": day <= at < datetime(2026, 11, 21, tzinfo=UTC),
    }[value]


def version_matches(version: Version, term: Term) -> bool:
    value = term.value or ""
    match term.key:
        case "":
            return value.lower() in version.description.lower() or value == str(version.number)
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
        case "meta":
            return pair_matches(version.meta, term)
        case "check":
            return term.name in version.checks and value in ("", version.checks[term.name])
        case "metric":
            held = version.metrics.get(term.name)
            signs: dict[str, Callable[[float], bool]] = {
                "": lambda x: True,
                ">0.9": lambda x: x > 0.9,
                "<=0.9": lambda x: x <= 0.9,
                "=0.95": lambda x: x == 0.95,
            }
            return held is not None and signs[value](held)
        case "created":
            return time_matches(version.created_at, value)
        case "updated":
            return time_matches(version.updated_at or version.created_at, value)
        case "tag":
            return pair_matches(version.tags, term)
        case "region":
            return version.region == value
    raise KeyError(term.key)


def evaluate(node: Node, of_term: Callable[[Term], bool]) -> bool:
    match node:
        case And(nodes):
            return all(evaluate(child, of_term) for child in nodes)
        case Or(nodes):
            return any(evaluate(child, of_term) for child in nodes)
        case Not(child):
            return not evaluate(child, of_term)
        case Term():
            return of_term(node)


def group_matches(group: Group, node: Node) -> bool:
    """The rules at the top of filters/conditions.py, for one group."""

    def of_versions(child: Node) -> bool:
        return all(term.key in VERSION_KEYS for term in terms_of(child))

    def positive(child: Node) -> bool:
        match child:
            case And(nodes):
                return any(map(positive, nodes))
            case Or(nodes):
                return all(map(positive, nodes))
        return isinstance(child, Term)

    def some_version(child: Node) -> bool:
        return any(evaluate(child, partial(version_matches, version)) for version in group.versions)

    match node:
        case And(nodes):
            together = [child for child in nodes if of_versions(child)]
            if not any(map(positive, together)):
                together = []
            others = [child for child in nodes if child not in together]
            one = And(tuple(together))
            return (not together or some_version(one)) and all(group_matches(group, child) for child in others)
        case Or(nodes):
            return any(group_matches(group, child) for child in nodes)
        case Not(child):
            return not group_matches(group, child)
        case Term(key=key) if key in VERSION_KEYS:
            return some_version(node)
        case Term(key="", value=value):
            text = (value or "").lower()
            return text in group.name.lower() or text in group.description.lower()
        case Term(key="tag"):
            return pair_matches(group.tags, node)
        case Term(key="region", value=value):
            return group.region == value
        case Term(key="approved"):
            return all(version.status != "Approved" for version in group.versions)
        case Term(key=key, value=value):
            return time_matches(group.created_at if key == "created" else group.updated_at, value or "")


OF_VERSIONS = [
    *(f"status:{word}" for word in ("approved", "waiting", "Pending", "rejected", "none")),
    *(f"stage:{word}" for word in ("Production", "production", "none", "Staging")),
    *(f"by:{word}" for word in (*PEOPLE, "nobody")),
    *(f"image:{word}" for word in (IMAGE, "sagemaker-xgboost", "sagemaker-xgboost:1.7", "1.5-1", "1.5")),
    *(f"meta:{word}" for word in ("feature_set", "seed=v13", "seed=v1*", "seed=v9", "absent")),
    *(f"metric:{word}" for word in ("auc", "auc>0.9", "auc<=0.9", "loss=0.95", "absent>0.9")),
    *(f"check:{word}" for word in ("unit", "unit=failure", "e2e=success", "absent")),
]
TIMES = ["<2d", ">2d", ">=2026-11-01", "2026-11-01..2026-11-20"]
OF_ANY = [f"{key}:{word}" for key in ("created", "updated") for word in TIMES]
TAGGED = [f"tag:{word}" for word in ("team", "team=fraud", "team=risk", 'team=""', "team=Ri*", "tier=fraud")]
WORDS = ["fraud", "score", "RETRAINED", "zz"]
REGIONS = ["region:us-east-1", "region:eu-west-1", "region:eu"]
WRONG = ["stauts:approved", "updated:soon", "metric:auc>x"]


def filters_of(*terms: str) -> st.SearchStrategy[str]:
    """Filters of any shape from these terms."""
    return st.recursive(
        st.sampled_from([*terms, *WRONG]),
        lambda inner: st.one_of(
            inner.map("-{}".format).filter(lambda text: not text.startswith("--")),
            inner.map("NOT ({})".format),
            inner.map("({})".format),
            st.tuples(inner, inner).map(" ".join),
            st.tuples(inner, inner).map(" OR ".join),
            st.tuples(inner, inner, inner).map("({0[0]} OR {0[1]}) {0[2]}".format),
        ),
        max_leaves=6,
    )


def test_groups_are_found_as_a_plain_evaluation_finds_them(world: World) -> None:
    @DATABASE
    @given(filters_of(*OF_VERSIONS, *OF_ANY, *TAGGED, *WORDS, *REGIONS, "approved:none"))
    def check(text: str) -> None:
        node = parse(text, of=GROUPS).node
        expected = sorted(group.name for group in world.groups if group_matches(group, node))
        assert names(text) == expected
        assert names(text, wide=True) == expected
        assert names(text, common=True) == expected
        assert names(text, among=collected) == expected

    check()


def test_versions_of_a_group_are_found_as_a_plain_evaluation_finds_them(world: World) -> None:
    @DATABASE
    @given(filters_of(*OF_VERSIONS, *OF_ANY, *WORDS, "2"))
    def check(text: str) -> None:
        query = parse(text, of=TIMELINE)
        versions = [version for group in world.groups for version in group.versions]
        expected = {v.pk for v in versions if evaluate(query.node, partial(version_matches, v))}
        for wide in (False, True):
            found = ModelPackage.objects.versioned().filter(version_conditions(query, NOW, wide=wide))
            assert set(found.values_list("pk", flat=True)) == expected

    check()


def test_packages_and_what_waits_are_found_as_a_plain_evaluation_finds_them(world: World) -> None:
    def of_package(package: Version, term: Term) -> bool:
        named = term.key == "" and (term.value or "").lower() in package.name
        return named or version_matches(package, term)

    def of_queue(group: Group, version: Version, term: Term) -> bool:
        match term.key:
            case "group":
                return group.name == term.value or group.name.startswith((term.value or "").removesuffix("*"))
            case "approved":
                return group_matches(group, term)
            case "" if (term.value or "").lower() in group.name.lower():
                return True
        return version_matches(version, term)

    @DATABASE
    @given(filters_of(*OF_VERSIONS, *OF_ANY, *TAGGED, *REGIONS, *WORDS, "pack-1"))
    def check_packages(text: str) -> None:
        query = parse(text, of=PACKAGES)
        expected = {p.name for p in world.packages if evaluate(query.node, partial(of_package, p))}
        found = ModelPackage.objects.unversioned().filter(package_conditions(query, NOW))
        assert set(found.values_list("name", flat=True)) == expected

    @DATABASE
    @given(filters_of(*OF_VERSIONS, *OF_ANY, *TAGGED, *REGIONS, *WORDS, "group:fraud*", "approved:none"))
    def check_queue(text: str) -> None:
        query = parse(text, of=REVIEW)
        expected = {
            version.pk
            for group in world.groups
            for version in group.versions
            if version.status == "PendingManualApproval" and evaluate(query.node, partial(of_queue, group, version))
        }
        waiting = ModelPackage.objects.versioned().filter(waiting_since__isnull=False)
        assert set(waiting.filter(queue_conditions(query, NOW)).values_list("pk", flat=True)) == expected

    check_packages()
    check_queue()


def test_events_are_found_as_a_plain_evaluation_finds_them(world: World) -> None:
    events = list(Event.objects.all())
    tags = {group.name: group.tags for group in world.groups} | {p.name: p.tags for p in world.packages}

    def matches(event: Event, term: Term) -> bool:
        value = term.value or ""
        name = event.group_name or event.package_name
        match term.key:
            case "":
                return any(
                    value.lower() in text.lower() for text in (name, event.actor_name, event.comment, event.target)
                )
            case "by":
                return event.actor_name == value
            case "type":
                return event.category == value
            case "group":
                return bool(event.group_name) and event.group_name.startswith(value.removesuffix("*"))
            case "tag":
                return pair_matches(tags[name], term)
            case "region":
                return event.region == value
        return time_matches(event.at, value)

    @DATABASE
    @given(filters_of("ana", "fraud", "by:ci", "type:registration", "group:fraud*", "created:>2d", *TAGGED, *REGIONS))
    def check(text: str) -> None:
        query = parse(text, of=ACTIVITY)
        expected = {event.pk for event in events if evaluate(query.node, partial(matches, event))}
        assert set(Event.objects.filter(event_conditions(query, NOW)).values_list("pk", flat=True)) == expected

    check()


def test_any_text_can_be_asked_of_the_database(world: World) -> None:
    signs = st.sampled_from(
        ["tag:", "metric:", "check:", "(", ")", " OR ", "-", '"', "\\", "=", ">", "1", "created:<99999w"]
    )

    @DATABASE
    @given(st.lists(signs | st.text(max_size=6), max_size=8).map("".join))
    def check(text: str) -> None:
        assert set(names(text)) <= {group.name for group in world.groups}
        assert is_wide(parse(text)) is False
        list(ModelPackage.objects.filter(version_conditions(parse(text, of=TIMELINE))))
        list(ModelPackage.objects.filter(package_conditions(parse(text, of=PACKAGES))))
        list(ModelPackage.objects.filter(queue_conditions(parse(text, of=REVIEW))))
        list(Event.objects.filter(event_conditions(parse(text, of=ACTIVITY))))

    check()
