"""Decide on a package: approve, reject, or put it back to waiting. Nothing else makes a package Approved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..contents import content_hash
from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from ..reviewing import REVISING, rules_of
from ..rules import NO_RULES, ReviewRules
from .locks import conflict, lock_package, touch_package
from .packages import STATUS_COUNTERS, approved_now
from .permits import ask_rules, check_comment, require_comment, rules_in_force
from .votes import clear_votes, give_vote


@transaction.atomic
def update_approval_status(
    *,
    actor: Actor,
    package: ModelPackage,
    approval_status: str,
    comment: str = "",
    seen: int | None = None,
    override: bool = False,
) -> ModelPackage:
    """Set the approval status with a comment that stays; leaves `model_package.approval_status_changed`.

    Needs reviewer. Approving keeps the rules of the group (RulesNotMet names those that fail); with several approvals
    needed it is a vote until the last one (`model_package.vote_given`; the status stays). `override` approves against
    the rules: needs admin and a comment. `seen` is the revision the reviewer looked at: a package that changed since
    is a Conflict whose `current` is the package. The same status with the same comment changes nothing. Raises
    ValidationError for `approval_status` and `comment`. Returns the locked, fresh package.
    """
    authorize(actor, "model_package.decide", package)
    locked = lock_package(package)
    refuse_stale(locked, seen)
    return decide(actor=actor, locked=locked, approval_status=approval_status, comment=comment, override=override)


def refuse_stale(locked: ModelPackage, seen: int | None) -> None:
    """Raise a Conflict for a package that is not at the revision that the reviewer saw; None asks nothing."""
    if seen is not None and seen != locked.revision:
        raise conflict(
            "This version was changed since you opened it.",
            current=locked,
            kind=REVISING,
            package_id=locked.pk,
        )


def decide(
    *,
    actor: Actor,
    locked: ModelPackage,
    approval_status: str,
    comment: str,
    override: bool = False,
    words_only: bool = False,
) -> ModelPackage:
    """update_approval_status on a package that this transaction has locked; the same rules, the same event.

    `words_only`: the status was not said, so that content which changed since its approval is not approved by it.
    """
    authorize(actor, "model_package.decide", locked)
    if approval_status not in ApprovalStatus.values:
        raise ValidationError({"approval_status": [f"The status is one of {', '.join(ApprovalStatus.values)}."]})
    check_comment(comment)
    if override:
        authorize(actor, "model_package.override", locked)
    is_same = locked.approval_status == approval_status and (words_only or not locked.is_changed_since_approval)
    if is_same and locked.approval_description == comment:
        return locked
    rules = rules_of(locked)
    if is_same or approval_status != ApprovalStatus.APPROVED:
        require_comment(rules, comment)
    if is_same:
        # Other words for the decision that stands: it stays as it was made, by whom and when.
        return save_decision(actor, locked, replace(Decision.now(locked), comment=comment))
    if approval_status != ApprovalStatus.APPROVED:
        if override:
            raise ValidationError({"approval_status": ["Only an approval can override the rules."]})
        decision = _decision_of(actor, locked, approval_status, comment)
        return save_decision(actor, locked, decision, rules=rules, at=decision.decided_at)
    approval = ask_rules(actor, locked, rules, comment=comment, override=override)
    if approval.is_vote:
        give_vote(actor, locked, comment, approvals=approval.approvals, needed=rules.approvals_needed)
        return locked
    decision = _decision_of(actor, locked, approval_status, comment, by_override=bool(approval.overridden))
    return save_decision(actor, locked, decision, rules=rules, told=approval.told(), at=decision.decided_at)


# ---------- saving ----------


@dataclass(frozen=True)
class Decision:
    """The columns of a package that its decision is."""

    status: str | None
    comment: str
    decided_at: datetime | None
    decided_by: str
    by_override: bool
    waiting_since: datetime | None
    content: str

    @classmethod
    def now(cls, package: ModelPackage) -> Decision:
        """The decision that stands on a package."""
        return cls(
            status=package.approval_status,
            comment=package.approval_description,
            decided_at=package.decided_at,
            decided_by=package.decided_by_name,
            by_override=package.decided_by_override,
            waiting_since=package.waiting_since,
            content=package.approved_content,
        )

    def columns(self) -> dict[str, Any]:
        return {
            "approval_status": self.status,
            "approval_description": self.comment,
            "decided_at": self.decided_at,
            "decided_by_name": self.decided_by,
            "decided_by_override": self.by_override,
            "waiting_since": self.waiting_since,
            "approved_content": self.content,
        }

    def as_members(self) -> dict[str, Any]:
        """The decision in an event: the wire's two members, and of the others those that say something."""
        more = {
            "DecidedTime": self.decided_at.isoformat() if self.decided_at else None,
            "DecidedBy": self.decided_by,
            "DecidedByOverride": self.by_override,
            "WaitingSince": self.waiting_since.isoformat() if self.waiting_since else None,
            "ApprovedContent": self.content,
        }
        members = {"ModelApprovalStatus": self.status, "ApprovalDescription": self.comment}
        return members | {name: value for name, value in more.items() if value}

    @classmethod
    def of_members(cls, members: dict[str, Any]) -> Decision:
        """The decision that as_members wrote into an event."""
        decided, waiting = members.get("DecidedTime"), members.get("WaitingSince")
        return cls(
            status=members.get("ModelApprovalStatus"),
            comment=members.get("ApprovalDescription") or "",
            decided_at=datetime.fromisoformat(decided) if decided else None,
            decided_by=members.get("DecidedBy") or "",
            by_override=bool(members.get("DecidedByOverride")),
            waiting_since=datetime.fromisoformat(waiting) if waiting else None,
            content=members.get("ApprovedContent") or "",
        )


