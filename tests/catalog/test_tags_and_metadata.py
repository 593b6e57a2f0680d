"""Tags and customer metadata: merging, limits, order, conflicts, and metrics that follow metadata."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from registry.accounts.models import Role
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_version

pytestmark = pytest.mark.django_db

ADMIN = an_actor(Role.ADMIN)
digest = services.digest_of_tags


def tags_of(owner) -> list[tuple[str, str]]:
    return list(owner.tags.values_list("key", "value"))


def pairs_of(package) -> dict[str, str]:
    return dict(package.customer_metadata_properties.values_list("key", "value"))


def test_set_tags_replaces_and_keeps_the_place_of_what_stays():
    group = make_group(tags=[("a", "1"), ("b", "2"), ("c", "3")])
    services.set_tags(actor=ADMIN, owner=group, tags=[("d", "4"), ("c", "5"), ("a", "1")])
    assert tags_of(group) == [("a", "1"), ("c", "5"), ("d", "4")]
    event = Event.objects.latest("id")
    assert [tag["Key"] for tag in event.before["Tags"]] == ["a", "b", "c"]
    assert [tag["Key"] for tag in event.after["Tags"]] == ["a", "c", "d"]


def test_set_tags_without_a_change_leaves_no_event():
    group = make_group(tags=[("a", "1"), ("b", "2")])
    services.set_tags(actor=ADMIN, owner=group, tags=[("b", "2"), ("a", "1")])
    assert Event.objects.latest("id").kind == "model_package_group.created"


def test_add_tags_overwrites_and_delete_tags_forgives():
    package = make_package(tags=[("a", "1")])
    services.add_tags(actor=ADMIN, owner=package, tags=[("b", ""), ("a", "2")])
    services.delete_tags(actor=ADMIN, owner=package, keys=["zzz", "b"])
    assert tags_of(package) == [("a", "2")]


def test_tags_on_a_version_are_refused_with_the_reason():
    with pytest.raises(ValidationError, match="Versions have no tags"):
        services.add_tags(actor=ADMIN, owner=make_version(), tags=[("a", "1")])


def test_tags_are_at_most_50_after_the_change():
    group = make_group(tags=[(f"k{n}", "") for n in range(49)])
    services.add_tags(actor=ADMIN, owner=group, tags=[("one", "")])
    with pytest.raises(ValidationError, match="At most 50"):
        services.add_tags(actor=ADMIN, owner=group, tags=[("more", "")])
    services.delete_tags(actor=ADMIN, owner=group, keys=["k3"])
    services.add_tags(actor=ADMIN, owner=group, tags=[("more", "")])
    assert len(tags_of(group)) == 50


def test_tags_changed_meanwhile_are_a_conflict_with_the_tags_now():
    group = make_group(tags=[("a", "1")])
    seen = digest([("a", "1")])
    services.set_tags(actor=an_actor(Role.ADMIN, "sagemaker"), owner=group, tags=[("a", "2")], seen=seen)
    with pytest.raises(Conflict) as caught:
        services.set_tags(actor=ADMIN, owner=group, tags=[("b", "1")], seen=seen)
    assert [(tag.key, tag.value) for tag in caught.value.current] == [("a", "2")]
    assert tags_of(group) == [("a", "2")]


def test_metadata_merges_and_removes_last():
    version = make_version(customer_metadata_properties={"a": "1", "b": "2", "c": "3"})
    services.update_customer_metadata(
        actor=ADMIN, package=version, put={"b": "20", "d": "4", "c": "30"}, remove=["c", "zzz"]
    )
    assert pairs_of(version) == {"a": "1", "b": "20", "d": "4"}
    event = Event.objects.latest("id")
    assert event.before == {"CustomerMetadataProperties": {"b": "2", "c": "3"}}
    assert event.after == {"CustomerMetadataProperties": {"b": "20", "d": "4"}}


def test_metadata_unchanged_leaves_no_event_and_no_revision():
    version = make_version(customer_metadata_properties={"a": "1"})
    services.update_customer_metadata(actor=ADMIN, package=version, put={"a": "1"}, remove=["zzz"])
    version.refresh_from_db()
    assert version.revision == 0
    assert Event.objects.latest("id").kind == "model_package.created"


def test_metadata_is_at_most_50_pairs_after_the_change():
    version = make_version(customer_metadata_properties={f"k{n}": "v" for n in range(50)})
    with pytest.raises(ValidationError, match="At most 50"):
        services.update_customer_metadata(actor=ADMIN, package=version, put={"more": "v"})
    services.update_customer_metadata(actor=ADMIN, package=version, put={"more": "v"}, remove=["k7"])
    assert len(pairs_of(version)) == 50


@pytest.mark.parametrize(("key", "value"), [("", "v"), ("k", ""), ("k,", "v"), ("k", "a\nb"), ("k", "x" * 257)])
def test_metadata_outside_the_pattern_is_refused(key, value):
    version = make_version()
    with pytest.raises(ValidationError):
        services.update_customer_metadata(actor=ADMIN, package=version, put={key: value})
    assert pairs_of(version) == {}


@pytest.mark.parametrize(("seen", "now"), [({"a": "0"}, "1"), ({"a": None}, "1"), ({"b": "1"}, None)])
def test_metadata_that_differs_from_what_was_seen_is_a_conflict(seen, now):
    version = make_version(customer_metadata_properties={"a": "1"})
    with pytest.raises(Conflict) as caught:
        services.update_customer_metadata(actor=ADMIN, package=version, put={"a": "2"}, seen=seen)
    assert caught.value.current == now
    assert pairs_of(version) == {"a": "1"}


def test_metrics_follow_metadata_but_reports_and_typed_ones_stay():
    version = make_version(customer_metadata_properties={"metric.auc": "0.9"}, metrics=[("f1", 0.5)])
    update = services.update_customer_metadata
    update(actor=ADMIN, package=version, put={"metric.auc": "0.8", "metric.f1": "0.1", "metric.r2": "0.7"})
    assert dict(version.metrics.values_list("name", "value")) == {"auc": 0.8, "f1": 0.5, "r2": 0.7}
    update(actor=ADMIN, package=version, put={"metric.auc": "n/a"}, remove=["metric.r2"])
    assert dict(version.metrics.values_list("name", "value")) == {"f1": 0.5}
