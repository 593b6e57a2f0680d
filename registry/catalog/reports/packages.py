"""The rows of the list of unversioned packages: a page at a time by key, with what hangs on each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from registry.statements import Condition, Prepared

from ..filters import PACKAGES, Query, package_conditions
from ..models import Container, ModelPackage, Tag
from ..models.groups import beyond_first_region
from .counts import cap_of, count_up_to

if TYPE_CHECKING:
    from registry.accounts.models import User

ROWS_PER_PAGE = 25
_EVERYTHING = Query(of=PACKAGES)


@dataclass(slots=True)
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
    """One page of rows; `newer` and `older`: ids to page from, None at an end; `total` counts up to `cap` + 1."""

    rows: list[PackageRow]
    total: int
    cap: int
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
    found = Condition.of(visible.filter(package_conditions(query)))
    anchor = after or before
    moment = anchor and visible.filter(pk=anchor).values_list("created_at", flat=True).first()
    backwards = bool(moment and not after)
    place: dict[str, Any] = {"moment": moment, "anchor": anchor} if moment else {}
    statement = _page(ROWS_PER_PAGE + 1, goes_on=bool(place), backwards=backwards)
    rows = [PackageRow(*row) for row in statement.rows(found=found, **place)]
    more = len(rows) > ROWS_PER_PAGE
    del rows[ROWS_PER_PAGE:]
    if backwards:
        rows.reverse()
    _fill(rows)
    is_whole = not more and not moment
    cap = cap_of(query)
    return PackagePage(
        rows=rows,
        total=len(rows) if is_whole else count_up_to(ModelPackage, found, cap + 1),
        cap=cap,
        newer=rows[0].id if rows and (more if backwards else bool(moment)) else None,
        older=rows[-1].id if rows and (more or backwards) else None,
        regions_many=bool(rows) and bool(_OTHER_REGIONS.rows()),
    )


@cache
def _page(limit: int, *, goes_on: bool, backwards: bool) -> Prepared[Any]:
    """The statement of a page: the first, or with `goes_on` the one behind a row, or before it."""

    def build(found: Any, moment: Any = None, anchor: int = 0) -> QuerySet[ModelPackage, Any]:
        part = ModelPackage.objects.filter(found)
        if goes_on:
            side = "gt" if backwards else "lt"
            part = part.filter(Q(**{f"created_at__{side}": moment}) | Q(created_at=moment, **{f"pk__{side}": anchor}))
        order = ("created_at", "pk") if backwards else ("-created_at", "-pk")
        columns = ("id", "region", "name", "description", "created_at", "created_by_name")
        return part.order_by(*order).values_list(*columns)[:limit]

    place: dict[str, Any] = {"moment": datetime, "anchor": int} if goes_on else {}
    return Prepared(build, found=Condition, **place)


def _other_regions() -> QuerySet[ModelPackage, Any]:
    # Only they have a name, and the index over region and name is theirs.
    return beyond_first_region(ModelPackage.objects.live().filter(name__isnull=False))


_OTHER_REGIONS: Prepared[Any] = Prepared(_other_regions)


def _fill(rows: Iterable[PackageRow]) -> None:
    """Add tags, images and framework to the rows of one page: two queries."""
    by_id = {row.id: row for row in rows}
    for pk, key, value in _TAGS.rows(packages=list(by_id)):
        by_id[pk].tags.append((key, value))
    for pk, image, framework, version in _CONTAINERS.rows(packages=list(by_id)):
        row = by_id[pk]
        row.images.append(image)
        row.framework = row.framework or f"{framework} {version}".strip()


_TAGS: Prepared[Any] = Prepared(
    lambda packages: Tag.objects.filter(package__in=packages).values_list("package", "key", "value"),
    packages=list[int],
)
_CONTAINERS: Prepared[Any] = Prepared(
    lambda packages: (
        Container.objects.filter(package__in=packages)
        .order_by("package", "position")
        .values_list("package", "image", "framework", "framework_version")
    ),
    packages=list[int],
)
