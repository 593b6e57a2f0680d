"""What the form for a new version starts from: the shape of the group's newest version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..directions import in_reading_order
from ..models import Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup

METRICS_SHOWN = 3
KEYS_SHOWN = 5


@dataclass(frozen=True)
class Example:
    """The newest version's number, images in their order, and the names worth filling in again."""

    version: int | None = None
    images: Sequence[str] = ()
    metrics: Sequence[str] = ()
    keys: Sequence[str] = ()


def example_for(group: ModelPackageGroup) -> Example:
    """Return what the next version of `group` may start from; empty for a group without versions. Four queries.

    Metric names are those that somebody typed, else the leading ones. Keys are those whose value changed with the
    newest version, since they describe the training run; without a change the first ones.
    """
    newest = list(ModelPackage.objects.live().filter(group=group).order_by("-version").values_list("pk", "version")[:2])
    if not newest:
        return Example()
    package, version = newest[0]
    containers = Container.objects.filter(package=package).order_by("position")
    metrics = list(Metric.objects.filter(package=package).values_list("name", "source"))
    typed = [name for name, source in metrics if source == Metric.Source.TYPED]
    pairs: dict[int, dict[str, str]] = {pk: {} for pk, _ in newest}
    rows = CustomerMetadataProperty.objects.filter(package__in=pairs).values_list("package", "key", "value")
    for pk, key, value in rows:
        if not key.startswith("metric."):
            pairs[pk][key] = value
    before = pairs[newest[-1][0]]
    changed = [key for key, value in pairs[package].items() if before.get(key) != value]
    return Example(
        version=version,
        images=list(containers.values_list("image", flat=True)),
        metrics=typed or in_reading_order((name for name, _ in metrics), group)[:METRICS_SHOWN],
        keys=(changed or list(pairs[package]))[:KEYS_SHOWN],
    )
