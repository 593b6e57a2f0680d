"""Decide on a version, from its page or from the queue, and move it through its stages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from registry.accounts.permissions import Actor, authorize
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, Conflict, NotFound, Refused, RulesNotMet
from registry.catalog.models import ApprovalStatus, ModelPackage
from registry.catalog.reports.changes import changes_since
from registry.catalog.reports.queue import Place
from registry.catalog.reviewing import is_open, previous_approved

from ..htmx import is_fragment, redirect_to, render_page, toast
from ..reviewing import rollback_of
from ..subjects import actor_of, find_version
from ..wording import status_look
from . import review_queue
from .versions import find_package, form_text, page_context, page_of, tell_here, whole_number

STAGE_STATUSES = {ApprovalStatus.APPROVED: "Approved", ApprovalStatus.REJECTED: "Rejected"}
# Decisions after which the queue goes on to the next version; a comment or a request leaves the reader where they are.
GOES_ON = (*ApprovalStatus.values, "override")
STALE = -1  # a `seen` that is no number: no revision is below zero, so it is refused as outdated


@require_http_methods(["GET", "HEAD", "POST"])
def package_review(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """Approve, reject, put back to waiting, undo, override, ask for changes or comment, from the card or the queue.

    `decision` says which. A rejection in the browser needs a comment; `?next=1` answers with the next of the queue.
    """
    package = find_version(request, region, name, version)
    if request.method != "POST":
        return HttpResponseRedirect(f"{package.get_absolute_url()}#review")
    actor = actor_of(request)
    decision, comment = request.POST.get("decision", ""), form_text(request.POST, "comment").strip()
    authorize(actor, "model_package.comment" if decision == "comment" else "model_package.decide", package)
    seen = whole_number(request.POST["seen"]) if "seen" in request.POST else None
    typed = {"comment": comment, "decision": decision}
    try:
        words = _carry_out(
            actor, package, decision, comment, STALE if seen is None and "seen" in request.POST else seen
        )
    except ValidationError as refusal:
        # What was seen stays: a form that comes back for its comment has shown nothing new of the version.
        typed |= _faults(refusal) | {"seen": request.POST.get("seen", "")}
        return _refused(request, package, typed, 422)
    except Conflict as conflict:
        fresh: ModelPackage = conflict.current
        since = [tell_here(event, fresh) for event in changes_since(fresh, seen if seen is not None else 0)]
        return _refused(request, fresh, typed | {"since": since, "conflict": True}, 409)
    except (NotFound, AlreadyExists):
        raise
    except Refused as refused:
        return _refused(request, find_version(request, region, name, version), typed | {"refusal": str(refused)}, 409)
    return _done(request, package, decision, words)


def _carry_out(actor: Actor, package: ModelPackage, decision: str, comment: str, seen: int | None) -> str:
    """Call the service that a decision of the form means; returns what happened, in words."""
    asked: dict[str, Any] = {"actor": actor, "package": package}
    heading = f"v{package.version}"
    match decision:
        case "comment":
            services.comment_on(**asked, comment=comment)
            return "Comment saved"
        case "changes":
            services.request_changes(**asked, comment=comment, seen=seen)
            return f"Changes of {heading} requested"
        case "withdraw":
            services.withdraw_vote(**asked)
            return f"Your approval of {heading} is taken back"
        case "undo":
            undone = services.undo_decision(**asked, seen=seen)
            return f"Undone: {heading} is {status_look(undone.approval_status).word}"
        case ApprovalStatus.REJECTED if not comment:
            raise ValidationError({"comment": ["Say what has to change."]})
    override = decision == "override"
    status = ApprovalStatus.APPROVED if override else decision
    decided = services.update_approval_status(
        **asked, approval_status=status, comment=comment, seen=seen, override=override
    )
    if status == ApprovalStatus.APPROVED and is_open(decided):
        return f"Your approval of {heading} is counted; others have to approve too"
    return f"{heading} is {status_look(decided.approval_status).word}" + (
        ", against the rules" if override and decided.decided_by_override else ""
    )


def _faults(refusal: ValidationError) -> dict[str, Any]:
    """What a refusal shows: the rules that fail above the form, anything else at the comment."""
    if isinstance(refusal, RulesNotMet):
        return {"against": [finding.words for finding in refusal.findings]}
    errors = refusal.message_dict
    # A decision that is none has no field of its own.
    return {"error": " ".join(errors.get("comment") or errors.get("approval_status") or refusal.messages)}


def _done(request: HttpRequest, package: ModelPackage, decision: str, words: str) -> HttpResponse:
    """The card as it is now; from the queue the next version, where this one is done with for the reviewer."""
    decided = ModelPackage.objects.select_related("group").get(pk=package.pk)
    from_queue, goes_on = "next" in request.GET, decision in GOES_ON
    if from_queue and is_fragment(request):
        place = Place(package.waiting_since, package.pk) if package.waiting_since else None
        following = None if goes_on else decided
        context = review_queue.next_context(request, decided, place, following)
        response = toast(render(request, "review/_pane.html", context), f"{package.group}: {words}")
        tab = review_queue.asked_tab(request)
        q = review_queue.asked_filter(request).written.text
        response["HX-Push-Url"] = review_queue.queue_path(tab, context.get("at", ""), q=q)
        return response
    if is_fragment(request):
        return toast(_card(request, decided, {}, 200), words)
    messages.success(request, f"{package.group}: {words}" if from_queue else words)
    if not from_queue:
        return HttpResponseRedirect(f"{decided.get_absolute_url()}#review")
    return HttpResponseRedirect(review_queue.path_after(request, package, stays=not goes_on))


def _card(request: HttpRequest, package: ModelPackage, review: dict[str, Any], status: int) -> HttpResponse:
    context = page_context(request, package, review=review, decided=status != 422)
    return render(request, "packages/_review.html", context, status=status)


def _refused(request: HttpRequest, package: ModelPackage, review: dict[str, Any], status: int) -> HttpResponse:
    """The form with its faults: the card, the dialog or the queue that it came from, or the whole page."""
    if "next" in request.GET:
        context = review_queue.refused_context(request, package, review)
        return render_page(request, "review/list.html", "review/_pane.html", context, status=status)
    if not is_fragment(request):
        return render(request, page_of(package), page_context(request, package, review=review), status=status)
    dialog = {"approvedlg": "approve", "rejectdlg": "reject"}.get(request.POST.get("dialog", ""))
    if dialog is None or review.get("refusal"):
        return _card(request, package, review, status)
    context = page_context(request, package, review=review, dialog=dialog)
    response = render(request, "packages/_review_dialog.html", context, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = f"#{dialog}dlg", "outerHTML"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def package_rollback(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """Back to the version that was approved before: the reason rejects this one and moves its stage there."""
    package, actor = find_version(request, region, name, version), actor_of(request)
    authorize(actor, "model_package.decide", package)
    reason, seen = form_text(request.POST, "comment").strip(), whole_number(request.POST.get("seen"))
    state: dict[str, Any] = {"comment": reason}
    status = 200
    if request.method == "POST":
        try:
            previous = services.back_to_previous_approved(
                actor=actor, package=package, reason=reason, seen=STALE if seen is None else seen
            )
        except ValidationError as refusal:
            faults = _faults(refusal)
            state["error"], status = faults.get("error") or " ".join(faults["against"]), 422
        except Conflict as conflict:
            package = conflict.current
            since = [tell_here(event, package) for event in changes_since(package, seen or 0)]
            state, status = state | {"conflict": True, "since": since}, 409
        except NotFound:
            raise
        except Refused as refused:
            state["refusal"], status = str(refused), 409
        else:
            messages.success(request, f"Back to v{previous.version}; v{version} is Rejected")
            return redirect_to(request, reverse("group-detail", args=[region, name]))
    state |= {"nav": "groups", "package": package, "group": package.group, "heading": f"v{version}"}
    state |= {"back": rollback_of(package, previous_approved(package)), "path": request.path}
    asked_for = request.method != "POST" and request.headers.get("HX-Target") == "overlay"
    part = "packages/_rollback_dialog.html" if asked_for else "packages/_rollback.html"
    return render_page(request, "packages/rollback.html", part, state, status=status)


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
