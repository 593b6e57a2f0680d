"""Choose which metric of a group leads its timeline, and which way its metrics are better."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..directions import DIRECTIONS
from ..models import ModelPackageGroup
from ..validators import METRIC_NAME_MAX
from .locks import conflict, lock_group, touch_group

CHOICES_MAX = 200  # metrics of a group with a direction of their own


def digest_of_metric_choices(group: ModelPackageGroup) -> str:
    """A short name for the choices of a group; a form carries it, to tell whether anybody else changed them."""
    state = json.dumps([group.leading_metric, group.metric_directions], sort_keys=True)
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def _state(leading: str, directions: Mapping[str, str]) -> dict[str, Any]:
    return {"LeadingMetric": leading, "MetricDirections": dict(sorted(directions.items()))}


def _name_fault(name: str) -> str:
    if len(name) > METRIC_NAME_MAX:
        return f"The name of a metric has at most {METRIC_NAME_MAX} characters."
    return "" if name.isprintable() else "The name of a metric has no control characters."


def _check(leading: str, directions: Mapping[str, str]) -> None:
    faults: dict[str, list[str]] = {}
    if fault := _name_fault(leading):
        faults["leading_metric"] = [fault]
    wrong = [_name_fault(name) if name else "A metric has a name." for name in directions]
    wrong += ["Better is higher, lower or none." for word in directions.values() if word and word not in DIRECTIONS]
    if wrong := list(dict.fromkeys(filter(None, wrong))):
        faults["metric_directions"] = wrong
    if faults:
        raise ValidationError(faults)


@transaction.atomic
def update_metric_choices(
    *,
    actor: Actor,
    group: ModelPackageGroup,
    leading_metric: str | None = None,
    metric_directions: Mapping[str, str] | None = None,
    seen: str | None = None,
) -> ModelPackageGroup:
    """Choose the metric that leads ("" lets the names decide) and the directions of the metrics that are named.

    A direction is "higher", "lower" or "none"; "" gives the metric back to what its name tells; metrics that are not
    named keep theirs, None changes nothing. Leaves `model_package_group.metrics_changed` unless all stays the same.
    Needs reviewer. `seen` is the digest_of_metric_choices the form started from: other choices now are a Conflict with
    the group as `current`. Raises ValidationError by field (leading_metric, metric_directions).
    """
    authorize(actor, "model_package_group.edit_metric_choices", group)
    _check(leading_metric or "", metric_directions or {})
    locked = lock_group(group.pk)
    if seen is not None and seen != digest_of_metric_choices(locked):
        raise conflict(
            "The choices were changed meanwhile.",
            current=locked,
            kind="model_package_group.metrics_changed",
            group_id=locked.pk,
        )
    before = _state(locked.leading_metric, locked.metric_directions)
    leading = locked.leading_metric if leading_metric is None else leading_metric
    changed = {**locked.metric_directions, **(metric_directions or {})}
    directions = {name: word for name, word in changed.items() if word}
    if len(directions) > CHOICES_MAX:
        raise ValidationError({"metric_directions": [f"At most {CHOICES_MAX} metrics have a direction of their own."]})
    after = _state(leading, directions)
    if after == before:
        return locked
    touch_group(actor, locked, leading_metric=leading, metric_directions=directions)
    at = locked.updated_at
    record(actor, "model_package_group.metrics_changed", group=locked, before=before, after=after, at=at)
    return locked
