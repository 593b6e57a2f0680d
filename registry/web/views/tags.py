"""Tags of groups and unversioned packages: shown, edited; a version has none, and its page says what to use instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from registry.accounts.permissions import Actor, authorize
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.catalog.models import ModelPackage, ModelPackageGroup, Tag
from registry.catalog.reports.suggestions import known_tags

from ..forms.groups import TagsForm
from ..htmx import redirect_to, render_page, toast
from ..searches import package_tag_href, tag_href
from ..subjects import actor_of, find_group, find_unversioned, find_version

Owner = ModelPackageGroup | ModelPackage


def tags_context(actor: Actor, owner: Owner, tags: Iterable[Tag]) -> dict[str, Any]:
    """What templates/groups/_tags.html needs, for every page that includes it."""
    if isinstance(owner, ModelPackageGroup):
        path, action = reverse("group-tags", args=[owner.region, owner.name]), "model_package_group.edit_tags"
        href = tag_href
    else:
        path, action = reverse("unversioned:tags", args=[owner.region, owner.name]), "model_package.edit_tags"
        href = package_tag_href
    return {"tags": list(tags), "tags_path": path, "may_edit_tags": actor.may(action), "tag_href": href}


@require_http_methods(["GET", "POST"])
def group_tags(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The tags of a group; POST replaces them."""
    return _tags(request, find_group(request, region, name))


@require_GET
def group_tags_edit(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The form for the tags of a group."""
    return _tags_edit(request, find_group(request, region, name))


@require_http_methods(["GET", "POST"])
def package_tags(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """The tags of an unversioned package; POST replaces them. For a version: why there are none."""
    if version is not None:
        return _version_tags(request, find_version(request, region, name, version))
    return _tags(request, find_unversioned(request, region, name))


@require_GET
def package_tags_edit(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """The form for the tags of an unversioned package. For a version: why there is none."""
    if version is not None:
        return _version_tags(request, find_version(request, region, name, version))
    return _tags_edit(request, find_unversioned(request, region, name))


def _tags(request: HttpRequest, owner: Owner) -> HttpResponse:
    if request.method == "POST":
        return _save(request, owner)
    if request.htmx:  # type: ignore[attr-defined]
        return _shown(request, owner, owner.tags.all())
    return redirect_to(request, owner.get_absolute_url())


def _shown(request: HttpRequest, owner: Owner, tags: Iterable[Tag]) -> HttpResponse:
    return render_page(request, "groups/_tags.html", "groups/_tags.html", tags_context(actor_of(request), owner, tags))


def _tags_edit(request: HttpRequest, owner: Owner) -> HttpResponse:
    kind = "model_package_group" if isinstance(owner, ModelPackageGroup) else "model_package"
    authorize(actor_of(request), f"{kind}.edit_tags", owner)
    return _form(request, owner, TagsForm.of([(tag.key, tag.value) for tag in owner.tags.all()]))


def _save(request: HttpRequest, owner: Owner) -> HttpResponse:
    form = TagsForm.posted(request.POST)
    try:
        tags = services.set_tags(actor=actor_of(request), owner=owner, tags=form.wanted(), seen=form.seen or None)
    except ValidationError as error:
        form.error = " ".join(error.messages)
        return _form(request, owner, form, status=422)
    except Conflict as conflict:
        current = TagsForm.of([(tag.key, tag.value) for tag in conflict.current])
        current.typed, mine = form.typed, form.kept
        return _form(request, owner, current, status=409, conflict=conflict, mine=mine)
    if request.htmx:  # type: ignore[attr-defined]
        return toast(_shown(request, owner, tags), "Tags saved")
    messages.success(request, "Tags saved")
    return redirect_to(request, owner.get_absolute_url())


def _form(request: HttpRequest, owner: Owner, form: TagsForm, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "nav": "groups" if isinstance(owner, ModelPackageGroup) else "packages",
        "owner": owner,
        "form": form,
        "known_tags": known_tags(request.user),  # type: ignore[arg-type]
        **tags_context(actor_of(request), owner, ()),
        **more,
    }
    return render_page(request, "groups/tags.html", "groups/_tags_edit.html", context, status=status)


def _version_tags(request: HttpRequest, package: ModelPackage) -> HttpResponse:
    actor, form, status = actor_of(request), TagsForm(), 200
    if request.method == "POST":
        form, status = TagsForm.posted(request.POST), 422
        try:
            services.set_tags(actor=actor, owner=package, tags=form.pairs())
        except ValidationError as error:
            form.error = " ".join(error.messages)
    group = package.group
    assert group is not None
    context = {
        "nav": "groups",
        "package": package,
        "group": group,
        "form": form,
        "metadata_path": reverse("version:metadata", args=[group.region, group.name, package.version]),
        "may_edit_metadata": actor.may("model_package.edit_metadata"),
        **tags_context(actor, group, group.tags.all()),
    }
    return render_page(request, "groups/version_tags.html", "groups/_version_tags.html", context, status=status)
