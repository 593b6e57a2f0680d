"""The rows of the list of unversioned packages: a page at a time by key, with what hangs on each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Max, Min, Q

from ..filters import KEYS, And, Node, Not, Query, Term, version_condition
from ..filters.terms import leaf
from ..models import Container, ModelPackage, Tag

if TYPE_CHECKING:
    from registry.accounts.models import User

ROWS_PER_PAGE = 25
COUNT_CAP = 1000
# The filters of the index that say nothing about a package without a group.
OF_GROUPS_ONLY = ("approved", "updated")
_EVERYTHING = Query()


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
    found = visible.filter(package_conditions(query.node))
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


def faults(query: Query) -> list[str]:
    """What is wrong with the terms that do not filter this list, in words."""
    unknown = [f"{term.key}: is about groups." for term in map(leaf, query.parts) if term.key in OF_GROUPS_ONLY]
    return [term.fault for term in query.faults if term.key not in OF_GROUPS_ONLY] + unknown


def package_conditions(node: Node) -> Q:
    """The condition on an unversioned package that a filter means; terms that speak of groups only are left out."""
    match node:
        case And(nodes):
            condition = Q()
            for child in nodes:
                condition &= package_conditions(child)
            return condition
        case Not(child):
            found = package_conditions(child)
            return ~found if found else found
        case Term(key=""):
            text = node.value or ""
            return Q(name__icontains=text) | Q(description__icontains=text) | Q(original_arn=text)
        case Term(key="tag"):
            tags = Tag.objects.filter(package__isnull=False, key=node.name)
            if node.value is not None:
                begins = node.value.endswith("*")
                tags = tags.filter(value__prefix=node.value[:-1]) if begins else tags.filter(value=node.value)
            return Q(pk__in=tags.values("package"))
        case Term(key="region"):
            return Q(region=node.value)
        case Term(key=key) if key in KEYS and key not in OF_GROUPS_ONLY:
            return version_condition(node)
    return Q()


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
