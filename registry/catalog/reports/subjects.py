"""The statements by which the page of a group or of a version reads its subject, with all that the page wants of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from registry.events.models import Event
from registry.statements import Prepared

from ..models import ModelPackage, ModelPackageGroup
from .changes import neighbour_columns
from .stages import standing_columns


@cache
def group_with_standing(stages: tuple[str, ...]) -> Prepared[ModelPackageGroup]:
    """For ModelPackageGroup.find: the group with standing_columns(stages)."""

    def build(region: str, name: str) -> QuerySet[Any]:
        found = ModelPackageGroup.objects.live().filter(region=region, name=name)
        return found.annotate(**standing_columns(stages))

    return Prepared(build, region=str, name=str)


@cache
def group_of_page(stages: tuple[str, ...]) -> Prepared[ModelPackageGroup]:
    """For ModelPackageGroup.find: the same with `latest_event`, the id of its newest event or None.

    Read with the group, before what it counts for: nothing that happens meanwhile is missed.
    """

    def build(region: str, name: str) -> QuerySet[Any]:
        found = ModelPackageGroup.objects.live().filter(region=region, name=name)
        newest = Event.objects.filter(group_id=OuterRef("pk")).order_by("-id").values("id")[:1]
        return found.annotate(latest_event=Subquery(newest), **standing_columns(stages))

    return Prepared(build, region=str, name=str)


def _version(region: str, group: str, version: int) -> QuerySet[Any]:
    newest = Event.objects.filter(package_id=OuterRef("pk")).order_by("-id").values("id")[:1]
    found = ModelPackage.objects.live().of_version(region, group, version)
    return found.annotate(latest_event=Subquery(newest), **neighbour_columns())


# For ModelPackage.find_version: the version with `latest_event` and its neighbours.
VERSION_OF_PAGE: Prepared[ModelPackage] = Prepared(_version, region=str, group=str, version=int)
