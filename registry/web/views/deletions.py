"""Delete with the name typed, undo it, and the list of what was deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.reports import deletions as reports

from ..deletions import deletion_context, has_versions
from ..forms.deletions import DeleteForm
from ..htmx import redirect_to, render_page
from ..subjects import actor_of, find_group
from .versions import find_package, whole_number

ROW_DIGITS = 18


@require_http_methods(["GET", "HEAD", "POST"])
def package_delete(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """Ask for the name of a version or an unversioned package, and delete it; 422 for another name."""
    actor, package = actor_of(request), find_package(request, region, name, version)
    authorize(actor, "model_package.delete", package)
    context = deletion_context(actor, package) | {"nav": "groups" if package.group else "packages"}
    if not _is_confirmed(request, context):
        return _ask(request, context)
    services.delete_model_package(actor=actor, package=package)
    back = package.group.get_absolute_url() if package.group is not None else reverse("package-list")
    return _deleted(request, f"{package} deleted", reverse("package-restore", args=[package.pk]), back)


@require_http_methods(["GET", "HEAD", "POST"])
def group_delete(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """Ask for the name of an empty group, and delete it; 422 for another name, 409 while it has versions."""
    actor, group = actor_of(request), find_group(request, region, name)
    authorize(actor, "model_package_group.delete", group)
    context = deletion_context(actor, group) | {"nav": "groups"}
    if context["deletion"]["refusal"] or not _is_confirmed(request, context):
        return _ask(request, context)
    try:
        services.delete_model_package_group(actor=actor, group=group)
    except Conflict as conflict:  # a version was registered since this request began
        context["deletion"]["refusal"] = has_versions(group.name, conflict.current.version_count)
        return _ask(request, context)
    back = reverse("group-list")
    return _deleted(request, f"Group {group.name} deleted", reverse("group-restore", args=[group.pk]), back)


def _is_confirmed(request: HttpRequest, context: dict[str, Any]) -> bool:
    """True if the right name was posted; else the context's form holds what is wrong."""
    if request.method != "POST":
        return False
    deletion = context["deletion"]
    deletion["form"] = DeleteForm(request.POST, names=deletion["form"].names)
    return bool(deletion["form"].is_valid())


def _ask(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    refused = 409 if context["deletion"].get("refusal") else 422
    status = refused if request.method == "POST" else 200
    return render_page(request, "deletions/confirm.html", "deletions/_dialog.html", context, status=status)


def _deleted(request: HttpRequest, text: str, undo: str, back: str) -> HttpResponse:
    # The toast of the next page has a button that posts there (templates/base.html).
    messages.success(request, text, extra_tags=undo)
    return redirect_to(request, back)


@require_POST
def package_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo the deletion of a version or an unversioned package and go to it."""
    actor = actor_of(request)
    authorize(actor, "model_package.restore")
    package = get_object_or_404(ModelPackage.objects.select_related("group"), pk=pk)
    restored = services.restore_model_package(actor=actor, package=package)
    messages.success(request, f"{restored} restored")
    return redirect_to(request, restored.get_absolute_url())


@require_POST
def group_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo the deletion of a group and go to it."""
    actor = actor_of(request)
    authorize(actor, "model_package_group.restore")
    group = get_object_or_404(ModelPackageGroup, pk=pk)
    restored = services.restore_model_package_group(actor=actor, group=group)
    messages.success(request, f"Group {restored.name} restored")
    return redirect_to(request, restored.get_absolute_url())


@require_safe
def deleted_list(request: HttpRequest) -> HttpResponse:
    """What was deleted, newest first, with a button for what can come back; `?of=groups` for groups."""
    authorize(actor_of(request), "model_package.restore")
    of = request.GET.get("of", "packages")
    if of not in ("packages", "groups"):
        raise Http404("There is no such list.")
    after = whole_number(request.GET.get("after"), ROW_DIGITS)
    page = (reports.deleted_groups if of == "groups" else reports.deleted_packages)(after)
    context = {
        "nav": "activity",
        "of": of,
        "page": page,
        "after": after,
        "restore": "group-restore" if of == "groups" else "package-restore",
    }
    return render_page(request, "deletions/list.html", "deletions/_list.html", context)
