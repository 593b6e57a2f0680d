"""Add, edit and remove the metadata pairs of a package, one row at a time; rows are named by their ids."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.catalog.models import CustomerMetadataProperty, ModelPackage
from registry.catalog.reports.changes import last_change_of_pair
from registry.catalog.validators import validate_metadata_key, validate_metadata_value

from ..htmx import is_fragment, toast
from ..subjects import actor_of
from .versions import find_package, page_context, page_of, whole_number

EDIT = "model_package.edit_metadata"
FIELD = "customer_metadata_properties"


@require_http_methods(["GET", "HEAD", "POST"])
def metadata_add(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """Add a pair; GET is the whole metadata card, for a page whose rows have moved on."""
    package = find_package(request, region, name, version)
    if request.method != "POST":
        return _metadata_card(request, package)
    key, value = request.POST.get("key", "").strip(), request.POST.get("value", "").strip()
    # Set by the form only after it has shown that the key is there: then it overwrites the value that it showed.
    seen = request.POST.get("seen") if request.POST.get("seen_key") == key else None
    adding: dict[str, Any] = {"key": key, "value": value, "errors": _faults(key, value)}
    try:
        if adding["errors"]:
            authorize(actor_of(request), EDIT, package)
        else:
            package = services.update_customer_metadata(
                actor=actor_of(request), package=package, put={key: value}, seen={key: seen}
            )
    except ValidationError as refusal:
        adding["errors"] = {"key": refusal.messages}
    except Conflict as conflict:
        adding |= {"conflict": _conflict(package, key, conflict)}
        return _adding(request, package, adding, 409)
    if adding["errors"]:
        return _adding(request, package, adding, 422)
    row = CustomerMetadataProperty.objects.filter(package=package, key=key).first()
    if seen is not None:
        # The row stands somewhere in the table already, or not yet: the table is read again.
        return _saved(request, package, f"{key} saved", row, overwritten=True)
    return _saved(request, package, f"{key} added", row, is_new=True)


@require_http_methods(["GET", "HEAD", "POST", "DELETE"])
def metadata_row(request: HttpRequest, region: str, name: str, pk: int, version: int | None = None) -> HttpResponse:
    """One row: GET shows it, POST saves its value, DELETE removes it."""
    package = find_package(request, region, name, version)
    if request.method == "DELETE":
        return _remove(request, package, pk, request.GET.get("seen"))
    row = CustomerMetadataProperty.objects.filter(package=package, pk=pk).first()
    if request.method != "POST":
        return _show_row(request, package, row, None)
    # The row's id outlives the row in an open form: its key is told there, so that who removed it can be found.
    key = row.key if row is not None else request.POST.get("key", "")
    if not key:
        raise Http404("There is no such metadata.")
    seen, typed = request.POST.get("seen"), request.POST.get("value", "")
    value = typed if typed == seen else typed.strip()
    editing: dict[str, Any] = {"pk": pk, "key": key, "value": value, "seen": seen}
    try:
        authorize(actor_of(request), EDIT, package)
        fault = _faults(key, value)
        if fault:
            return _show_row(request, package, row, editing | {"error": fault.get("value") or fault["key"]}, 422)
        package = services.update_customer_metadata(
            actor=actor_of(request), package=package, put={key: value}, seen={key: seen}
        )
    except ValidationError as refusal:
        return _show_row(request, package, row, editing | {"error": refusal.messages}, 422)
    except Conflict as conflict:
        current = conflict.current
        return _show_row(
            request,
            package,
            row,
            editing | {"seen": current, "gone": current is None, "conflict": _conflict(package, key, conflict)},
            409,
        )
    row = CustomerMetadataProperty.objects.filter(package=package, key=key).first()
    return _saved(request, package, f"{key} saved", row)


@require_safe
def metadata_edit(request: HttpRequest, region: str, name: str, pk: int, version: int | None = None) -> HttpResponse:
    """The row as a form."""
    package = find_package(request, region, name, version)
    authorize(actor_of(request), EDIT, package)
    row = CustomerMetadataProperty.objects.filter(package=package, pk=pk).first()
    if row is None:
        raise Http404("There is no such metadata.")
    editing = {"pk": pk, "key": row.key, "value": row.value, "seen": row.value}
    return _show_row(request, package, row, editing)


@require_http_methods(["GET", "HEAD", "POST"])
def metadata_remove(request: HttpRequest, region: str, name: str, pk: int, version: int | None = None) -> HttpResponse:
    """The page that asks before it removes a pair, for browsers without script; POST removes it."""
    package = find_package(request, region, name, version)
    authorize(actor_of(request), EDIT, package)
    if request.method == "POST":
        return _remove(request, package, pk, request.POST.get("seen"))
    row = CustomerMetadataProperty.objects.filter(package=package, pk=pk).first()
    if row is None:
        raise Http404("There is no such metadata.")
    return render(request, "packages/metadata_remove.html", page_context(request, package, row=row))


def _remove(request: HttpRequest, package: ModelPackage, pk: int, seen: str | None) -> HttpResponse:
    actor = actor_of(request)
    authorize(actor, EDIT, package)
    row = CustomerMetadataProperty.objects.filter(package=package, pk=pk).first()
    if row is None:
        # It is gone already, which is what was wanted; the row leaves the page.
        return _saved(request, package, "It was removed already", None)
    key, value = row.key, row.value
    try:
        package = services.update_customer_metadata(
            actor=actor, package=package, remove=[key], seen=None if seen is None else {key: seen}
        )
    except Conflict as conflict:
        editing = {
            "pk": pk,
            "key": key,
            "value": conflict.current,
            "seen": conflict.current,
            "conflict": _conflict(package, key, conflict),
            "removing": True,
        }
        return _show_row(request, package, row, editing, 409)
    return _saved(request, package, f"{key} removed", None, removed=(key, value))


# ---------- answers ----------


def _faults(key: str, value: str) -> dict[str, list[str]]:
    """What is wrong with a pair, by field; {} where nothing is."""
    faults = {}
    for field, validate, text in (
        ("key", validate_metadata_key, key),
        ("value", validate_metadata_value, value),
    ):
        try:
            validate(text)
        except ValidationError as error:
            faults[field] = error.messages
    return faults


def _conflict(package: ModelPackage, key: str, conflict: Conflict) -> dict[str, Any]:
    """Who changed this key last, and its value now; the service only knows who changed any."""
    event = last_change_of_pair(package, key)
    who, when = (event.actor_name, event.at) if event else ("", None)
    return {"current": conflict.current, "by": who, "at": when}


def _metadata_card(request: HttpRequest, package: ModelPackage) -> HttpResponse:
    if not is_fragment(request):
        return HttpResponseRedirect(f"{package.get_absolute_url()}#metadata")
    return render(request, "packages/_metadata.html", page_context(request, package, focus_key=True))


def _show_row(
    request: HttpRequest,
    package: ModelPackage,
    row: CustomerMetadataProperty | None,
    editing: dict[str, Any] | None,
    status: int = 200,
) -> HttpResponse:
    """One row to read, or as a form where `editing` says what it holds; without HTMX the whole page."""
    if row is None and editing is None:
        raise Http404("There is no such metadata.")
    if not is_fragment(request) and editing is None:
        return HttpResponseRedirect(f"{package.get_absolute_url()}#metadata")
    context = page_context(request, package, editing=editing)
    if not is_fragment(request):
        return render(request, page_of(package), context, status=status)
    context["pair"] = next((pair for pair in context["comparison"].pairs if row and pair.pk == row.pk), None)
    template = "packages/_metadata_edit.html" if editing is not None else "packages/_metadata_row.html"
    return render(request, template, context, status=status)


def _adding(request: HttpRequest, package: ModelPackage, adding: dict[str, Any], status: int) -> HttpResponse:
    """The row that adds, with its faults."""
    template = "packages/_metadata_add.html" if is_fragment(request) else page_of(package)
    return render(request, template, page_context(request, package, adding=adding), status=status)


def _saved(
    request: HttpRequest,
    package: ModelPackage,
    words: str,
    row: CustomerMetadataProperty | None,
    *,
    is_new: bool = False,
    overwritten: bool = False,
    removed: tuple[str, str] | None = None,
) -> HttpResponse:
    """What a change answers: the row re-read, an empty row that adds, and the parts of the page that follow.

    `overwritten` reads the whole table again, `removed` is the pair that the page offers to add back.
    """
    if not is_fragment(request):
        messages.success(request, words)
        return HttpResponseRedirect(f"{package.get_absolute_url()}#metadata")
    page_revision = whole_number(request.POST.get("revision") or request.GET.get("revision"))
    context = page_context(request, package, saved=True, is_new=is_new, removed=removed, focus_key=overwritten)
    context["revision_known"] = page_revision in (package.revision, package.revision - 1)
    context["pair"] = next((pair for pair in context["comparison"].pairs if row and pair.pk == row.pk), None)
    template = "packages/_metadata_row.html" if context["pair"] else "packages/_saved.html"
    if overwritten:
        template = "packages/_metadata.html"
    response = render(request, template, context)
    if overwritten:
        response["HX-Retarget"] = "#metadata-card"
    return toast(response, words)
