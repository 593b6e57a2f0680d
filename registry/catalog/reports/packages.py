"""The rows of the list of unversioned packages: a page at a time by key, with what hangs on each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Max, Min, Q

from ..filters import PACKAGES, Query, package_conditions
from ..models import Container, ModelPackage, Tag

if TYPE_CHECKING:
    from registry.accounts.models import User

ROWS_PER_PAGE = 25
COUNT_CAP = 1000
_EVERYTHING = Query(of=PACKAGES)


@dataclass
class PackageRow:
    """One unversioned package as the list shows it."""

    id: int
    region: str
    name: str
    description: str
    created_at: datetime
    created_by_name: str
    tags: list[tuple[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    framework: str = ""


@dataclass(frozen=True)
class PackagePage:
    """One page of rows; `newer` and `older` are the ids to page from, None at an end; `total` counts up to a cap."""

    rows: list[PackageRow]
    total: int
    newer: int | None
    older: int | None
    regions_many: bool


def package_page(
    user: User, query: Query = _EVERYTHING, *, after: int | None = None, before: int | None = None
) -> PackagePage:
    """Return a page of the unversioned packages that `user` may see, newest first.

    `after` is the id of the last row before this page, `before` that of the first row behind it; an unknown id gives
    the first page. At most six queries, however many packages.
    """
    visible = ModelPackage.objects.visible_to(user).unversioned()
    found = visible.filter(package_conditions(query))
    anchor = after or before
    moment = anchor and visible.filter(pk=anchor).values_list("created_at", flat=True).first()
    backwards = bool(moment and not after)
    part = found
    if moment:
        side = "gt" if backwards else "lt"
        part = found.filter(Q(**{f"created_at__{side}": moment}) | Q(created_at=moment, **{f"pk__{side}": anchor}))
    order = ("created_at", "pk") if backwards else ("-created_at", "-pk")
    columns = ("id", "region", "name", "description", "created_at", "created_by_name")
    rows = [PackageRow(**row) for row in part.order_by(*order).values(*columns)[: ROWS_PER_PAGE + 1]]
    more = len(rows) > ROWS_PER_PAGE
    del rows[ROWS_PER_PAGE:]
    if backwards:
        rows.reverse()
    _fill(rows)
    regions = visible.aggregate(first=Min("region"), last=Max("region"))
    return PackagePage(
        rows=rows,
        total=found.order_by()[: COUNT_CAP + 1].count(),
        newer=rows[0].id if rows and (more if backwards else bool(moment)) else None,
        older=rows[-1].id if rows and (more or backwards) else None,
        regions_many=regions["first"] != regions["last"],
    )


def _fill(rows: Iterable[PackageRow]) -> None:
    """Add tags, images and framework to the rows of one page: two queries."""
    by_id = {row.id: row for row in rows}
    for pk, key, value in Tag.objects.filter(package__in=by_id).values_list("package", "key", "value"):
        by_id[pk].tags.append((key, value))
    containers = Container.objects.filter(package__in=by_id).order_by("package", "position")
    for pk, image, framework, version in containers.values_list("package", "image", "framework", "framework_version"):
        row = by_id[pk]
        row.images.append(image)
        row.framework = row.framework or f"{framework} {version}".strip()
