"""Decide on a version and move it through its stages, from its page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.catalog.models import ApprovalStatus, ModelPackage
from registry.catalog.reports.changes import changes_since

from ..htmx import is_fragment, toast
from ..subjects import actor_of, find_version
from ..wording import status_look
from .versions import find_package, form_text, page_context, page_of, tell_here, whole_number

STAGE_STATUSES = {ApprovalStatus.APPROVED: "Approved", ApprovalStatus.REJECTED: "Rejected"}
STALE = -1  # a `seen` that is no number: no revision is below zero, so it is refused as outdated


@require_http_methods(["GET", "HEAD", "POST"])
def package_review(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """Approve, reject or put back to waiting; a rejection in the browser needs a comment."""
    package = find_version(request, region, name, version)
    if request.method != "POST":
        return HttpResponseRedirect(f"{package.get_absolute_url()}#review")
    actor = actor_of(request)
    authorize(actor, "model_package.decide", package)
    decision, comment = request.POST.get("decision", ""), form_text(request.POST, "comment").strip()
    seen = whole_number(request.POST["seen"]) if "seen" in request.POST else None
    typed = {"comment": comment, "decision": decision}
    try:
        if decision == ApprovalStatus.REJECTED and not comment:
            raise ValidationError({"comment": ["Say what has to change."]})
        decided = services.update_approval_status(
            actor=actor,
            package=package,
            approval_status=decision,
            comment=comment,
            seen=STALE if seen is None and "seen" in request.POST else seen,
        )
    except ValidationError as refusal:
        errors = refusal.message_dict
        # A decision that is none has no field of its own: it is told at the comment.
        words = " ".join(errors.get("comment") or errors.get("approval_status") or refusal.messages)
        # What was seen stays: a form that comes back for its comment has shown nothing new of the version.
        return _refused(request, package, typed | {"error": words, "seen": request.POST.get("seen", "")}, 422)
    except Conflict as conflict:
        fresh: ModelPackage = conflict.current
        since = [tell_here(event, fresh) for event in changes_since(fresh, seen if seen is not None else 0)]
        return _refused(request, fresh, typed | {"since": since, "conflict": True}, 409)
    words = f"v{decided.version} is {status_look(decided.approval_status).word}"
    if not is_fragment(request):
        messages.success(request, words)
        return HttpResponseRedirect(f"{decided.get_absolute_url()}#review")
    return toast(_card(request, decided, {}, 200), words)


def _card(request: HttpRequest, package: ModelPackage, review: dict[str, Any], status: int) -> HttpResponse:
    context = page_context(request, package, review=review, decided=status != 422)
    return render(request, "packages/_review.html", context, status=status)


def _refused(request: HttpRequest, package: ModelPackage, review: dict[str, Any], status: int) -> HttpResponse:
    """The form with its faults: the card, or the dialog that it came from, or the whole page."""
    if not is_fragment(request):
        return render(request, page_of(package), page_context(request, package, review=review), status=status)
    dialog = {"approvedlg": "approve", "rejectdlg": "reject"}.get(request.POST.get("dialog", ""))
    if dialog is None:
        return _card(request, package, review, status)
    context = page_context(request, package, review=review, dialog=dialog)
    response = render(request, "packages/_review_dialog.html", context, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = f"#{dialog}dlg", "outerHTML"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def stage_update(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """Move a package to another stage; its stage status follows its approval."""
    package = find_package(request, region, name, version)
    if request.method != "POST":
        return HttpResponseRedirect(f"{package.get_absolute_url()}#details")
    stage, page_revision = request.POST.get("stage", ""), whole_number(request.POST.get("revision"))
    try:
        moved = services.update_model_life_cycle(
            actor=actor_of(request),
            package=package,
            stage=stage,
            stage_status=STAGE_STATUSES.get(package.approval_status, "PendingApproval"),
            seen=request.POST.get("seen"),
        )
    except ValidationError as refusal:
        words = " ".join(refusal.messages) if stage else "Choose a stage."
        return _stage_form(request, package, {"error": words, "typed": stage}, 422)
    except Conflict as conflict:
        package = find_package(request, region, name, version)
        refused = {"conflict": conflict, "typed": stage}
        return _stage_form(request, package, refused, 409)
    words = f"Stage is {moved.stage}"
    if not is_fragment(request):
        messages.success(request, words)
        return HttpResponseRedirect(f"{moved.get_absolute_url()}#details")
    return toast(_stage_form(request, moved, {"saved": True, "page_revision": page_revision}, 200), words)


def _stage_form(request: HttpRequest, package: ModelPackage, stage_form: dict[str, Any], status: int) -> HttpResponse:
    context = page_context(request, package, stage_form=stage_form)
    context["revision_known"] = stage_form.get("page_revision") in (package.revision, package.revision - 1)
    template = "packages/_stage.html" if is_fragment(request) else page_of(package)
    return render(request, template, context, status=status)
