"""What reviewers do beside deciding: ask for changes, comment, take a vote back, undo their own decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.models import Event
from registry.events.services import record

from ..contents import content_hash
from ..errors import Refused, RulesNotMet
from ..models import ApprovalStatus, ModelPackage
from ..reviewing import facts_of, is_open, last_decision, may_undo, rules_of
from ..rules import failed, findings
from .approvals import Decision, refuse_stale, save_decision
from .locks import lock_package, note_review, touch_package
from .permits import check_comment
from .votes import drop_vote, may_approve_still, restore_votes


def _said(comment: str, fault: str) -> str:
    comment = comment.strip()
    if not comment:
        raise ValidationError({"comment": [fault]})
    check_comment(comment)
    return comment


@transaction.atomic
def request_changes(*, actor: Actor, package: ModelPackage, comment: str, seen: int | None = None) -> ModelPackage:
    """Say what has to change before an approval; the package goes on waiting. Leaves `model_package.changes_requested`.

    Needs reviewer and a comment. A waiting package says it on the wire too (ApprovalDescription); one that is approved
    with changed content keeps the words of its approval. The actor's own vote is taken back; those of others stay.
    `seen` as in update_approval_status. Refused where nothing waits. Returns the locked, fresh package.
    """
    authorize(actor, "model_package.decide", package)
    comment = _said(comment, "Say what has to change.")
    locked = lock_package(package)
    refuse_stale(locked, seen)
    if not is_open(locked):
        raise Refused("It does not wait for a review. Put it back to waiting to ask for changes.")
    vote = drop_vote(actor, locked)
    at = timezone.now()
    before: dict[str, Any] = {"Vote": vote} if vote else {}
    after: dict[str, Any] = {}
    if locked.approval_status == ApprovalStatus.WAITING and locked.approval_description != comment:
        before["ApprovalDescription"], after["ApprovalDescription"] = locked.approval_description, comment
        touch_package(actor, locked, at=at, approval_description=comment)
    else:
        note_review(locked)
    kind = "model_package.changes_requested"
    record(actor, kind, package=locked, before=before or None, after=after, comment=comment, at=at)
    return locked


@transaction.atomic
def comment_on(*, actor: Actor, package: ModelPackage, comment: str) -> Event:
    """Say something about a package without deciding; leaves `model_package.commented`, which is all there is of it.

    Needs contributor. Raises ValidationError for `comment`. Returns the event.
    """
    authorize(actor, "model_package.comment", package)
    comment = _said(comment, "Write a comment.")
    locked = lock_package(package)
    return record(actor, "model_package.commented", package=locked, comment=comment)


@transaction.atomic
def withdraw_vote(*, actor: Actor, package: ModelPackage) -> ModelPackage:
    """Take back the actor's own vote while the round is open; leaves `model_package.vote_withdrawn`.

    Needs reviewer. Refused where there is none. Returns the locked, fresh package.
    """
    authorize(actor, "model_package.decide", package)
    locked = lock_package(package)
    vote = drop_vote(actor, locked)
    if vote is None:
        raise Refused("You have not approved it in this round.")
    note_review(locked)
    record(actor, "model_package.vote_withdrawn", package=locked, before={"Vote": vote}, after={})
    return locked


@transaction.atomic
def undo_decision(*, actor: Actor, package: ModelPackage, seen: int | None = None) -> ModelPackage:
    """Take back the actor's own last decision, as if it had not been made; leaves `…approval_status_changed`, marked.

    Needs reviewer. Refused unless the decision is the last thing that changed the package: no other decision, vote,
    stage, metadata or content since, by anybody. Votes that the decision ended count again, the actor's own is not one
    of them. Where the undo would approve (it takes a rejection back), the rules have to hold now, with the approvals
    that were counted then, and the content has to be the one that was approved: RulesNotMet or Refused otherwise.
    Returns the locked, fresh package.
    """
    authorize(actor, "model_package.decide", package)
    locked = lock_package(package)
    refuse_stale(locked, seen)
    event = last_decision(locked)
    if event is None or not may_undo(event, locked, actor.name):
        raise Refused("It cannot be undone: it was not your decision, or something followed it. Decide anew.")
    former = Decision.of_members(event.before or {})
    if former.status == ApprovalStatus.APPROVED and not locked.is_approved:
        _refuse_wrong_approval(actor, locked, former, event)
    # Where one approval is enough by now, votes have ended for good.
    votes = (event.before or {}).get("Votes") or [] if rules_of(locked).approvals_needed > 1 else []
    # Before the event, which names those that came back; the decision ended all others of the round.
    kept = restore_votes(locked, votes)
    return save_decision(actor, locked, former, told={"Undone": True} | ({"Votes": kept} if kept else {}))


def _refuse_wrong_approval(actor: Actor, locked: ModelPackage, former: Decision, event: Event) -> None:
    """Refuse to bring an approval back that would not be given now."""
    # One without a hash was approved before hashes were kept, and its content did not change since.
    if former.content not in ("", content_hash(locked)) or former.waiting_since is not None:
        raise Refused("It cannot be undone: its content is not what was approved. Approve it again.")
    rules = rules_of(locked)
    approvals = may_approve_still(locked, _approvals_before(locked, event))
    facts = facts_of(locked, rules, votes=approvals)
    against = failed(findings(rules, replace(facts, approver=former.decided_by, comment=former.comment)))
    if against:
        raise RulesNotMet(against)


def _approvals_before(locked: ModelPackage, event: Event) -> list[str]:
    """Whose approvals counted when the package was approved, before the decision of that event."""
    decisions = Event.objects.for_package(locked.pk).filter(kind="model_package.approval_status_changed")
    for earlier in decisions.filter(pk__lt=event.pk).order_by("-id")[:20]:
        before, after = earlier.before or {}, earlier.after or {}
        if "DecidedTime" in after and before.get("DecidedTime") == after["DecidedTime"]:
            continue  # other words for the approval that stood: no approval of its own
        if after.get("ModelApprovalStatus") == ApprovalStatus.APPROVED and not after.get("Undone"):
            return list(after.get("Approvals") or [earlier.actor_name])
    return []
