"""Which version of a group stands in each stage; reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import OuterRef, Subquery

from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup


class Standing(NamedTuple):
    """A stage and the version that is current in it; `position` counts from 1, the first stage of the settings."""

    stage: str
    position: int
    version: int


def standing_columns(stages: Sequence[str]) -> dict[str, Subquery]:
    """Annotations for a query of groups: for each stage the newest version in it that was not rejected."""
    live = ModelPackage.objects.live().filter(group=OuterRef("pk")).exclude(approval_status=ApprovalStatus.REJECTED)
    # exclude() keeps those without a status.
    return {
        f"standing_{place}": Subquery(live.filter(stage=stage).order_by("-version").values("version")[:1])
        for place, stage in enumerate(stages)
    }


def standing_of(group: ModelPackageGroup, stages: Sequence[str]) -> list[Standing]:
    """The stages that a version stands in, the last one first; of a group that was read with standing_columns."""
    found = ((stage, place, getattr(group, f"standing_{place}", None)) for place, stage in enumerate(stages))
    return [Standing(stage, place + 1, version) for stage, place, version in found if version is not None][::-1]