def _decision_of(
    actor: Actor, package: ModelPackage, status: str, comment: str, *, by_override: bool = False
) -> Decision:
    now = timezone.now()
    waiting = status == ApprovalStatus.WAITING
    return Decision(
        status=status,
        comment=comment,
        decided_at=None if waiting else now,
        decided_by="" if waiting else actor.name,
        by_override=by_override,
        waiting_since=(package.waiting_since or now) if waiting else None,
        content=content_hash(package) if status == ApprovalStatus.APPROVED else "",
    )


def save_decision(
    actor: Actor,
    locked: ModelPackage,
    decision: Decision,
    *,
    rules: ReviewRules = NO_RULES,
    told: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> ModelPackage:
    """Save a decision with the counts of its group, end the round of votes, and leave the event; asks no rule.

    `told` are further members for the event, `at` is when it is made, now by default. Only for services that asked the
    rules, or that need not ask them.
    """
    before = Decision.now(locked)
    group = locked.group

    def counted() -> dict[str, Any]:
        if group is None:
            return {}
        changes = moved_counts(group, before.status, decision.status)
        return changes | approved_now(group) if ApprovalStatus.APPROVED in (before.status, decision.status) else changes

    votes = clear_votes(locked) if rules.approvals_needed > 1 else []
    touch_package(actor, locked, at=at, group_changes=counted, **decision.columns())
    record(
        actor,
        "model_package.approval_status_changed",
        package=locked,
        before=before.as_members() | ({"Votes": votes} if votes else {}),
        after=decision.as_members() | rules_in_force(locked) | (told or {}) | {"Revision": locked.revision},
        comment=decision.comment,
        at=locked.last_modified_at,
    )
    return locked


def moved_counts(group: ModelPackageGroup, before: str | None, after: str | None) -> dict[str, int]:
    """The counts of a locked group when one version goes from one status to another; its caller saves them."""
    down, up = STATUS_COUNTERS.get(before), STATUS_COUNTERS.get(after)
    if down == up:
        return {}
    return {name: getattr(group, name) + step for name, step in ((down, -1), (up, +1)) if name}
