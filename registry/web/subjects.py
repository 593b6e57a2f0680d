"""From a request to what it speaks of: the actor, the group or the package in its address, or 404."""

from __future__ import annotations

from django.http import Http404, HttpRequest

from registry.accounts.permissions import Actor
from registry.catalog.models import ModelPackage, ModelPackageGroup


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in user acting in the browser."""
    agent = request.headers.get("User-Agent", "")
    return Actor.of(request.user, "browser", user_agent=agent)  # type: ignore[arg-type]


def find_group(request: HttpRequest, region: str, name: str) -> ModelPackageGroup:
    """The live group of that address; Http404 where there is none that the user may know of."""
    group = ModelPackageGroup.objects.visible_to(request.user).filter(region=region, name=name).first()  # type: ignore[arg-type]
    if group is None:
        raise Http404(f"There is no group {name}.")
    return group


def find_version(request: HttpRequest, region: str, name: str, version: int) -> ModelPackage:
    """The live version of that address with its group; Http404 where there is none that the user may know of."""
    package = ModelPackage.objects.visible_to(request.user).of_version(region, name, version).first()  # type: ignore[arg-type]
    if package is None:
        raise Http404(f"There is no version {version} of {name}.")
    return package


def find_unversioned(request: HttpRequest, region: str, name: str) -> ModelPackage:
    """The live unversioned package of that address; Http404 where there is none that the user may know of."""
    package = ModelPackage.objects.visible_to(request.user).unversioned().filter(region=region, name=name).first()  # type: ignore[arg-type]
    if package is None:
        raise Http404(f"There is no package {name}.")
    return package
