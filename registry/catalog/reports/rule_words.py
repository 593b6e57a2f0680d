"""What the rules of a group may name: the metrics, metadata keys and checks that its newest versions have."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Value

from ..directions import in_reading_order
from ..models import METADATA_PREFIX, Check, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup

RECENT = 50  # newest versions that are looked at
OFFERED = 12


class Suggestions(NamedTuple):
    """Names to choose from, at most OFFERED of each."""

    metrics: list[str]
    keys: list[str]
    checks: list[str]


def suggestions_for(group: ModelPackageGroup) -> Suggestions:
    """The names that the newest versions have; one query."""
    newest = ModelPackage.objects.live().filter(group=group).order_by("-version").values("pk")[:RECENT]
    kinds = (
        Metric.objects.filter(package__in=newest).order_by().values_list(Value("metric"), "name"),
        CustomerMetadataProperty.objects.filter(package__in=newest).order_by().values_list(Value("key"), "key"),
        Check.objects.filter(package__in=newest).order_by().values_list(Value("check"), "name"),
    )
    found: dict[str, set[str]] = {"metric": set(), "key": set(), "check": set()}
    for kind, name in kinds[0].union(*kinds[1:]):
        found[kind].add(name)
    keys = sorted(key for key in found["key"] if not key.startswith(METADATA_PREFIX))
    return Suggestions(
        in_reading_order(found["metric"], group)[:OFFERED], keys[:OFFERED], sorted(found["check"])[:OFFERED]
    )
