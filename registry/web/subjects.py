"""From a request to what it speaks of: the actor, the group or the package in its address, or 404."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from registry.accounts.permissions import Actor
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.models.groups import GroupQuerySet
from registry.statements import Prepared

from .wording import utc


class Deleted(Http404):
    """What the address named was deleted: `row` is its tombstone, the text says by whom and when."""

    def __init__(self, message: str, row: ModelPackage | ModelPackageGroup) -> None:
        super().__init__(message)
        self.row = row


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in user acting in the browser."""
    agent = request.headers.get("User-Agent", "")
    return Actor.of(request.user, "browser", user_agent=agent)  # type: ignore[arg-type]


def find_group(
    request: HttpRequest, region: str, name: str, read: Prepared[ModelPackageGroup] | None = None
) -> ModelPackageGroup:
    """The live group of that address; Http404 where there is none that the user may know of.

    `read` is the statement of a page that wants more from the same query.
    """
    group = ModelPackageGroup.find(request.user, region, name, read)  # type: ignore[arg-type]
    if group is None:
        refuse_deleted(request, f"The group {name}", _groups(request).filter(region=region, name=name))
        raise Http404(f"There is no group {name}.")
    return group


def _groups(request: HttpRequest) -> GroupQuerySet:
    """The groups, live and deleted, that the user may know of."""
    return ModelPackageGroup.objects.open_to(request.user)  # type: ignore[arg-type]


def find_version(
    request: HttpRequest, region: str, name: str, version: int, read: Prepared[ModelPackage] | None = None
) -> ModelPackage:
    """The live version of that address with its group; Http404 where there is none that the user may know of.

    `read` is the statement of a page that wants more from the same query.
    """
    package = ModelPackage.find_version(request.user, region, name, version, read)  # type: ignore[arg-type]
    if package is None:
        gone = ModelPackage.objects.open_to(request.user).of_version(region, name, version)  # type: ignore[arg-type]
        refuse_deleted(request, f"v{version} of {name}", gone)
        groups = _groups(request).filter(region=region, name=name)
        if not groups.live().exists():
            refuse_deleted(request, f"The group {name}", groups)
        raise Http404(f"There is no version {version} of {name}.")
    return package


def find_unversioned(request: HttpRequest, region: str, name: str) -> ModelPackage:
    """The live unversioned package of that address; Http404 where there is none that the user may know of."""
    package = ModelPackage.find_unversioned(request.user, region, name)  # type: ignore[arg-type]
    if package is None:
        gone = ModelPackage.objects.unversioned().filter(region=region, name=name)
        refuse_deleted(request, f"The package {name}", gone)
        raise Http404(f"There is no package {name}.")
    return package


def refuse_deleted(request: HttpRequest, what: str, rows: QuerySet[Any]) -> None:
    """Raise Deleted if one of `rows` was, for somebody who may read here; the last of several of a name counts."""
    if actor_of(request).role is None:
        return
    row = rows.filter(deleted_at__isnull=False).order_by("-deleted_at").first()
    if row is not None:
        raise Deleted(f"{what} was deleted by {row.deleted_by_name or 'somebody'} on {utc(row.deleted_at)}.", row)
