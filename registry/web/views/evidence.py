"""The evidence of a version or unversioned package: one page to print, and the file that proves it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.catalog.evidence_files import write
from registry.catalog.models import ModelPackage
from registry.catalog.reports import particulars
from registry.catalog.reports.evidence import Evidence, Unsettled, read_evidence
from registry.events.checkpoint_keys import private_key
from registry.events.checkpoints import LogContradicts

from ..subjects import actor_of
from .versions import Addresses, find_package, stage_position, tell_here

RETRY_SECONDS = 2


@require_safe
def package_evidence(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """The page: specification, metrics, decisions, rules then and now, events and the checkpoint that signs them."""
    package = find_package(request, region, name, version)
    found = _read(request, package)
    if isinstance(found, HttpResponse):
        return found
    return render(request, "evidence/page.html", _context(found))


@require_safe
def package_evidence_file(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """The same as JSON, signed, for `manage.py verifyevidence`."""
    package = find_package(request, region, name, version)
    found = _read(request, package)
    if isinstance(found, HttpResponse):
        return found
    subject = f"{name}-v{version}" if version is not None else name
    response = HttpResponse(write(found.document, private_key()), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{subject}-evidence.json"'
    return response


def _read(request: HttpRequest, package: ModelPackage) -> Evidence | HttpResponse:
    try:
        return read_evidence(package, made_by=actor_of(request).name)
    except ModelPackage.DoesNotExist:
        raise Http404("It was deleted just now.") from None
    except LogContradicts as error:
        context = {**_place(package), "faults": error.faults[:5]}
        return render(request, "evidence/contradiction.html", context, status=409)
    except Unsettled:
        context = {"title": "It changes all the time", "text": "Evidence is of one moment.", "again": request.path}
        response = render(request, "errors/503.html", context, status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response


def _place(package: ModelPackage) -> dict[str, Any]:
    return {
        "nav": "groups" if package.is_versioned else "packages",
        "package": package,
        "group": package.group,
        "heading": f"v{package.version}" if package.is_versioned else package.name,
        "at": Addresses(package),
    }


def _context(found: Evidence) -> dict[str, Any]:
    package, document = found.package, found.document
    lines = [(event, tell_here(event, package)) for event in found.events]
    return {
        **_place(package),
        "document": document,
        "version": document["version"],
        "stage_position": stage_position(package.stage),
        "comparison": found.comparison,
        "base": found.comparison.baseline.version,
        "others": found.others,
        "facts": particulars.facts_of(package),
        "reports": particulars.pointers_of(package.model_metrics),
        "drift_baselines": particulars.pointers_of(package.drift_check_baselines),
        "additional": particulars.additional_specifications(package),
        "model_card": particulars.model_card_of(package),
        "lineage": particulars.lineage_of(package, document["version"]["metadata"]),
        "lines": lines,
        "checkpoints": [(one.statement, bytes(one.signature).hex()) for one in found.checkpoints],
        "links": sum(len(stretch["links"]) for stretch in document["stretches"]),
    }
